// What the control room reads and sends, as `/v1/openapi/openapi.json` describes it. Members that no screen reads are left out.
import type { Task } from "./wire.ts";

export type Priority = 1 | 2 | 3 | 4 | 5;
export type Disposition = "real" | "false_user" | "false_technical" | "test" | "drill" | "unfounded";
export type AlarmState =
  | "raised"
  | "returned_unaccepted"
  | "accepted"
  | "returned"
  | "shelved"
  | "out_of_service"
  | "closed";
export type IncidentState = "new" | "accepted" | "dispatched" | "on_scene" | "resolved" | "closed" | "merged";
export type JobState =
  | "proposed"
  | "sent"
  | "delivered"
  | "accepted"
  | "en_route"
  | "on_scene"
  | "timed_out"
  | "declined"
  | "withdrawn"
  | "done";
export type Status =
  | "available_patrol"
  | "available_station"
  | "en_route"
  | "on_scene"
  | "off"
  | "committed"
  | "limited";
export type Meaning = Status | "wants_to_talk" | "urgent_talk" | "acknowledge";
export type EmergencyState = "stored" | "shown" | "accepted" | "supported" | "safe" | "closed";
export type Channel = "phone" | "officer" | "citizen" | "patrol";

export interface Alarm {
  readonly id: string;
  readonly rev: number;
  readonly kind: string;
  readonly priority: Priority;
  readonly state: AlarmState;
  readonly is_latched: boolean;
  readonly place: string;
  readonly building: string | null;
  readonly level: number | null;
  readonly text: string | null;
  readonly code: string | null;
  readonly flags: string;
  readonly count: number;
  readonly sounds: number;
  readonly received_at: string;
  readonly last_at: string;
  readonly raised_at: string;
  readonly late_s: number | null;
  readonly incident: string | null;
  readonly shown_at: string | null;
  readonly accepted_at: string | null;
  readonly accepted_by: string | null;
  readonly shelved_until: string | null;
  readonly due_at: string | null;
  readonly told: string | null;
  readonly told_at: string | null;
}

export interface Incident {
  readonly id: string;
  readonly rev: number;
  readonly no: number;
  readonly kind: string;
  readonly priority: Priority;
  readonly state: IncidentState;
  readonly place: string;
  readonly building: string | null;
  readonly text: string | null;
  readonly happened_at: string;
  readonly opened_at: string;
  readonly opened_by: string | null;
  readonly rule: string | null;
  readonly accepted_at: string | null;
  readonly accepted_by: string | null;
  readonly is_without_unit: boolean;
  readonly resolved_at: string | null;
  readonly closed_at: string | null;
  readonly disposition: Disposition | null;
}

export interface Report {
  readonly id: string;
  readonly rev: number;
  readonly channel: Channel;
  readonly text: string;
  readonly place: string;
  readonly caller: string | null;
  readonly by: string;
  readonly recorded_at: string;
  readonly received_at: string;
  readonly incident: string | null;
}

export interface Job {
  readonly id: string;
  readonly rev: number;
  readonly incident: string;
  readonly unit: string;
  readonly state: JobState;
  readonly text: string | null;
  readonly sent_at: string;
  readonly delivered_at: string | null;
  readonly accepted_at: string | null;
  readonly en_route_at: string | null;
  readonly on_scene_at: string | null;
  readonly ended_at: string | null;
  readonly reason: string | null;
}

export interface Unit {
  readonly id: string;
  readonly rev: number;
  readonly call_sign: string;
  readonly mode: "foot" | "bike" | "car";
  readonly status: Status;
  readonly code: string | null;
  readonly status_at: string;
  readonly is_clock_off: boolean;
  readonly wants_to_talk: boolean;
  readonly urgent_talk: boolean;
  readonly crew: readonly string[];
}

export interface Note {
  readonly id: string;
  readonly incident: string;
  readonly text: string;
  readonly by: string | null;
  readonly rule: string | null;
  readonly received_at: string;
}

export interface Decision {
  readonly id: string;
  readonly rule: string;
  readonly outcome: string;
  readonly reason: string;
  readonly at: string;
}

export interface Emergency {
  readonly id: string;
  readonly rev: number;
  readonly kind: "duress" | "help" | "medical" | "timer";
  readonly state: EmergencyState;
  readonly person: string;
  readonly incident: string | null;
  readonly raised_at: string;
  readonly received_at: string;
  readonly presses: number;
  readonly cancelled_at: string | null;
  readonly lat: number | null;
  readonly lon: number | null;
  readonly accuracy_m: number | null;
  readonly shown_at: string | null;
  readonly accepted_at: string | null;
  readonly accepted_by: string | null;
  readonly due_at: string | null;
  readonly told: string | null;
  readonly told_at: string | null;
}

export interface SenderLine {
  readonly id: string;
  readonly rev: number;
  readonly label: string;
  readonly building: string;
  readonly link: "unknown" | "online" | "late" | "lost";
  readonly last_seen: string | null;
}

export interface StatusCode {
  readonly code: string;
  readonly meaning: Meaning;
}

export interface DeskBoard {
  readonly cursor: string;
  readonly now: string;
  readonly waiting: number;
  readonly emergencies: readonly Emergency[];
  readonly alarms: readonly Alarm[];
  readonly incidents: readonly Incident[];
  readonly reports: readonly Report[];
  readonly jobs: readonly Job[];
  readonly notes: readonly Note[];
  readonly units: readonly Unit[];
  readonly lines: readonly SenderLine[];
  readonly tasks: readonly Task[];
  readonly codes: readonly StatusCode[];
}

export interface OpenAlarms {
  readonly alarms: readonly Alarm[];
  readonly emergencies: readonly Emergency[];
  readonly waiting: number;
}

export interface WholeIncident {
  readonly incident: Incident;
  readonly reports: readonly Report[];
  readonly jobs: readonly Job[];
  readonly notes: readonly Note[];
  readonly decisions: readonly Decision[];
}

/** That clips of an incident exist; a dispatcher learns no more of them. */
export interface IncidentClips {
  readonly clips: number;
  readonly arrived: number;
  readonly held: number;
}

/** What stands in the scope `desk`, by the type that a change names. */
export type DeskThings = {
  readonly alarm: Alarm;
  readonly incident: Incident;
  readonly report: Report;
  readonly job: Job;
  readonly note: Note;
  readonly unit: Unit;
  readonly emergency: Emergency;
  readonly line: SenderLine;
  readonly task: Task;
};

type Put = {
  [T in keyof DeskThings]: {
    readonly op: "put";
    readonly scope: string;
    readonly type: T;
    readonly id: string;
    readonly rev: number;
    readonly body: DeskThings[T];
  };
}[keyof DeskThings];

export type DeskChange =
  | Put
  | {
      readonly op: "drop" | "delete" | "purge";
      readonly scope: string;
      readonly type: string;
      readonly id: string;
      readonly rev: number;
    };

/** A page of the feed, as the desk reads it. */
export type DeskPage = {
  readonly changes: readonly DeskChange[];
  readonly cursor: string;
  readonly more: boolean;
};

export interface NewJob {
  readonly id: string;
  readonly incident: string;
  readonly unit: string;
  readonly text?: string;
}

export interface NewReport {
  readonly id: string;
  readonly channel: Channel;
  readonly text: string;
  readonly place: string;
  readonly caller?: string;
}

export interface NewIncident {
  readonly id: string;
  readonly kind: string;
  readonly priority: Priority;
  readonly place: string;
  readonly text?: string;
  readonly reports: readonly string[];
}

export interface NewNote {
  readonly id: string;
  readonly text: string;
}
