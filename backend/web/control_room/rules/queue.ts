// The queue: what is open, in groups and in order. P1 stands apart and is never grouped away (promise 3).
import type { Alarm, Incident, Job, Priority, Report } from "../../api/wire_desk.ts";
import type { Task } from "../../api/wire.ts";
import { say } from "../../office/rules/sentences.ts";
import type { Desk } from "./desk.ts";
import { isUnaccepted } from "./waiting.ts";
import { alarmKind, kindOf, OPEN_JOBS } from "./words.ts";

export type Subject = "incident" | "alarm" | "report" | "task";

export interface Row {
  readonly id: string;
  readonly is: Subject;
  readonly priority: Priority;
  /** The town's number, or what stands for it. */
  readonly no: string;
  readonly what: string;
  readonly place: string;
  readonly state: string;
  /** State for a wide screen: with the unit. */
  readonly wide: string;
  readonly since: number;
  /** Nobody has accepted it, or an alarm of it. */
  readonly isNew: boolean;
  /** It waits for longer than its priority allows (3.3). */
  readonly isLate: boolean;
}

/** Alarms of one building, folded in a flood. */
export interface House {
  readonly building: string;
  readonly name: string;
  readonly newest: number;
  readonly counts: readonly { readonly priority: Priority; readonly count: number }[];
  readonly rows: readonly Row[];
}

export interface Queue {
  readonly urgent: readonly Row[];
  readonly houses: readonly House[];
  readonly open: readonly Row[];
  readonly working: readonly Row[];
  readonly done: readonly Row[];
}

/** Time within which a priority is to be accepted, in ms (3.3). */
const WITHIN: Readonly<Record<Priority, number>> = { 1: 15_000, 2: 60_000, 3: 300_000, 4: 1_800_000, 5: Infinity };

/** The queue as of `now` (the server's clock). */
export function queue(desk: Desk, now: number, isFlood: boolean): Queue {
  const [jobs, waiting] = [jobsByIncident(desk), waitingByIncident(desk)];
  const rows = [
    ...[...desk.incident.values()].map((one) => ofIncident(one, jobs.get(one.id) ?? [], waiting.get(one.id), desk, now)),
    ...[...desk.alarm.values()].filter((one) => !hasIncident(one, desk)).map((one) => ofAlarm(one, now)),
    ...[...desk.report.values()].filter((one) => one.incident === null).map((one) => ofReport(one, now)),
    ...[...desk.task.values()].map(ofTask),
  ].toSorted(mostUrgentFirst);
  const isDone = (row: Row): boolean => row.is === "incident" && desk.incident.get(row.id)?.state === "resolved";
  const isWorking = (row: Row): boolean =>
    row.is === "incident" && ["dispatched", "on_scene"].includes(desk.incident.get(row.id)?.state ?? "");
  const urgent = rows.filter((row) => row.priority === 1 && !isDone(row));
  const others = rows.filter((row) => row.priority > 1 && !isDone(row));
  const folded = isFlood ? others.filter((row) => row.is === "alarm" && buildingOf(row, desk) !== null) : [];
  const rest = others.filter((row) => !folded.includes(row));
  return {
    urgent,
    houses: houses(folded, desk),
    open: rest.filter((row) => !isWorking(row)),
    working: rest.filter(isWorking),
    done: rows.filter(isDone),
  };
}

/** Every row in the order of the screen, as the arrow keys go. */
export function inOrder({ urgent, houses: cards, open, working, done }: Queue): readonly Row[] {
  return [...urgent, ...cards.flatMap((card) => card.rows), ...open, ...working, ...done];
}

/** Rows of `fresh` in the places that `shown` gave them; new ones come behind. */
export function held(fresh: readonly Row[], shown: readonly string[]): readonly Row[] {
  const byId = new Map(fresh.map((row) => [row.id, row]));
  const kept = shown.flatMap((id) => byId.get(id) ?? []);
  const known = new Set(kept.map((row) => row.id));
  return [...kept, ...fresh.filter((row) => !known.has(row.id))];
}

function mostUrgentFirst(one: Row, other: Row): number {
  return (
    Number(other.isNew) - Number(one.isNew) ||
    one.priority - other.priority ||
    other.since - one.since ||
    (one.id < other.id ? -1 : 1)
  );
}

const hasIncident = (alarm: Alarm, desk: Desk): boolean => alarm.incident !== null && desk.incident.has(alarm.incident);
const buildingOf = (row: Row, desk: Desk): string | null => desk.alarm.get(row.id)?.building ?? null;

function jobsByIncident(desk: Desk): ReadonlyMap<string, readonly Job[]> {
  const found = new Map<string, Job[]>();
  for (const job of desk.job.values()) {
    if (!OPEN_JOBS.has(job.state)) continue;
    const known = found.get(job.incident);
    if (known === undefined) found.set(job.incident, [job]);
    else known.push(job);
  }
  return found;
}

interface Unaccepted {
  readonly count: number;
  /** Of the oldest. */
  readonly since: number;
}

/** Alarms of incidents that nobody accepted. */
function waitingByIncident(desk: Desk): ReadonlyMap<string, Unaccepted> {
  const found = new Map<string, Unaccepted>();
  for (const alarm of desk.alarm.values()) {
    if (alarm.incident === null || !isUnaccepted(alarm)) continue;
    const { count, since } = found.get(alarm.incident) ?? { count: 0, since: Infinity };
    found.set(alarm.incident, { count: count + 1, since: Math.min(since, Date.parse(alarm.raised_at)) });
  }
  return found;
}

/** A place as a row shows it: commas part building, zone and point. */
const placeOf = (place: string): string => place.split(" · ").join(", ");

function ofIncident(one: Incident, jobs: readonly Job[], waiting: Unaccepted | undefined, desk: Desk, now: number): Row {
  const isNew = one.state === "new" || waiting !== undefined;
  const since = one.state === "new" ? Date.parse(one.opened_at) : (waiting?.since ?? Date.parse(one.opened_at));
  const [short, wide] = one.state !== "new" && waiting !== undefined ? waits(waiting.count) : stateOf(one, jobs, desk);
  return {
    id: one.id,
    is: "incident",
    priority: one.priority,
    no: String(one.no),
    what: kindOf(one.kind),
    place: placeOf(one.place),
    state: short,
    wide,
    since,
    isNew,
    isLate: isNew && now - since > WITHIN[one.priority],
  };
}

/** An accepted incident hides no alarm that nobody accepted. */
const waits = (count: number): readonly [string, string] =>
  count === 1 ? ["1 wartet", "ein Alarm wartet"] : [`${count} warten`, `${count} Alarme warten`];

function stateOf(one: Incident, jobs: readonly Job[], desk: Desk): readonly [string, string] {
  if (one.state === "new") return ["neu", "neu"];
  if (one.state === "resolved") return ["erledigt", "erledigt"];
  const [first] = jobs;
  if (first === undefined) return one.is_without_unit ? ["ohne Einh.", "ohne Einheit"] : ["angen.", "angenommen"];
  const isThere = jobs.some((job) => job.state === "on_scene");
  const does = isThere ? "vor Ort" : first.state === "en_route" || first.state === "accepted" ? "unterw." : "gesendet";
  if (jobs.length > 1) return [`${jobs.length} ${does}`, `${jobs.length} Streifen ${does}`];
  return [does, `${desk.unit.get(first.unit)?.call_sign ?? ""} ${does}`.trim()];
}

const SHORT = { raised: "neu", returned_unaccepted: "rückgest.", accepted: "angen.", returned: "rückgest." } as const;
const WIDE = {
  raised: "neu",
  returned_unaccepted: "zurückgestellt",
  accepted: "angenommen",
  returned: "zurückgestellt",
} as const;

function ofAlarm(one: Alarm, now: number): Row {
  const since = Date.parse(one.raised_at);
  const isNew = isUnaccepted(one);
  const isQuiet = one.state === "shelved" || one.state === "out_of_service" || one.state === "closed";
  return {
    id: one.id,
    is: "alarm",
    priority: one.priority,
    no: "",
    what: alarmKind(one),
    place: placeOf(one.place),
    state: isQuiet ? (one.state === "shelved" ? "ruht" : "außer B.") : SHORT[one.state],
    wide: isQuiet ? (one.state === "shelved" ? "ruht" : "außer Betrieb") : WIDE[one.state],
    since,
    isNew,
    isLate: isNew && now - since > WITHIN[one.priority],
  };
}

function ofReport(one: Report, now: number): Row {
  const since = Date.parse(one.received_at);
  return {
    id: one.id,
    is: "report",
    priority: 4,
    no: "M",
    what: "Meldung",
    place: one.place,
    state: "neu",
    wide: "neu",
    since,
    isNew: true,
    isLate: now - since > WITHIN[4],
  };
}

function ofTask(one: Task): Row {
  return {
    id: one.id,
    is: "task",
    priority: 5,
    no: "A",
    what: say(one.kind, one.facts).title,
    place: "",
    state: "Aufgabe",
    wide: "Aufgabe",
    since: Date.parse(one.opened_at),
    isNew: false,
    isLate: false,
  };
}

function houses(rows: readonly Row[], desk: Desk): readonly House[] {
  const grouped = new Map<string, Row[]>();
  for (const row of rows) {
    const building = buildingOf(row, desk) ?? "";
    const known = grouped.get(building);
    if (known === undefined) grouped.set(building, [row]);
    else known.push(row);
  }
  return [...grouped]
    .map(([building, listed]) => ({
      building,
      name: listed[0]?.place.split(", ")[0] ?? "",
      newest: Math.max(...listed.map((row) => row.since)),
      counts: ([2, 3, 4, 5] as const)
        .map((priority) => ({ priority, count: listed.filter((row) => row.priority === priority).length }))
        .filter(({ count }) => count > 0),
      rows: listed,
    }))
    .toSorted((one, other) => other.rows.length - one.rows.length || (one.name < other.name ? -1 : 1));
}
