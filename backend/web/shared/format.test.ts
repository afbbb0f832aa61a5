import { expect, test } from "vitest";
import { age, amount, count, dayOf, germanDay, many, momentOf, stopwatch, timeOf } from "./format.ts";

const plain = (text: string): string => text.replaceAll("\u00a0", " ");

test("days and times are those of Europe/Berlin, wherever the screen stands", () => {
  const newYear = new Date("2026-12-31T23:30:00Z");
  expect(dayOf(newYear)).toBe("2027-01-01");
  expect(timeOf(newYear)).toBe("00:30");
  expect(plain(momentOf(new Date("2026-11-17T09:24:00Z")))).toBe("Di 17.11.2026, 10:24");
  expect(germanDay("2026-08-24")).toBe("24.08.2026");
});

test("amounts carry their unit, and cents only where there are some", () => {
  expect([0, 500, 1250, 123_456_00].map((cents) => plain(amount(cents)))).toEqual(["0 EUR", "5 EUR", "12,50 EUR", "123.456 EUR"]);
  expect(count(48_330)).toBe("48.330");
  expect(plain(many(1, "Anzeige", "Anzeigen"))).toBe("1 Anzeige");
  expect(plain(many(2, "Anzeige", "Anzeigen"))).toBe("2 Anzeigen");
});

test("an age is said in the unit that says enough, and never runs backwards", () => {
  expect([-5, 0, 59_999, 60_000, 3_600_000, 172_800_000].map((ms) => plain(age(ms)))).toEqual([
    "0 s", "0 s", "59 s", "1 min", "1 h", "2 Tage",
  ]);
  expect([0, 31_000, 725_000, 3_725_000].map(stopwatch)).toEqual(["0:00", "0:31", "12:05", "1:02:05"]);
});
