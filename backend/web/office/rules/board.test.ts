import { describe, expect, test } from "vitest";
import type { Board as Sent, FeedChange, OffenceLine, Task } from "../../api/wire.ts";
import { apply, begin, sum, WINDOW, type Board } from "./board.ts";
import { dayOf } from "../../shared/format.ts";

const START = Date.parse("2026-11-17T09:00:00Z");

function line(n: number, change: Partial<OffenceLine> = {}): OffenceLine {
  return {
    id: `o${String(n).padStart(6, "0")}`,
    rev: 1,
    by: "p1",
    received_at: new Date(START + n * 1000).toISOString(),
    occurred_at: new Date(START).toISOString(),
    tbnr: "112042",
    plate: "GFR-KD 417",
    street: "Markt",
    house_no: "3",
    amount_cents: 2500,
    findings: [],
    photos: 0,
    media_state: "none",
    synthetic_plate: false,
    ...change,
  };
}

function task(n: number, change: Partial<Task> = {}): Task {
  return {
    id: `t${String(n).padStart(6, "0")}`,
    audience: "office",
    kind: "amount_missing",
    subject_type: "offence",
    subject: line(n).id,
    facts: {},
    rev: 1,
    opened_at: new Date(START + n * 1000).toISOString(),
    closed_at: null,
    outcome: null,
    ...change,
  };
}

const offencePut = (body: OffenceLine): FeedChange => ({
  scope: "office", op: "put", type: "offence", id: body.id, rev: body.rev, body,
});
const taskPut = (body: Task): FeedChange => ({ scope: "office", op: "put", type: "task", id: body.id, rev: body.rev, body });
const taskDrop = (id: string): FeedChange => ({ scope: "office", op: "drop", type: "task", id, rev: 2 });

function sent(change: Partial<Sent> = {}): Sent {
  return {
    cursor: "c0",
    today: "2026-11-17",
    offences: [],
    tasks: [],
    people: [{ person: "p1", call_sign: "Erle 22" }],
    counts: { offences: 0, offences_today: 0, tasks: {} },
    ...change,
  };
}

function after(board: Board, ...changes: readonly FeedChange[]): Board {
  return apply(board, { changes, cursor: "c1", more: false }, dayOf);
}

/** What a screen shows of a state. */
const seen = ({ offences, tasks, counts }: Board): unknown => ({ offences, tasks, counts });

describe("offences", () => {
  test("a new one stands first and is counted once, however often it comes", () => {
    const board = after(begin(sent({ offences: [line(1)], counts: { offences: 1, offences_today: 1, tasks: {} } })), offencePut(line(2)));
    expect(board.offences.map((one) => one.id)).toEqual([line(2).id, line(1).id]);
    expect(board.counts).toEqual({ offences: 2, today: 2, tasks: {} });
    expect(seen(after(board, offencePut(line(2)), offencePut(line(1))))).toEqual(seen(board));
  });

  test("what the board counted already is not counted again by the feed", () => {
    const board = begin(sent({ offences: [line(1)], counts: { offences: 1, offences_today: 1, tasks: {} } }));
    expect(after(board, offencePut(line(1))).counts.offences).toBe(1);
  });

  test("an older revision never replaces a newer one", () => {
    const board = after(begin(sent()), offencePut(line(1, { rev: 3, photos: 2 })), offencePut(line(1, { rev: 2 })));
    expect(board.offences[0]?.photos).toBe(2);
    expect(after(board, offencePut(line(1, { rev: 1 }))).offences[0]?.photos).toBe(2);
  });

  test("a later revision changes the row in its place", () => {
    const board = after(begin(sent()), offencePut(line(1)), offencePut(line(2)), offencePut(line(1, { rev: 2, photos: 1 })));
    expect(board.offences.map((one) => [one.id, one.photos])).toEqual([[line(2).id, 0], [line(1).id, 1]]);
    expect(board.counts.offences).toBe(2);
  });

  test("only those of the day count as today's", () => {
    const board = after(begin(sent()), offencePut(line(1, { received_at: "2026-11-16T22:59:59Z" })), offencePut(line(2)));
    expect(board.counts).toEqual({ offences: 2, today: 1, tasks: {} });
  });

  test("any order of arrival leads to the same screen", () => {
    const changes = [3, 1, 2].flatMap((n) => [offencePut(line(n)), offencePut(line(n, { rev: 2, photos: n }))]);
    const forward = after(begin(sent()), ...changes);
    const backward = after(begin(sent()), ...changes.toReversed());
    expect(seen(backward)).toEqual(seen(forward));
  });

  test("the list holds the newest few hundred, the counter all", () => {
    let board = begin(sent());
    for (let page = 0; page < 24; page += 1) {
      board = after(board, ...Array.from({ length: 2000 }, (_, n) => offencePut(line(page * 2000 + n))));
    }
    expect(board.offences.length).toBe(WINDOW);
    expect(board.offences[0]?.id).toBe(line(47_999).id);
    expect(board.lines.size).toBe(WINDOW);
    expect(board.counts.offences).toBe(48_000);
  });

  test("an officer whom the board does not know makes it stale", () => {
    expect(after(begin(sent()), offencePut(line(1))).isStale).toBe(false);
    expect(after(begin(sent()), offencePut(line(1, { by: "p2" }))).isStale).toBe(true);
  });
});

describe("tasks", () => {
  test("a new one stands last, with the offence that it is about", () => {
    const board = after(begin(sent({ tasks: [task(1)], counts: { offences: 0, offences_today: 0, tasks: { amount_missing: 1 } } })), offencePut(line(2)), taskPut(task(2)));
    expect(board.tasks.map((one) => one.id)).toEqual([task(1).id, task(2).id]);
    expect(board.lines.get(task(2).subject)).toEqual(line(2));
    expect(board.counts.tasks).toEqual({ amount_missing: 2 });
  });

  test("a closed one leaves, and its counter with it; a second time changes nothing", () => {
    const board = after(after(begin(sent()), taskPut(task(1)), taskPut(task(2, { kind: "clock_off" }))), taskDrop(task(1).id));
    expect(board.tasks.map((one) => one.kind)).toEqual(["clock_off"]);
    expect(board.counts.tasks).toEqual({ clock_off: 1 });
    const again = after(board, taskDrop(task(1).id));
    expect(seen(again)).toEqual(seen(board));
    expect(again.isStale).toBe(false);
  });

  test("where more wait than are listed, a new one is counted and does not pretend to be next", () => {
    const tasks = Array.from({ length: WINDOW }, (_, n) => task(n));
    const board = after(begin(sent({ tasks, counts: { offences: 0, offences_today: 0, tasks: { amount_missing: 500 } } })), taskPut(task(900)));
    expect(board.tasks.length).toBe(WINDOW);
    expect(sum(board.counts.tasks)).toBe(501);
  });

  test("a task that was never listed leaves a stale board, as its kind is unknown", () => {
    const board = begin(sent({ tasks: [task(1)], counts: { offences: 0, offences_today: 0, tasks: { amount_missing: 500 } } }));
    expect(after(board, taskDrop("t-unlisted")).isStale).toBe(true);
  });

  test("a list that runs low asks for a new board", () => {
    const tasks = Array.from({ length: WINDOW }, (_, n) => task(n));
    const board = begin(sent({ tasks, counts: { offences: 0, offences_today: 0, tasks: { amount_missing: 500 } } }));
    const low = after(board, ...tasks.slice(0, WINDOW - 99).map((one) => taskDrop(one.id)));
    expect(low.tasks.length).toBe(99);
    expect(low.isStale).toBe(true);
  });

  test("an offence stays known while a listed task is about it, however many come", () => {
    let board = after(begin(sent()), offencePut(line(1)), taskPut(task(1)));
    board = after(board, ...Array.from({ length: 1000 }, (_, n) => offencePut(line(n + 10))));
    expect(board.offences.some((one) => one.id === line(1).id)).toBe(false);
    expect(board.lines.get(line(1).id)?.street).toBe("Markt");
  });
});
