import { expect, test } from "vitest";
import type { Answers, ClipLine, Export, WaitingView } from "../../api/wire_evidence.ts";
import { areasOf, mayAgree } from "./areas.ts";
import { apply, begin, countsOf, dueOf, exportsInOrder, firstToGo, matches, missing, toAgree, toApprove, unanswered } from "./clips.ts";

const NOW = Date.parse("2026-11-17T10:00:00Z");

const clip = (id: string, changes: Partial<ClipLine> = {}): ClipLine => ({
  id,
  rev: 1,
  camera: "cam-1",
  camera_seq: 1,
  officer: "p",
  started_at: "2026-11-03T21:14:00Z",
  duration_ms: 161_000,
  size_bytes: 1,
  state: "stored",
  clip_class: "unclassified",
  rule: "R4",
  delete_at: "2026-12-01T21:14:00Z",
  is_held: false,
  is_marked: false,
  answers_rev: 0,
  findings: [],
  ...changes,
});

const board = (...clips: ClipLine[]) => begin({ cursor: "c", clips, gaps: [], exports: [], views: [] });
const put = (body: ClipLine) => ({ op: "put", type: "clip", id: body.id, body });

test("a clip's newest revision counts, however late the others come, and a deleted one leaves", () => {
  const after = apply(board(clip("a", { rev: 3, is_held: true })), [put(clip("a", { rev: 2 })), put(clip("b"))]);
  expect([...after.clips.values()].map((one) => [one.id, one.is_held])).toEqual([
    ["a", true],
    ["b", false],
  ]);
  expect(apply(after, [{ op: "delete", type: "clip", id: "a" }]).clips.has("a")).toBe(false);
  expect(apply(after, [{ op: "put", type: "task", id: "a", body: {} }])).toBe(after);
});

test.each([
  ["2026-11-17T09:59:00Z", "überfällig", "late"],
  ["2026-11-17T21:00:00Z", "heute", "late"],
  // 23:30 in UTC is the next day in Berlin.
  ["2026-11-17T23:30:00Z", "morgen", "soon"],
  ["2026-11-19T12:00:00Z", "in 2\u00a0Tagen", "soon"],
  ["2026-11-27T12:00:00Z", "in 10\u00a0Tagen", "calm"],
])("a clip that goes %s is %s", (delete_at, text, is) => {
  expect(dueOf(clip("a", { delete_at }), NOW)).toEqual({ text, is });
});

test("days are counted by the calendar across the change of the clocks", () => {
  const before = Date.parse("2026-10-24T12:00:00Z");
  expect(dueOf(clip("a", { delete_at: "2026-10-26T01:00:00Z" }), before).text).toBe("in 2\u00a0Tagen");
});

test("held clips are never due, stand last, and count apart", () => {
  const held = clip("h", { is_held: true, delete_at: "2026-11-01T00:00:00Z" });
  const soon = clip("s", { delete_at: "2026-11-18T08:00:00Z" });
  const far = clip("f", { clip_class: "bodycam" });
  expect(dueOf(held, NOW).text).toBe("gesperrt");
  expect([held, far, soon].toSorted(firstToGo).map((one) => one.id)).toEqual(["s", "f", "h"]);
  expect(countsOf([held, soon, far], NOW)).toEqual({ today: 0, soon: 1, unclassified: 2, held: 1, overdue: 0 });
});

test("filters pick by class and hold", () => {
  const quarantined = clip("q", { clip_class: "professional_secrecy" });
  expect(matches(quarantined, "quarantaene")).toBe(true);
  expect(matches(quarantined, "ohne")).toBe(false);
  expect(unanswered([quarantined, clip("a")]).map((one) => one.id)).toEqual(["a"]);
});

const answers = (changes: Partial<Answers> = {}): Answers => ({
  ground: "protect_officer",
  facts: "Erhobene Flasche",
  place_kind: "public",
  announced: "announced",
  decided_by: "wearer",
  is_urgent_danger: false,
  ...changes,
});

test.each([
  [{}, []],
  [{ facts: " " }, ["facts"]],
  [{ announced: "imminent_danger" as const }, ["announcement_note"]],
  [{ decided_by: "officer_in_charge" as const }, ["decider"]],
  [{ place_kind: "dwelling" as const }, ["decided_by", "is_urgent_danger"]],
  [{ place_kind: "dwelling" as const, decided_by: "officer_in_charge" as const, decider: "EL 1", is_urgent_danger: true }, []],
  [{ keep: { ground: "criminal_offence" as const, case_reference: "" } }, ["case_reference"]],
])("answers with %j lack %j", (changes, lacks) => {
  expect(missing(answers(changes))).toEqual(lacks);
});

test("each role lands where it works most", () => {
  expect(areasOf({ roles: ["officer"], scopes: ["me:p"] })).toEqual(["fragen"]);
  expect(areasOf({ roles: ["custodian"], scopes: ["evidence"] })).toEqual(["clips", "aufgaben", "export"]);
  expect(areasOf({ roles: ["clerk"], scopes: ["office"] })).toEqual(["aufgaben", "anzeigen"]);
  expect(areasOf({ roles: ["superior"], scopes: ["office", "desk", "evidence"] })).toEqual([
    "aufgaben",
    "anzeigen",
    "clips",
    "export",
  ]);
  expect(areasOf({ roles: ["guard"], scopes: [] })).toEqual([]);
});

const handOut = (id: string, changes: Partial<Export> = {}): Export => ({
  id,
  rev: 1,
  case_id: "c",
  aktenzeichen: "12 Js 345/26",
  recipient: "Staatsanwaltschaft Kleve",
  state: "requested",
  requested_by: "p",
  requested_at: "2026-11-17T09:00:00Z",
  approved_by: null,
  approved_at: null,
  built_at: null,
  size_bytes: null,
  sha256: null,
  root: null,
  delivered_at: null,
  delete_at: null,
  problem: null,
  items: [],
  ...changes,
});

test("what waits for a second person stands on top, and only another person approves it", () => {
  const standing = begin({
    cursor: "c",
    clips: [],
    gaps: [],
    views: [],
    exports: [
      handOut("done", { state: "built", requested_at: "2026-11-17T10:00:00Z" }),
      handOut("old"),
      handOut("new", { requested_by: "q", requested_at: "2026-11-17T09:30:00Z" }),
    ],
  });
  expect(exportsInOrder(standing).map((one) => one.id)).toEqual(["new", "old", "done"]);
  expect(toApprove(standing, "p").map((one) => one.id)).toEqual(["new"]);
  const approved = { op: "put", type: "export", id: "new", body: handOut("new", { rev: 2, state: "approved" }) };
  expect(toApprove(apply(standing, [approved]), "p")).toEqual([]);
});

test("a view asks others for consent until its time is over, it was given, or the clip is gone", () => {
  const view: WaitingView = {
    id: "v",
    clip: "a",
    person: "p",
    opened_at: "2026-11-17T09:55:00Z",
    answer_until: "2026-11-17T10:10:00Z",
  };
  const standing = apply(board(clip("a")), [{ op: "put", type: "view", id: "v", body: view }]);
  expect(toAgree(standing, "q", NOW).map((one) => one.view.id)).toEqual(["v"]);
  expect(toAgree(standing, "p", NOW)).toEqual([]);
  expect(toAgree(standing, "q", Date.parse(view.answer_until))).toEqual([]);
  expect(toAgree(apply(standing, [{ op: "drop", type: "view", id: "v" }]), "q", NOW)).toEqual([]);
  expect(toAgree(apply(standing, [{ op: "delete", type: "clip", id: "a" }]), "q", NOW)).toEqual([]);
});

test("custodians and the data-protection officer are second persons, superiors and officers are not", () => {
  expect([mayAgree({ roles: ["custodian"] }), mayAgree({ roles: ["dpo"] })]).toEqual([true, true]);
  expect(mayAgree({ roles: ["superior", "officer"] })).toBe(false);
});
