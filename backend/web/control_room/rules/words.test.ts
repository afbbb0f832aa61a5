import { expect, test } from "vitest";
import { clipsWords, DISPOSITIONS, shortest } from "./words.ts";

const state = (clips: number, arrived: number, held: number) => clipsWords({ clips, arrived, held })?.state;

test("an incident without clips says nothing of clips", () => {
  expect(clipsWords(null)).toBeNull();
  expect(clipsWords({ clips: 0, arrived: 0, held: 0 })).toBeNull();
});

test("it says that clips exist and how many are on hold, and who may look", () => {
  expect(state(1, 1, 1)).toBe("Aufnahme vorhanden, gesichert.");
  expect(state(1, 1, 0)).toBe("Aufnahme vorhanden, nicht gesperrt: Löschung nach Frist.");
  expect(state(3, 3, 1)).toBe("3 Aufnahmen vorhanden, 1 davon gesichert.");
  expect(state(3, 3, 3)).toBe("3 Aufnahmen vorhanden, gesichert.");
  expect(clipsWords({ clips: 1, arrived: 1, held: 1 })?.more).toBe("Einsicht nur über die Beweismittelstelle.");
});

test("what is still on its way from the dock is said", () => {
  expect(clipsWords({ clips: 1, arrived: 0, held: 0 })?.more).toContain("Sie wird gerade übertragen.");
  expect(clipsWords({ clips: 4, arrived: 2, held: 0 })?.more).toContain("2 werden gerade übertragen.");
  expect(clipsWords({ clips: 4, arrived: 3, held: 0 })?.more).toContain("1 wird gerade übertragen.");
});

test("what a button says may be typed means one disposition alone", () => {
  const typed = DISPOSITIONS.map(shortest);
  expect(typed).toEqual(["be", "un", "fe", "tec", "tes", "ue"]);
  for (const one of typed) expect(DISPOSITIONS.filter((ending) => ending.typed.startsWith(one))).toHaveLength(1);
});
