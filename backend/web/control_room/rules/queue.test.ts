import { expect, test } from "vitest";
import { begin } from "./desk.ts";
import { held, inOrder, queue } from "./queue.ts";
import { alarm, at, board, incident, job, NOON, unit } from "./samples.ts";

test("P1 stands apart, new before accepted, then by priority; working and done have groups of their own", () => {
  const desk = begin(
    board({
      incidents: [
        incident("taken", { state: "accepted", no: 1 }),
        incident("panic", { priority: 1, no: 2 }),
        incident("gone", { state: "dispatched", no: 3 }),
        incident("done", { state: "resolved", no: 4 }),
        incident("fresh", { no: 5 }),
      ],
      alarms: [alarm("door", { priority: 3, kind: "tamper" }), alarm("of panic", { incident: "panic" })],
      jobs: [job("j", { incident: "gone", state: "on_scene" })],
      units: [unit("u", "Linde 12")],
    }),
  );
  const { urgent, open, working, done } = queue(desk, NOON, false);
  expect(urgent.map((row) => row.id)).toEqual(["panic"]);
  expect(open.map((row) => row.id)).toEqual(["door", "fresh", "taken"]);
  expect(working.map((row) => row.wide)).toEqual(["Linde 12 vor Ort"]);
  expect(done.map((row) => row.id)).toEqual(["done"]);
});

test("a P1 without an incident is a row of its own, and so is one whose incident this screen does not know", () => {
  const desk = begin(board({ alarms: [alarm("a"), alarm("b", { incident: "unknown" })] }));
  expect(queue(desk, NOON, true).urgent.map((row) => row.id).toSorted()).toEqual(["a", "b"]);
});

test("in a flood P2 to P5 of a building are one card with counters and their list; P1 never are", () => {
  const alarms = [
    alarm("p1"),
    ...Array.from({ length: 12 }, (_, index) =>
      alarm(`d${index}`, { priority: index < 2 ? 2 : 3, raised_at: at(index), place: "Rathaus · Flur · Tür" }),
    ),
    alarm("elsewhere", { priority: 3, building: null, place: "Unbekannter Absender" }),
  ];
  const found = queue(begin(board({ alarms })), NOON, true);
  expect(found.urgent.map((row) => row.id)).toEqual(["p1"]);
  expect(found.houses.map(({ name, counts }) => [name, counts])).toEqual([
    ["Rathaus", [{ priority: 2, count: 2 }, { priority: 3, count: 10 }]],
  ]);
  expect(found.open.map((row) => row.id)).toEqual(["elsewhere"]);
  expect(inOrder(found)).toHaveLength(14);
});

test("what waits longer than its priority allows is late", () => {
  const desk = begin(board({ alarms: [alarm("a", { priority: 2 })] }));
  expect(queue(desk, NOON + 60_000, false).open[0]?.isLate).toBe(false);
  expect(queue(desk, NOON + 61_000, false).open[0]?.isLate).toBe(true);
});

test("while somebody works in the list known rows keep their places and new ones come behind", () => {
  const rows = queue(begin(board({ incidents: [incident("a"), incident("b"), incident("c")] })), NOON, false).open;
  expect(held(rows, ["c", "a"]).map((row) => row.id)).toEqual(["c", "a", "b"]);
});

test("an accepted incident says that alarms of it wait, since when, and stands with what is new", () => {
  const desk = begin(
    board({
      incidents: [incident("calm", { state: "accepted", no: 1 }), incident("loud", { state: "dispatched", no: 2, priority: 1 })],
      alarms: [
        alarm("a", { incident: "loud", raised_at: at(20) }),
        alarm("b", { incident: "loud", raised_at: at(10) }),
        alarm("c", { incident: "loud", raised_at: at(0), state: "accepted" }),
      ],
    }),
  );
  const [loud] = queue(desk, NOON, false).urgent;
  expect([loud?.state, loud?.wide, loud?.since, loud?.isNew]).toEqual(["2 warten", "2 Alarme warten", Date.parse(at(10)), true]);
  expect(queue(desk, NOON, false).open.map((row) => [row.state, row.isNew])).toEqual([["angen.", false]]);
});
