import { expect, test } from "vitest";
import { apply, begin } from "./desk.ts";
import { alarm, at, board, emergency, NOON, page, put } from "./samples.ts";
import { flood, soundsAnew, toneOf, waiting } from "./waiting.ts";

test("emergencies stand first, then whoever waits longest; accepted ones and other priorities do not wait", () => {
  const desk = begin(
    board({
      alarms: [
        alarm("young", { raised_at: at(50) }),
        alarm("old", { raised_at: at(10) }),
        alarm("taken", { state: "accepted" }),
        alarm("door", { priority: 3 }),
        alarm("back", { state: "returned_unaccepted", raised_at: at(20) }),
      ],
      emergencies: [emergency("n", { received_at: at(90) }), emergency("m", { state: "accepted" })],
    }),
  );
  expect(waiting(desk).map((one) => one.id)).toEqual(["n", "old", "back", "young"]);
});

test("fifty P1 of one building are fifty lines: none is grouped away", () => {
  const alarms = Array.from({ length: 50 }, (_, index) => alarm(`a${index}`, { raised_at: at(index) }));
  expect(waiting(begin(board({ alarms })))).toHaveLength(50);
});

test("the tone is the most urgent one, and a hint sounds before anything was pulled", () => {
  const quiet = begin(board());
  expect(toneOf(quiet, 0)).toBe("none");
  expect(toneOf(quiet, 1)).toBe("p1");
  expect(toneOf(begin(board({ alarms: [alarm("a", { priority: 2 })] })), 0)).toBe("p2");
  expect(toneOf(begin(board({ alarms: [alarm("a", { priority: 3 })] })), 0)).toBe("none");
  expect(toneOf(begin(board({ alarms: [alarm("a")], emergencies: [emergency("n")] })), 0)).toBe("emergency");
  expect(toneOf(begin(board({ alarms: [alarm("a", { state: "accepted" })] })), 0)).toBe("none");
});

test("an accepted P1 that was pressed again sounds once more; a look at it does not", () => {
  const before = begin(board({ alarms: [alarm("a", { state: "accepted" })] }));
  const pressed = apply(before, page(put("alarm", alarm("a", { rev: 2, state: "accepted", sounds: 2 }))));
  const shown = apply(before, page(put("alarm", alarm("a", { rev: 2, state: "accepted", shown_at: at(1) }))));
  expect(soundsAnew(before, pressed)).toBe(true);
  expect(soundsAnew(before, shown)).toBe(false);
});

const arrivals = (count: number, building: string | null, everyMs: number) =>
  Array.from({ length: count }, (_, index) => ({ id: `a${index}`, at: NOON - index * everyMs, building }));

test("a flood begins above ten alarms in ten minutes or above twenty a minute of a building", () => {
  expect(flood(null, arrivals(10, null, 1000), NOON)).toBeNull();
  expect(flood(null, arrivals(11, null, 1000), NOON)?.count).toBe(11);
  expect(flood(null, arrivals(11, null, 60_000), NOON)).toBeNull();
});

test("a flood ends below five alarms in ten minutes and keeps its beginning until then", () => {
  const standing = { since: NOON - 900_000, count: 30 };
  expect(flood(standing, arrivals(5, null, 1000), NOON)).toEqual({ since: NOON - 900_000, count: 5 });
  expect(flood(standing, arrivals(4, null, 1000), NOON)).toBeNull();
});
