// The state of the desk and how the feed changes it: pure, so that every order of arrival can be tried.
import type { DeskBoard, DeskChange, DeskPage, DeskThings, OpenAlarms, StatusCode } from "../../api/wire_desk.ts";

type Kept = { readonly [T in keyof DeskThings]: ReadonlyMap<string, DeskThings[T]> };

/** What came within the last ten minutes, for the flood (K6). */
export interface Arrival {
  readonly id: string;
  readonly at: number;
  readonly building: string | null;
}

export interface Desk extends Kept {
  /** Where the feed goes on. */
  readonly cursor: string;
  readonly codes: readonly StatusCode[];
  /** What was open and is over, by id: its highest revision, so that nothing late brings it back. */
  readonly over: ReadonlyMap<string, number>;
  readonly arrivals: readonly Arrival[];
  /** The incident that was closed last, for a calm screen. */
  readonly lastClosed: DeskThings["incident"] | null;
}

const TYPES = ["alarm", "incident", "report", "job", "note", "unit", "emergency", "line", "task"] as const;
const ARRIVALS_MS = 600_000;

type Thing = DeskThings[keyof DeskThings];

function revOf(thing: Thing): number {
  return "rev" in thing ? thing.rev : 1;
}

function byId<T extends { readonly id: string }>(things: readonly T[]): ReadonlyMap<string, T> {
  return new Map(things.map((thing) => [thing.id, thing]));
}

/** The state that the server sent. */
export function begin(sent: DeskBoard): Desk {
  return {
    cursor: sent.cursor,
    codes: sent.codes,
    alarm: byId(sent.alarms),
    incident: byId(sent.incidents),
    report: byId(sent.reports),
    job: byId(sent.jobs),
    note: byId(sent.notes),
    unit: byId(sent.units),
    emergency: byId(sent.emergencies),
    line: byId(sent.lines),
    task: byId(sent.tasks),
    over: new Map(),
    arrivals: sent.alarms.map((one) => ({ id: one.id, at: Date.parse(one.raised_at), building: one.building })),
    lastClosed: null,
  };
}

/** The state after a page of the feed. A change that comes twice, or late with an older `rev`, changes nothing. */
export function apply(before: Desk, page: DeskPage): Desk {
  const change = new Change(before);
  for (const one of page.changes) if (one.scope === "desk") change.take(one);
  return { ...change.done(), cursor: page.cursor };
}

/** The state with the P1 that were read whole beside the feed. What is missing there leaves by the feed alone. */
export function withUrgent(before: Desk, { alarms, emergencies }: OpenAlarms): Desk {
  const change = new Change(before);
  for (const one of alarms) change.put("alarm", one);
  for (const one of emergencies) change.put("emergency", one);
  return change.done();
}

/** The state with what a command of ours answered, before the feed tells it. */
export function withThing<T extends keyof DeskThings>(before: Desk, type: T, thing: DeskThings[T]): Desk {
  const change = new Change(before);
  change.put(type, thing);
  return change.done();
}

/** Whether a thing of the desk is over: it stands in no list any more. */
function isOver(thing: Thing): boolean {
  if ("closed_at" in thing && thing.closed_at !== null) return true;
  return "state" in thing && (thing.state === "closed" || thing.state === "merged");
}

/** Several changes on their way into the state; a map is copied once, where it changes. */
class Change {
  private readonly before: Desk;
  private readonly maps: Partial<Record<keyof DeskThings, Map<string, Thing>>> = {};
  private over: Map<string, number> | null = null;
  private arrivals: Arrival[] | null = null;
  private lastClosed: DeskThings["incident"] | null;

  constructor(before: Desk) {
    this.before = before;
    this.lastClosed = before.lastClosed;
  }

  take(one: DeskChange): void {
    if (one.op === "put") return this.put(one.type, one.body);
    const type = TYPES.find((name) => name === one.type);
    if (type !== undefined) this.leave(type, one.id, one.rev);
  }

  put(type: keyof DeskThings, thing: Thing): void {
    if (!TYPES.includes(type)) return;
    const rev = revOf(thing);
    const known = this.before[type].get(thing.id) ?? this.maps[type]?.get(thing.id);
    const standing = this.maps[type]?.get(thing.id) ?? known;
    if (standing !== undefined && revOf(standing) >= rev) return;
    if (((this.over ?? this.before.over).get(thing.id) ?? 0) >= rev) return;
    if (type === "alarm" && standing === undefined) this.arrived(thing as DeskThings["alarm"]);
    if (!isOver(thing)) {
      this.map(type).set(thing.id, thing);
      return;
    }
    if (type === "incident") this.closed(thing as DeskThings["incident"]);
    this.leave(type, thing.id, rev);
  }

  private arrived(alarm: DeskThings["alarm"]): void {
    const at = Date.parse(alarm.raised_at);
    const since = at - ARRIVALS_MS;
    this.arrivals ??= this.before.arrivals.filter((one) => one.at >= since);
    if (!this.arrivals.some((one) => one.id === alarm.id)) {
      this.arrivals.push({ id: alarm.id, at, building: alarm.building });
    }
  }

  private closed(incident: DeskThings["incident"]): void {
    if (incident.state === "closed") this.lastClosed = incident;
    for (const type of ["job", "note"] as const) {
      for (const one of this.before[type].values()) if (one.incident === incident.id) this.map(type).delete(one.id);
    }
  }

  private leave(type: keyof DeskThings, id: string, rev: number): void {
    this.map(type).delete(id);
    this.over ??= new Map(this.before.over);
    this.over.set(id, Math.max(rev, this.over.get(id) ?? 0));
  }

  private map(type: keyof DeskThings): Map<string, Thing> {
    const known = this.maps[type];
    if (known !== undefined) return known;
    const made = new Map<string, Thing>(this.before[type]);
    this.maps[type] = made;
    return made;
  }

  done(): Desk {
    // `as`: each map holds what its type says; `put` is the only way in.
    const maps = this.maps as Partial<Kept>;
    return {
      ...this.before,
      ...maps,
      over: this.over ?? this.before.over,
      arrivals: this.arrivals ?? this.before.arrivals,
      lastClosed: this.lastClosed,
    };
  }
}
