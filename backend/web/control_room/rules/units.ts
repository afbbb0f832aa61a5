// Units: which stand out, in which order, and which could go (design/control-room.md 2.3, 2.5).
import type { Incident, Job, Meaning, Status, Unit } from "../../api/wire_desk.ts";
import type { Desk } from "./desk.ts";
import { MEANINGS, OPEN_JOBS } from "./words.ts";

/** Minutes that a status may last: a warning, an alert. */
const LASTS: Readonly<Record<Status, readonly [number, number]>> = {
  available_patrol: [60, 90],
  available_station: [Infinity, Infinity],
  en_route: [10, 20],
  on_scene: [20, 30],
  off: [45, 60],
  committed: [30, 45],
  limited: [60, 90],
};

export type Flag = "urgent" | "talk" | "alert" | "warn" | "none";

export interface Line {
  readonly unit: Unit;
  readonly flag: Flag;
  readonly since: number;
  /** The open job that says most, and its incident. */
  readonly job: Job | null;
  readonly incident: Incident | null;
}

export const isFree = ({ status }: Unit): boolean => status === "available_patrol" || status === "available_station";
export const isOff = ({ status }: Unit): boolean => status === "off";
/** On duty: somebody is on shift in it, or it moves. */
export const isOnDuty = (unit: Unit): boolean => unit.crew.length > 0 || unit.status !== "off";

/** Units on duty: flagged first, then whose status is oldest. */
export function units(desk: Desk, now: number): readonly Line[] {
  return [...desk.unit.values()].filter(isOnDuty).map((unit) => lineOf(unit, desk, now)).toSorted(flaggedFirst);
}

const ORDER: Readonly<Record<Flag, number>> = { urgent: 0, alert: 1, talk: 2, warn: 3, none: 4 };

function flaggedFirst(one: Line, other: Line): number {
  return ORDER[one.flag] - ORDER[other.flag] || one.since - other.since || byName(one.unit, other.unit);
}

const byName = (one: Unit, other: Unit): number => one.call_sign.localeCompare(other.call_sign, "de", { numeric: true });

function lineOf(unit: Unit, desk: Desk, now: number): Line {
  const since = Date.parse(unit.status_at);
  const open = jobsOf(unit, desk);
  const job = open.find((one) => one.state === "on_scene") ?? open.at(-1) ?? null;
  return { unit, since, flag: flagOf(unit, now - since), job, incident: (job && desk.incident.get(job.incident)) ?? null };
}

function flagOf(unit: Unit, ms: number): Flag {
  if (unit.urgent_talk) return "urgent";
  const [warn, alert] = LASTS[unit.status];
  if (ms > alert * 60_000) return "alert";
  if (unit.wants_to_talk) return "talk";
  return ms > warn * 60_000 ? "warn" : "none";
}

export function jobsOf(unit: Unit, desk: Desk): readonly Job[] {
  return [...desk.job.values()].filter((job) => job.unit === unit.id && OPEN_JOBS.has(job.state));
}

export interface Proposal {
  readonly unit: Unit;
  /** Why it stands where it stands. */
  readonly why: string;
}

const RANK: Readonly<Record<Status, number>> = {
  available_patrol: 0,
  available_station: 1,
  limited: 2,
  en_route: 3,
  on_scene: 4,
  committed: 5,
  off: 6,
};
const PROPOSED = 5;

/** Up to five units that could go to an incident: free ones first; none in a pause, none on a P1 or P2, none twice. */
export function proposals(incident: Incident, desk: Desk, now: number): readonly Proposal[] {
  return [...desk.unit.values()]
    .filter((unit) => isOnDuty(unit) && !isOff(unit) && !jobsOf(unit, desk).some((job) => job.incident === incident.id))
    .filter((unit) => !jobsOf(unit, desk).some((job) => (desk.incident.get(job.incident)?.priority ?? 5) <= 2))
    .toSorted(
      (one, other) =>
        RANK[one.status] - RANK[other.status] ||
        jobsOf(one, desk).length - jobsOf(other, desk).length ||
        Date.parse(one.status_at) - Date.parse(other.status_at) ||
        byName(one, other),
    )
    .slice(0, PROPOSED)
    .map((unit) => ({ unit, why: why(unit, desk, now) }));
}

function why(unit: Unit, desk: Desk, now: number): string {
  const minutes = Math.max(0, Math.floor((now - Date.parse(unit.status_at)) / 60_000));
  const jobs = jobsOf(unit, desk);
  const busy = jobs.length === 0 ? "" : `, ${jobs.length === 1 ? "ein Auftrag" : `${jobs.length} Aufträge`} offen`;
  return `${MEANINGS[unit.status]} seit ${minutes}\u00a0min${busy}`;
}

/** The town's number for what a unit does, or the FMS's own where the status was never pressed. */
export function codeOf(unit: Unit, codes: Desk["codes"]): string {
  const wanted: Meaning = unit.urgent_talk ? "urgent_talk" : unit.wants_to_talk ? "wants_to_talk" : unit.status;
  const own = codes.find((one) => one.meaning === wanted)?.code;
  const pressed = codes.find((one) => one.code === unit.code && one.meaning === wanted)?.code;
  return pressed ?? own ?? "–";
}
