import { expect, test } from "vitest";
import { begin } from "./desk.ts";
import { at, board, incident, job, NOON, unit } from "./samples.ts";
import { codeOf, proposals, units } from "./units.ts";

test("flagged units come first, then whose status is oldest; off duty without a crew they do not come at all", () => {
  const desk = begin(
    board({
      units: [
        unit("a", "Linde 1", { status_at: at(-60) }),
        unit("b", "Linde 2", { status_at: at(-600) }),
        unit("c", "Linde 3", { wants_to_talk: true }),
        unit("d", "Linde 4", { status: "on_scene", status_at: at(-1900) }),
        unit("e", "Linde 5", { status: "off", crew: [] }),
      ],
    }),
  );
  expect(units(desk, NOON).map(({ unit: one, flag }) => [one.call_sign, flag])).toEqual([
    ["Linde 4", "alert"],
    ["Linde 3", "talk"],
    ["Linde 2", "none"],
    ["Linde 1", "none"],
  ]);
});

test("free units are proposed first and with the reason; none that pauses, goes already, or works on a P1", () => {
  const desk = begin(
    board({
      incidents: [incident("i"), incident("p1", { priority: 1 })],
      units: [
        unit("busy", "Erle 1", { status: "en_route" }),
        unit("free", "Erle 2", { status_at: at(-240) }),
        unit("pause", "Erle 3", { status: "off" }),
        unit("goes", "Erle 4"),
        unit("panic", "Erle 5", { status: "on_scene" }),
      ],
      jobs: [job("j", { unit: "goes" }), job("k", { unit: "panic", incident: "p1" })],
    }),
  );
  const found = proposals(incident("i"), desk, NOON);
  expect(found.map((one) => one.unit.id)).toEqual(["free", "busy"]);
  expect(found[0]?.why).toBe("frei auf Streife seit 4\u00a0min");
});

test("a unit shows the number of what it means now, and a dash where the town has none", () => {
  const { codes } = board();
  expect(codeOf(unit("u", "Erle 1", { code: "3" }), codes)).toBe("1");
  expect(codeOf(unit("u", "Erle 1", { wants_to_talk: true }), codes)).toBe("5");
  expect(codeOf(unit("u", "Erle 1", { status: "off" }), codes)).toBe("–");
});
