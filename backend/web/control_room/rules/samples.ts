// Things of the desk for tests; what a test does not say is ordinary.
import type { Alarm, DeskBoard, DeskChange, DeskPage, DeskThings, Emergency, Incident, Job, Unit } from "../../api/wire_desk.ts";

export const NOON = Date.parse("2026-11-17T11:00:00Z");

/** An instant so many seconds after noon. */
export const at = (seconds: number): string => new Date(NOON + seconds * 1000).toISOString();

export const alarm = (id: string, changes: Partial<Alarm> = {}): Alarm => ({
  id,
  rev: 1,
  kind: "panic.silent",
  priority: 1,
  state: "raised",
  is_latched: true,
  place: "Jobcenter · Zimmer 217 · Platz 3",
  building: "jobcenter",
  level: null,
  text: null,
  code: null,
  flags: "",
  count: 1,
  sounds: 1,
  received_at: at(0),
  last_at: at(0),
  raised_at: at(0),
  late_s: null,
  incident: null,
  shown_at: null,
  accepted_at: null,
  accepted_by: null,
  shelved_until: null,
  due_at: null,
  told: null,
  told_at: null,
  ...changes,
});

export const incident = (id: string, changes: Partial<Incident> = {}): Incident => ({
  id,
  rev: 1,
  no: 1143,
  kind: "noise",
  priority: 4,
  state: "new",
  place: "Landwehrstraße 19",
  building: null,
  text: null,
  happened_at: at(0),
  opened_at: at(0),
  opened_by: null,
  rule: null,
  accepted_at: null,
  accepted_by: null,
  is_without_unit: false,
  resolved_at: null,
  closed_at: null,
  disposition: null,
  ...changes,
});

export const unit = (id: string, call_sign: string, changes: Partial<Unit> = {}): Unit => ({
  id,
  rev: 1,
  call_sign,
  mode: "foot",
  status: "available_patrol",
  code: "1",
  status_at: at(0),
  is_clock_off: false,
  wants_to_talk: false,
  urgent_talk: false,
  crew: ["p1", "p2"],
  ...changes,
});

export const job = (id: string, changes: Partial<Job> = {}): Job => ({
  id,
  rev: 1,
  incident: "i",
  unit: "u",
  state: "sent",
  text: null,
  sent_at: at(0),
  delivered_at: null,
  accepted_at: null,
  en_route_at: null,
  on_scene_at: null,
  ended_at: null,
  reason: null,
  ...changes,
});

export const emergency = (id: string, changes: Partial<Emergency> = {}): Emergency => ({
  id,
  rev: 1,
  kind: "help",
  state: "stored",
  person: "p1",
  incident: null,
  raised_at: at(0),
  received_at: at(0),
  presses: 1,
  cancelled_at: null,
  lat: null,
  lon: null,
  accuracy_m: null,
  shown_at: null,
  accepted_at: null,
  accepted_by: null,
  due_at: null,
  told: null,
  told_at: null,
  ...changes,
});

export const board = (changes: Partial<DeskBoard> = {}): DeskBoard => ({
  cursor: "c0",
  now: at(0),
  waiting: 0,
  emergencies: [],
  alarms: [],
  incidents: [],
  reports: [],
  jobs: [],
  notes: [],
  units: [],
  lines: [],
  tasks: [],
  codes: [
    { code: "1", meaning: "available_patrol" },
    { code: "3", meaning: "en_route" },
    { code: "5", meaning: "wants_to_talk" },
  ],
  ...changes,
});

export function put<T extends keyof DeskThings>(type: T, body: DeskThings[T]): DeskChange {
  // `as`: type and body belong together by the signature.
  return { op: "put", scope: "desk", type, id: body.id, rev: "rev" in body ? body.rev : 1, body } as DeskChange;
}

export const page = (...changes: readonly DeskChange[]): DeskPage => ({ changes, cursor: "c1", more: false });
