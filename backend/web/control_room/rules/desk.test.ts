import { expect, test } from "vitest";
import { apply, begin, withUrgent } from "./desk.ts";
import { alarm, at, board, incident, job, page, put } from "./samples.ts";

test("a change that comes twice or late with an older revision changes nothing", () => {
  const before = begin(board({ alarms: [alarm("a", { rev: 3, state: "accepted" })] }));
  const after = apply(before, page(put("alarm", alarm("a", { rev: 2 })), put("alarm", alarm("a", { rev: 3 }))));
  expect(after.alarm.get("a")?.state).toBe("accepted");
  expect(after.cursor).toBe("c1");
});

test("changes of one page in any order give one state", () => {
  const changes = [
    put("alarm", alarm("a", { rev: 1 })),
    put("alarm", alarm("a", { rev: 2, state: "accepted" })),
    put("incident", incident("i", { rev: 2, state: "closed", closed_at: at(9), disposition: "real" })),
    put("incident", incident("i", { rev: 1 })),
  ];
  for (const order of [changes, changes.toReversed(), [2, 0, 3, 1].map((index) => changes[index]).filter((one) => one !== undefined)]) {
    const { alarm: alarms, incident: incidents } = apply(begin(board()), page(...order));
    expect([...alarms.values()].map((one) => one.state)).toEqual(["accepted"]);
    expect(incidents.size).toBe(0);
  }
});

test("what is closed leaves, and no late answer of the P1 brings it back", () => {
  const open = alarm("a", { rev: 2 });
  const closed = apply(
    begin(board({ alarms: [open] })),
    page(put("alarm", alarm("a", { rev: 3, state: "closed" }))),
  );
  expect(closed.alarm.size).toBe(0);
  expect(withUrgent(closed, { alarms: [open], emergencies: [], waiting: 1 }).alarm.size).toBe(0);
});

test("a P1 that only the reading beside the feed knows stands at once, and the feed adds nothing to it", () => {
  const seen = withUrgent(begin(board()), { alarms: [alarm("a")], emergencies: [], waiting: 1 });
  expect(seen.alarm.has("a")).toBe(true);
  expect(apply(seen, page(put("alarm", alarm("a")))).alarm.size).toBe(1);
});

test("a closed incident takes its jobs along and is remembered for the calm screen", () => {
  const before = begin(board({ incidents: [incident("i")], jobs: [job("j"), job("k", { incident: "other" })] }));
  const after = apply(
    before,
    page(put("incident", incident("i", { rev: 2, state: "closed", closed_at: at(60), disposition: "unfounded" }))),
  );
  expect([...after.job.keys()]).toEqual(["k"]);
  expect(after.lastClosed?.disposition).toBe("unfounded");
});

test("other scopes of the same person do not reach the desk", () => {
  const elsewhere = { ...put("alarm", alarm("a")), scope: "office" };
  expect(apply(begin(board()), page(elsewhere)).alarm.size).toBe(0);
});
