// Clips, exports and waiting views on the screen: how the feed changes them, how long they stay and why. Pure.
import type { Answers, ClipLine, EvidenceBoard, Export, Gap, HoldGround, WaitingView } from "../../api/wire_evidence.ts";
import { dayOf } from "../../shared/format.ts";

export interface Evidence {
  readonly clips: ReadonlyMap<string, ClipLine>;
  readonly gaps: readonly Gap[];
  readonly exports: ReadonlyMap<string, Export>;
  readonly views: ReadonlyMap<string, WaitingView>;
}

/** A change of the feed, of any type. */
export interface Change {
  readonly op: string;
  readonly type: string;
  readonly id: string;
  readonly body?: unknown;
}

export function begin(sent: EvidenceBoard): Evidence {
  return { clips: byId(sent.clips), gaps: sent.gaps, exports: byId(sent.exports), views: byId(sent.views) };
}

const byId = <T extends { readonly id: string }>(things: readonly T[]): ReadonlyMap<string, T> =>
  new Map(things.map((one) => [one.id, one]));

/** The state after changes. What comes twice, or late with an older `rev`, changes nothing; what is deleted leaves. */
export function apply(before: Evidence, changes: readonly Change[]): Evidence {
  const after = {
    ...before,
    clips: changed(before.clips, changes, "clip"),
    exports: changed(before.exports, changes, "export"),
    views: changed(before.views, changes, "view"),
  };
  const isSame = after.clips === before.clips && after.exports === before.exports && after.views === before.views;
  return isSame ? before : after;
}

interface Thing {
  readonly id: string;
  readonly rev?: number;
}

function changed<T extends Thing>(before: ReadonlyMap<string, T>, changes: readonly Change[], type: string): ReadonlyMap<string, T> {
  const about = changes.filter((one) => one.type === type);
  if (about.length === 0) return before;
  const things = new Map(before);
  for (const one of about) {
    if (one.op !== "put") {
      things.delete(one.id);
      continue;
    }
    // `as`: the feed carries a thing as this person's lists show it. What has no revision never changes.
    const thing = one.body as T;
    const known = things.get(thing.id);
    if (known === undefined || (known.rev ?? 0) < (thing.rev ?? 0)) things.set(thing.id, thing);
  }
  return things;
}

/** Exports that this person may approve: asked for by somebody else. */
export const toApprove = (standing: Evidence, me: string): readonly Export[] =>
  [...standing.exports.values()].filter((one) => one.state === "requested" && one.requested_by !== me);

/** What waits for a person stands on top, then the newest asked for. */
export function exportsInOrder(standing: Evidence): readonly Export[] {
  const isWaiting = (one: Export): number => Number(one.state === "requested");
  return [...standing.exports.values()].toSorted(
    (one, other) => isWaiting(other) - isWaiting(one) || Date.parse(other.requested_at) - Date.parse(one.requested_at),
  );
}

/** Views of others that this person can agree to now, the oldest first. */
export function toAgree(standing: Evidence, me: string, now: number): readonly Asked[] {
  const asked = [...standing.views.values()].flatMap((view) => {
    const clip = standing.clips.get(view.clip);
    return clip === undefined || view.person === me || Date.parse(view.answer_until) <= now ? [] : [{ view, clip }];
  });
  return asked.toSorted((one, other) => Date.parse(one.view.opened_at) - Date.parse(other.view.opened_at));
}

export interface Asked {
  readonly view: WaitingView;
  readonly clip: ClipLine;
}

const FORTNIGHT_MS = 14 * 86_400_000;

/** The law's own words for the rule that sets a deadline. */
const RULES: Readonly<Record<string, string>> = {
  R1: "§\u00a015c\u00a0Abs.\u00a04 PolG, 14\u00a0Tage",
  R4: "§\u00a015c\u00a0Abs.\u00a04 PolG, 14\u00a0Tage",
  R6: "§\u00a015c\u00a0Abs.\u00a03 PolG, Berufsgeheimnis",
  R12: "§\u00a015b PolG, bis zum Ende des Folgetags",
};

/** For columns: the paragraph alone. */
export const ruleShort = (rule: string): string => ruleName(rule).split(",")[0]?.replace(/\u00a0Abs.*? P/, " P") ?? rule;

export const ruleName = (rule: string): string => RULES[rule] ?? `Regel ${rule}`;

export interface Due {
  readonly text: string;
  readonly is: "held" | "late" | "soon" | "calm";
}

/** How long a clip stays: days in Europe/Berlin, and how near that is. */
export function dueOf(clip: ClipLine, now: number): Due {
  if (clip.is_held) return { text: "gesperrt", is: "held" };
  const at = Date.parse(clip.delete_at);
  if (at <= now) return { text: "überfällig", is: "late" };
  const days = Math.round((Date.parse(dayOf(new Date(at))) - Date.parse(dayOf(new Date(now)))) / 86_400_000);
  if (days === 0) return { text: "heute", is: "late" };
  if (days === 1) return { text: "morgen", is: "soon" };
  return { text: `in ${days}\u00a0Tagen`, is: days <= 2 ? "soon" : "calm" };
}

/** Held ones last, else what goes first. */
export function firstToGo(one: ClipLine, other: ClipLine): number {
  return (
    Number(one.is_held) - Number(other.is_held) ||
    Date.parse(one.delete_at) - Date.parse(other.delete_at) ||
    (one.id < other.id ? -1 : 1)
  );
}

export const isUnclassified = ({ clip_class: name }: ClipLine): boolean =>
  name === "unclassified" || name === "vehicle_unclassified";

/** Clips whose officer has not answered, what goes first on top. */
export const unanswered = (clips: readonly ClipLine[]): readonly ClipLine[] =>
  clips.filter((clip) => isUnclassified(clip) && clip.state !== "deleting").toSorted(firstToGo);

export interface Counts {
  readonly today: number;
  readonly soon: number;
  readonly unclassified: number;
  readonly held: number;
  readonly overdue: number;
}

export function countsOf(clips: readonly ClipLine[], now: number): Counts {
  const free = clips.filter((clip) => !clip.is_held);
  const within = (ms: number): number =>
    free.filter((clip) => Date.parse(clip.delete_at) > now && Date.parse(clip.delete_at) <= now + ms).length;
  return {
    today: free.filter((clip) => dueOf(clip, now).text === "heute").length,
    soon: within(48 * 3_600_000),
    unclassified: clips.filter(isUnclassified).length,
    held: clips.length - free.length,
    overdue: free.filter((clip) => Date.parse(clip.delete_at) <= now).length,
  };
}

export type Filter = "" | "ohne" | "gesperrt" | "quarantaene" | "wohnung";

export function matches(clip: ClipLine, filter: Filter): boolean {
  switch (filter) {
    case "":
      return true;
    case "ohne":
      return isUnclassified(clip);
    case "gesperrt":
      return clip.is_held;
    case "quarantaene":
      return clip.clip_class === "professional_secrecy";
    case "wohnung":
      return clip.clip_class === "dwelling";
    default:
      return filter satisfies never;
  }
}

/** What the camera counted: `cam-1, Nr. 3`. */
export const nameOf = ({ camera, camera_seq: seq }: ClipLine): string => `${camera}, Nr.\u00a0${seq}`;

/** `2:41` */
export function lengthOf(ms: number | null): string {
  if (ms === null) return "unbekannt";
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** The latest day on which a hold has to be looked at again (R3): at most 90 days ahead. */
export const latestReview = (now: number): string => dayOf(new Date(now + 90 * 86_400_000));
export const usualReview = (now: number): string => dayOf(new Date(now + 2 * FORTNIGHT_MS));

export type Missing = "facts" | "announcement_note" | "decider" | "decided_by" | "is_urgent_danger" | "case_reference";

/** What the answers lack, as the server's `rules.faults`; and the reference that a hold needs. */
export function missing(answers: Answers): readonly Missing[] {
  const lacks: Missing[] = [];
  const isBlank = (text: string | null | undefined): boolean => (text ?? "").trim() === "";
  if (isBlank(answers.facts)) lacks.push("facts");
  if (answers.announced === "imminent_danger" && isBlank(answers.announcement_note)) lacks.push("announcement_note");
  if (answers.place_kind === "dwelling" && answers.decided_by === "wearer") lacks.push("decided_by");
  else if (answers.decided_by !== "wearer" && isBlank(answers.decider)) lacks.push("decider");
  if (answers.place_kind === "dwelling" && !answers.is_urgent_danger) lacks.push("is_urgent_danger");
  if (answers.keep != null && isBlank(answers.keep.case_reference)) lacks.push("case_reference");
  return lacks;
}

export const HOLD_GROUNDS: Readonly<Record<HoldGround, string>> = {
  regulatory_offence: "Ordnungswidrigkeit verfolgen",
  criminal_offence: "Straftat verfolgen",
  danger_prevention: "Gefahr abwehren",
  person_request: "Antrag der betroffenen Person",
};
