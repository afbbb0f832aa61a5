// Who waits for a dispatcher: what stands in the red band, what sounds, and how loud the room is (K6).
import type { Alarm, Emergency } from "../../api/wire_desk.ts";
import type { Arrival, Desk } from "./desk.ts";

export type Waiting =
  | { readonly is: "emergency"; readonly id: string; readonly since: number; readonly emergency: Emergency }
  | { readonly is: "alarm"; readonly id: string; readonly since: number; readonly alarm: Alarm };

/** Lines of the band; more P1 are counted in words. */
export const BAND_LINES = 8;

export const isUnaccepted = ({ state }: Alarm): boolean => state === "raised" || state === "returned_unaccepted";
export const isUncalled = ({ state }: Emergency): boolean => state === "stored" || state === "shown";

/** Emergencies and P1 that nobody has accepted: emergencies first, then whoever waits longest. Never cut. */
export function waiting(desk: Desk): readonly Waiting[] {
  const emergencies = [...desk.emergency.values()]
    .filter(isUncalled)
    .map((emergency): Waiting => ({ is: "emergency", id: emergency.id, since: Date.parse(emergency.received_at), emergency }));
  const alarms = [...desk.alarm.values()]
    .filter((alarm) => alarm.priority === 1 && isUnaccepted(alarm))
    .map((alarm): Waiting => ({ is: "alarm", id: alarm.id, since: Date.parse(alarm.raised_at), alarm }));
  return [...emergencies.toSorted(longestFirst), ...alarms.toSorted(longestFirst)];
}

function longestFirst(one: Waiting, other: Waiting): number {
  return one.since - other.since || (one.id < other.id ? -1 : 1);
}

export type Tone = "emergency" | "p1" | "p2" | "none";

/** What has to sound until somebody accepts. In a flood P2 keeps its tone, P3 to P5 have none of their own. */
export function toneOf(desk: Desk, hintedP1: number): Tone {
  if ([...desk.emergency.values()].some(isUncalled)) return "emergency";
  const alarms = [...desk.alarm.values()].filter(isUnaccepted);
  if (hintedP1 > 0 || alarms.some((alarm) => alarm.priority === 1)) return "p1";
  return alarms.some((alarm) => alarm.priority === 2) ? "p2" : "none";
}

/** Alarms that have to sound once more: new P3, and accepted P1 that were pressed again. */
export function soundsAnew(before: Desk, after: Desk): boolean {
  if (before.alarm === after.alarm) return false;
  for (const alarm of after.alarm.values()) {
    const known = before.alarm.get(alarm.id);
    if (known === undefined ? alarm.priority === 3 : alarm.sounds > known.sounds && alarm.priority <= 3) return true;
  }
  return false;
}

const WINDOW_MS = 600_000;
const BURST_MS = 60_000;
const PER_DESK = 10;
const PER_BUILDING = 20;
const CALM = 5;

export interface Flood {
  readonly since: number;
  readonly count: number;
}

/** K6: more than 10 alarms in 10 min or more than 20 in one minute of a building, until fewer than 5 in 10 min. */
export function flood(before: Flood | null, arrivals: readonly Arrival[], now: number): Flood | null {
  const recent = arrivals.filter((one) => now - one.at < WINDOW_MS);
  const isOn = before === null ? recent.length > PER_DESK || isBurst(recent, now) : recent.length >= CALM;
  if (!isOn) return null;
  const first = Math.min(...recent.map((one) => one.at));
  return { since: before?.since ?? first, count: recent.length };
}

function isBurst(recent: readonly Arrival[], now: number): boolean {
  const byBuilding = new Map<string, number>();
  for (const { at, building } of recent) {
    if (building === null || now - at >= BURST_MS) continue;
    byBuilding.set(building, (byBuilding.get(building) ?? 0) + 1);
  }
  return [...byBuilding.values()].some((many) => many > PER_BUILDING);
}
