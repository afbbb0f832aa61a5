// What pages read and send about clips, as `/v1/openapi/openapi.json` describes it. Members that no screen reads are left out.

export type ClipClass =
  | "unclassified"
  | "bodycam"
  | "dwelling"
  | "professional_secrecy"
  | "vehicle_unclassified"
  | "vehicle";
export type ClipState = "awaiting_media" | "stored" | "deleting" | "deleted";
export type ClipFinding =
  | "clock_off"
  | "clock_unusable"
  | "no_officer"
  | "unknown_camera"
  | "long"
  | "pre_recorded"
  | "duplicate"
  | "contradicts";
export type KeepGround = "danger_prevention" | "criminal_offence" | "regulatory_offence";
export type HoldGround = KeepGround | "person_request";

export interface ClipLine {
  readonly id: string;
  readonly rev: number;
  readonly camera: string;
  readonly camera_seq: number;
  readonly officer: string | null;
  readonly started_at: string;
  readonly duration_ms: number | null;
  readonly size_bytes: number;
  readonly state: ClipState;
  readonly clip_class: ClipClass;
  readonly rule: string;
  readonly delete_at: string;
  readonly is_held: boolean;
  readonly is_marked: boolean;
  readonly answers_rev: number;
  readonly findings: readonly ClipFinding[];
}

export interface Keep {
  readonly ground: KeepGround;
  readonly case_reference: string;
}

export interface Answers {
  readonly ground: "protect_officer" | "protect_third_person";
  readonly facts: string;
  readonly place_kind: "public" | "premises" | "dwelling" | "professional_secrecy";
  readonly announced: "announced" | "imminent_danger";
  readonly announcement_note?: string | null;
  readonly decided_by: "wearer" | "officer_in_charge" | "imminent_danger";
  readonly decider?: string | null;
  readonly is_urgent_danger: boolean;
  readonly keep?: Keep | null;
}

export interface Hold {
  readonly id: string;
  readonly clip: string;
  readonly ground: HoldGround;
  readonly case_reference: string;
  readonly review_on: string;
  readonly note: string | null;
  readonly placed_by: string;
  readonly placed_at: string;
  readonly released_at: string | null;
  readonly release_reason: string | null;
}

export interface Clip {
  readonly line: ClipLine;
  readonly docked_at: string;
  readonly received_at: string;
  readonly clock: string;
  readonly answers: Answers | null;
  readonly answered_by: string | null;
  readonly camera_erased_at: string | null;
  readonly reviewed_at: string | null;
  readonly holds: readonly Hold[];
}

export interface Gap {
  readonly id: string;
  readonly camera: string;
  readonly first: number;
  readonly last: number;
  readonly cause: string;
  readonly received_at: string;
  readonly filled: readonly number[];
}

/** A view that waits for a second person. */
export interface WaitingView {
  readonly id: string;
  readonly clip: string;
  readonly person: string;
  readonly opened_at: string;
  readonly answer_until: string;
}

export interface EvidenceBoard {
  readonly cursor: string;
  readonly clips: readonly ClipLine[];
  readonly gaps: readonly Gap[];
  readonly exports: readonly Export[];
  readonly views: readonly WaitingView[];
}

export interface CustodyEntry {
  readonly id: string;
  readonly kind: string;
  readonly at: string;
  readonly person: string | null;
  readonly reason: string | null;
}

export interface NewHold {
  readonly ground: HoldGround;
  readonly case_reference: string;
  readonly review_on: string;
  readonly note?: string;
}

export interface View {
  readonly id: string;
  readonly clip: string;
  readonly until: string;
  readonly needs_approval: boolean;
}

export interface Case {
  readonly id: string;
  readonly aktenzeichen: string;
  readonly ground: string;
}

export interface Export {
  readonly id: string;
  readonly rev: number;
  readonly case_id: string;
  readonly aktenzeichen: string;
  readonly recipient: string;
  readonly state: "requested" | "approved" | "built" | "failed" | "gone";
  readonly requested_by: string;
  readonly requested_at: string;
  readonly approved_by: string | null;
  readonly approved_at: string | null;
  readonly built_at: string | null;
  readonly size_bytes: number | null;
  readonly sha256: string | null;
  readonly root: string | null;
  readonly delivered_at: string | null;
  readonly delete_at: string | null;
  readonly problem: string | null;
  readonly items: readonly { readonly clip: string; readonly outcome: "original" | "deleted" | "withheld" | null }[];
}
