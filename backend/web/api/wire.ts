// What the server sends and takes, as `/v1/openapi/openapi.json` describes it. Members that no screen reads are left out.

export interface TownName {
  readonly slug: string;
  readonly name: string;
}

export type Role =
  | "officer"
  | "superior"
  | "dispatcher"
  | "clerk"
  | "custodian"
  | "prosecutor"
  | "guard"
  | "dpo"
  | "staff_council"
  | "admin"
  | "dock"
  | "gateway";

export interface Me {
  readonly person: string;
  readonly name: string;
  readonly call_sign: string;
  readonly town: TownName;
  readonly roles: readonly Role[];
  readonly scopes: readonly string[];
}

export interface OffenceLine {
  readonly id: string;
  readonly rev: number;
  readonly by: string;
  readonly received_at: string;
  readonly occurred_at: string;
  readonly tbnr: string;
  readonly plate: string | null;
  readonly street: string;
  readonly house_no: string | null;
  readonly amount_cents: number | null;
  readonly findings: readonly string[];
  readonly photos: number;
  readonly media_state: "none" | "awaiting" | "complete";
  readonly synthetic_plate: boolean;
}

export interface Offence extends OffenceLine {
  readonly recorded_at: string;
  readonly ended_at: string | null;
  readonly place_detail: string | null;
  readonly plate_country: string | null;
  readonly vehicle: { readonly make: string | null; readonly colour: string | null; readonly kind: string | null } | null;
  readonly edition_from: string | null;
  readonly edition_cents: number | null;
  readonly note: string | null;
}

export type Facts = Readonly<Record<string, string | number>>;

export interface Task {
  readonly id: string;
  readonly audience: string;
  readonly kind: string;
  readonly subject_type: string;
  readonly subject: string;
  readonly facts: Facts;
  readonly rev: number;
  readonly opened_at: string;
  readonly closed_at: string | null;
  readonly outcome: string | null;
}

export type Outcome = "settled" | "no_action";

export interface CloseTask {
  readonly outcome: Outcome;
  readonly reason: string;
  readonly base: number;
}

export interface Board {
  readonly cursor: string;
  readonly today: string;
  readonly offences: readonly OffenceLine[];
  readonly tasks: readonly Task[];
  readonly people: readonly { readonly person: string; readonly call_sign: string }[];
  readonly counts: {
    readonly offences: number;
    readonly offences_today: number;
    readonly tasks: Readonly<Record<string, number>>;
  };
}

interface Changed {
  readonly scope: string;
  readonly id: string;
  readonly rev: number;
}

interface Gone extends Changed {
  readonly op: "drop" | "delete" | "purge";
  readonly type: string;
}

/** One row of the feed; `put` carries the thing as this audience sees it. */
export type FeedChange =
  | (Changed & { readonly op: "put"; readonly type: "offence"; readonly body: OffenceLine })
  | (Changed & { readonly op: "put"; readonly type: "task"; readonly body: Task })
  | Gone;

export interface FeedPage {
  readonly changes: readonly FeedChange[];
  readonly cursor: string;
  readonly more: boolean;
}

export interface CatalogueEntry {
  readonly tbnr: string;
  readonly valid_from: string;
  readonly valid_until: string | null;
  readonly amount_cents: number | null;
  readonly text: string | null;
  readonly provision: string | null;
}

export interface CatalogueOnDay {
  readonly day: string;
  readonly entries: readonly CatalogueEntry[];
}

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly instance?: string;
}
