// The state of the screen and how the feed changes it: pure, so that every order of arrival can be tried.
import type { Board as Sent, FeedChange, FeedPage, OffenceLine, Task } from "../../api/wire.ts";

/** Most rows of a list, so that painting all of them anew stays within a few frames; the counters know of all. */
export const WINDOW = 200;
/** Listed tasks below which the board is read again, where more wait than are listed. */
const LOW = 100;

export interface Counts {
  readonly offences: number;
  readonly today: number;
  readonly tasks: Readonly<Record<string, number>>;
}

export interface Board {
  /** Where the feed goes on. */
  readonly cursor: string;
  /** The day that `counts.today` counts, in Europe/Berlin. */
  readonly today: string;
  /** The newest received first, at most `WINDOW`. */
  readonly offences: readonly OffenceLine[];
  /** Open ones, the oldest first. Where fewer are listed than counted, newer ones wait behind the last. */
  readonly tasks: readonly Task[];
  /** Offences by id: the listed ones, and those that listed tasks are about. */
  readonly lines: ReadonlyMap<string, OffenceLine>;
  readonly people: ReadonlyMap<string, string>;
  readonly counts: Counts;
  /** Ids that are counted; it only grows, and belongs to the newest state alone. */
  readonly counted: Set<string>;
  /** Something came that only a new board can tell: an unknown person, a task that was never listed. */
  readonly isStale: boolean;
}

/** The state that the server sent. */
export function begin(sent: Sent): Board {
  const lines = new Map(sent.offences.map((line) => [line.id, line]));
  return {
    cursor: sent.cursor,
    today: sent.today,
    offences: sent.offences.slice(0, WINDOW).toSorted(newestFirst),
    tasks: sent.tasks,
    lines,
    people: new Map(sent.people.map((one) => [one.person, one.call_sign])),
    counts: { offences: sent.counts.offences, today: sent.counts.offences_today, tasks: sent.counts.tasks },
    counted: new Set([...lines.keys(), ...sent.tasks.map((task) => task.id)]),
    isStale: false,
  };
}

/** The state after a page of the feed. A change that comes twice, or late with an older `rev`, changes nothing. */
export function apply(before: Board, page: FeedPage, dayOf: (at: Date) => string): Board {
  const change = new Change(before, dayOf);
  for (const one of page.changes) change.take(one);
  return change.done(page.cursor);
}

export const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, value) => total + value, 0);

/** Instants by line: comparing two thousand of them must not parse each a dozen times. */
const instants = new WeakMap<OffenceLine, number>();

function receivedAt(line: OffenceLine): number {
  const at = instants.get(line) ?? Date.parse(line.received_at);
  instants.set(line, at);
  return at;
}

function newestFirst(one: OffenceLine, other: OffenceLine): number {
  return receivedAt(other) - receivedAt(one) || (one.id < other.id ? 1 : -1);
}

/** One page on its way into the state. */
class Change {
  private readonly before: Board;
  private readonly dayOf: (at: Date) => string;
  private readonly offences = new Map<string, OffenceLine>();
  private readonly tasks: Map<string, Task>;
  private readonly byKind: Record<string, number>;
  private readonly hadAll: boolean;
  private total: number;
  private today: number;
  private isStale: boolean;

  constructor(before: Board, dayOf: (at: Date) => string) {
    this.before = before;
    this.dayOf = dayOf;
    this.tasks = new Map(before.tasks.map((task) => [task.id, task]));
    this.byKind = { ...before.counts.tasks };
    this.hadAll = sum(before.counts.tasks) <= before.tasks.length;
    this.total = before.counts.offences;
    this.today = before.counts.today;
    this.isStale = before.isStale;
  }

  take(one: FeedChange): void {
    if (one.op !== "put") this.leave(one.type, one.id);
    else if (one.type === "offence") this.offence(one.body);
    else if (one.type === "task") this.task(one.body);
    else one satisfies never;
  }

  private offence(line: OffenceLine): void {
    const known = this.offences.get(line.id) ?? this.before.lines.get(line.id);
    if (known !== undefined && known.rev >= line.rev) return;
    this.offences.set(line.id, line);
    this.isStale ||= !this.before.people.has(line.by);
    if (this.before.counted.has(line.id)) return;
    this.before.counted.add(line.id);
    this.total += 1;
    if (this.dayOf(new Date(line.received_at)) === this.before.today) this.today += 1;
  }

  private task(task: Task): void {
    const known = this.tasks.get(task.id);
    if (known !== undefined && known.rev >= task.rev) return;
    if (known !== undefined || this.hadAll) this.tasks.set(task.id, task);
    if (this.before.counted.has(task.id)) return;
    this.before.counted.add(task.id);
    this.byKind[task.kind] = (this.byKind[task.kind] ?? 0) + 1;
  }

  private leave(type: string, id: string): void {
    const task = this.tasks.get(id);
    if (type === "task" && task !== undefined) {
      this.tasks.delete(id);
      const left = (this.byKind[task.kind] ?? 1) - 1;
      if (left > 0) this.byKind[task.kind] = left;
      else delete this.byKind[task.kind];
    } else if (type === "task" ? !this.hadAll : this.before.lines.has(id)) {
      // A task that was not listed: its kind, and so its counter, is unknown here. An offence never leaves alone.
      this.isStale = true;
    }
  }

  done(cursor: string): Board {
    const offences = [...this.offences.values(), ...this.before.offences.filter((line) => !this.offences.has(line.id))]
      .toSorted(newestFirst)
      .slice(0, WINDOW);
    const tasks = [...this.tasks.values()].slice(0, 2 * WINDOW);
    const open = sum(this.byKind);
    return {
      ...this.before,
      cursor,
      offences,
      tasks,
      lines: this.lines(offences, tasks),
      counts: { offences: this.total, today: this.today, tasks: this.byKind },
      isStale: this.isStale || (tasks.length < LOW && tasks.length < open),
    };
  }

  private lines(offences: readonly OffenceLine[], tasks: readonly Task[]): ReadonlyMap<string, OffenceLine> {
    const lines = new Map(offences.map((line) => [line.id, line]));
    for (const { subject } of tasks) {
      const line = this.offences.get(subject) ?? this.before.lines.get(subject);
      if (line !== undefined) lines.set(subject, line);
    }
    return lines;
  }
}
