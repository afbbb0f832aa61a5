import { expect, test } from "vitest";
import { groupOf, markOf, say } from "./sentences.ts";

const plain = (text: string): string => text.replaceAll("\u00a0", " ");
const sentence = (kind: string, facts: Record<string, string | number>): string => plain(say(kind, facts).sentence);

test("what differs is said with both amounts", () => {
  expect(sentence("amount_differs", { amount_cents: 3500, catalogue_cents: 4000 })).toBe("erfasst 35 EUR, Katalog am Tattag 40 EUR");
});

test("a number that nobody knows is named, free text is not", () => {
  expect(sentence("unknown_tbnr", { tbnr: "112999", day: "2026-09-02" })).toBe("112999 steht in keiner Ausgabe vom Tattag");
  expect(sentence("unknown_tbnr", { day: "2026-09-02" })).toBe("Die Angabe steht in keiner Ausgabe vom Tattag");
  expect(sentence("no_edition", { tbnr: "112042", day: "2015-09-02" })).toBe("Für 112042 gilt am 02.09.2015 kein Eintrag im Katalog");
});

test("an impossible amount names the rule that it breaks", () => {
  expect(sentence("amount_impossible", { amount_cents: 300 })).toContain("ab 5 EUR (§ 56 Abs. 1 OWiG)");
  expect(sentence("amount_impossible", { amount_cents: 1250 })).toBe(
    "erfasst 12,50 EUR; bis 55 EUR gibt es nur Schritte von 5 EUR (§ 2 Abs. 3 BKatV)",
  );
});

test("a missing amount says what the catalogue has", () => {
  expect(sentence("amount_missing", { catalogue_cents: 2500 })).toBe("Katalog am Tattag 25 EUR");
  expect(sentence("amount_missing", {})).toBe("Auch im Katalog steht für den Tattag kein Betrag");
});

test("a clock is off by minutes or hours, whatever its direction", () => {
  expect(sentence("clock_off", { offset_ms: -720_000 })).toContain("12 min Abstand");
  expect(sentence("clock_off", { offset_ms: 7 * 3_600_000 })).toContain("7 h Abstand");
});

test("an entry without effect names device, number and reason", () => {
  expect(sentence("entry_rejected", { label: "Telefon 3", seq: 17, code: "unreadable" })).toBe(
    "Telefon 3, Eintrag Nr. 17: die Angaben sind unlesbar",
  );
  expect(sentence("entry_rejected", { label: "Telefon 3", seq: 17, code: "brand_new" })).toContain("Kürzel brand_new");
});

test("a gap names its camera and numbers", () => {
  expect(sentence("clip_gap", { camera: "cam-1", first: 4, last: 6 })).toBe("Kamera cam-1: Nr. 4 bis 6 fehlen");
  expect(sentence("clip_gap", { camera: "cam-1", first: 4, last: 4 })).toBe("Kamera cam-1: Nr. 4 fehlt");
  expect(say("deletion_waits", {}).title).toBe("Löschung wartet: Uhr ist gesprungen");
});

test("an unknown kind is shown and not hidden", () => {
  expect(say("brand_new", {}).title).toBe("Aufgabe „brand_new“");
  expect(groupOf("brand_new")).toBe("eintrag");
  expect(markOf("brand_new")).toBe("brand_new");
});

test("no number is parted from its unit by a line break", () => {
  expect(say("amount_differs", { amount_cents: 3500, catalogue_cents: 4000 }).sentence).not.toMatch(/\d EUR/);
  expect(say("amount_impossible", { amount_cents: 300 }).sentence).not.toMatch(/§ \d/);
});
