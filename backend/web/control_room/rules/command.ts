// The command bar's language (design/control-room.md 6): what a line means, what is missing, what could follow. Pure.
import type { Disposition, Incident, StatusCode, Unit } from "../../api/wire_desk.ts";
import { DISPOSITIONS, MEANINGS } from "./words.ts";

export type Command =
  | { readonly do: "accept"; readonly id: string; readonly is: "waiting" | "incident" | "alarm" }
  | { readonly do: "dispatch"; readonly incident: string; readonly units: readonly string[] }
  | { readonly do: "withdraw"; readonly unit: string }
  | { readonly do: "status"; readonly unit: string; readonly code: string }
  | { readonly do: "report"; readonly text: string }
  | { readonly do: "note"; readonly incident: string; readonly text: string }
  | { readonly do: "resolve"; readonly incident: string }
  | { readonly do: "close"; readonly id: string; readonly is: "incident" | "alarm"; readonly disposition: Disposition }
  | { readonly do: "help" };

export interface Suggestion {
  readonly name: string;
  readonly detail: string;
  /** The line that stands when it is taken. */
  readonly line: string;
}

export interface Reading {
  /** What the line means so far, or what is missing. */
  readonly says: string;
  readonly suggestions: readonly Suggestion[];
  /** Null: not whole yet. */
  readonly command: Command | null;
}

export interface Context {
  /** Ids of what stands in the band, in its order. */
  readonly waiting: readonly string[];
  readonly incidents: readonly Incident[];
  readonly units: readonly Unit[];
  readonly codes: readonly StatusCode[];
  /** What is open in the middle. */
  readonly selected: { readonly is: "incident" | "alarm"; readonly id: string } | null;
}

interface Verb {
  readonly key: string;
  readonly name: string;
  readonly form: string;
}

export const VERBS: readonly Verb[] = [
  { key: "a", name: "annehmen", form: "a [Zeile im roten Band oder Ereignis]" },
  { key: "d", name: "entsenden", form: "d [Ereignis] Streife [Streife …]" },
  { key: "w", name: "zurückziehen", form: "w Streife" },
  { key: "s", name: "Status", form: "s Streife Kennzahl" },
  { key: "n", name: "neue Meldung", form: "n [Text]" },
  { key: "v", name: "Vermerk", form: "v [Ereignis] Text" },
  { key: "e", name: "erledigt", form: "e [Ereignis]" },
  { key: "x", name: "abschließen", form: "x [Ereignis] Abschlussgrund" },
  { key: "?", name: "Hilfe", form: "?" },
];

const NOTHING: Reading = { says: "", suggestions: [], command: null };

/** Letters and digits alone, small, umlauts written out: what is typed and what it is held against. */
export const plain = (text: string): string =>
  text
    .toLowerCase()
    .replace(/ä/g, "ae")
    .replace(/ö/g, "oe")
    .replace(/ü/g, "ue")
    .replace(/ß/g, "ss")
    .replace(/[^a-z0-9]/g, "");

/** What `line` means here. */
export function read(line: string, context: Context): Reading {
  const text = line.replace(/^\s*\/?\s*/, "");
  if (text === "") return NOTHING;
  const verb = VERBS.find((one) => one.key === text[0]?.toLowerCase());
  const isAlone = text.length === 1 || /^.\s/.test(text);
  if (verb === undefined || (!isAlone && verb.key !== "?")) return byName(text);
  const rest = text.slice(1).trim();
  switch (verb.key) {
    case "a":
      return accept(rest, context);
    case "d":
      return dispatch(rest, context);
    case "w":
      return withdraw(rest, context);
    case "s":
      return status(rest, context);
    case "n":
      return { says: "Neue Meldung aufnehmen", suggestions: [], command: { do: "report", text: rest } };
    case "v":
      return note(rest, context);
    case "e":
      return resolve(rest, context);
    case "x":
      return close(rest, context);
    default:
      return { says: "Hilfe", suggestions: [], command: { do: "help" } };
  }
}

/** A word instead of its letter: `entsenden` suggests `d`. */
function byName(text: string): Reading {
  const wanted = plain(text);
  const found = VERBS.filter((verb) => wanted !== "" && plain(verb.name).startsWith(wanted));
  const suggestions = found.map((verb) => ({ name: verb.key, detail: `${verb.name}: ${verb.form}`, line: `${verb.key} ` }));
  return { says: found.length === 0 ? `„${text}“ gibt es nicht; ? zeigt die Befehle` : "", suggestions, command: null };
}

interface Numbered {
  readonly incident: Incident | null;
  readonly isMissing: boolean;
  readonly rest: string;
}

/** An incident's number in front, or the one that is open. */
function numbered(rest: string, { incidents, selected }: Context): Numbered {
  const found = /^([0-9]{1,9})(?:\s+(.*))?$/.exec(rest);
  if (found !== null) {
    const incident = incidents.find((one) => one.no === Number(found[1])) ?? null;
    return { incident, isMissing: incident === null, rest: (found[2] ?? "").trim() };
  }
  const open = selected?.is === "incident" ? incidents.find((one) => one.id === selected.id) : undefined;
  return { incident: open ?? null, isMissing: false, rest };
}

const missing = (says: string): Reading => ({ says, suggestions: [], command: null });
const whole = (says: string, command: Command): Reading => ({ says, suggestions: [], command });

function accept(rest: string, context: Context): Reading {
  const { waiting, selected, incidents } = context;
  if (rest === "") {
    const [top] = waiting;
    if (top !== undefined) return whole("Obersten Alarm annehmen", { do: "accept", id: top, is: "waiting" });
    if (selected === null) return missing("Nichts wartet; Nummer des Ereignisses angeben");
    return whole("Annehmen, was offen ist", { do: "accept", id: selected.id, is: selected.is });
  }
  const line = waiting[Number(rest) - 1];
  if (line !== undefined) return whole(`Zeile ${rest} annehmen`, { do: "accept", id: line, is: "waiting" });
  const incident = incidents.find((one) => String(one.no) === rest);
  if (incident === undefined) return missing(`Weder Zeile noch Ereignis ${rest}`);
  return whole(`Ereignis ${rest} annehmen`, { do: "accept", id: incident.id, is: "incident" });
}

function dispatch(rest: string, context: Context): Reading {
  const { incident, isMissing, rest: names } = numbered(rest, context);
  if (isMissing) return missing("Dieses Ereignis ist nicht offen");
  if (incident === null) return missing("d = entsenden · Nummer des Ereignisses fehlt");
  const { found, left } = manyUnits(names, context.units);
  const head = `d ${incident.no} ${found.map((unit) => `${unit.call_sign} `).join("")}`;
  const says = `d = entsenden · Ereignis ${incident.no} · ${found.map((unit) => unit.call_sign).join(", ") || "Streife"}`;
  const suggestions = left === "" && found.length > 0 ? [] : suggested(left, context.units, head);
  const command = left === "" && found.length > 0;
  return {
    says: left !== "" && suggestions.length === 0 ? `Keine Streife „${left}“` : says,
    suggestions,
    command: command ? { do: "dispatch", incident: incident.id, units: found.map((unit) => unit.id) } : null,
  };
}

function withdraw(rest: string, { units }: Context): Reading {
  const { unit, suggestions } = oneUnit(rest, units, "w ");
  if (unit === null) return { says: "w = zurückziehen · Streife", suggestions, command: null };
  return whole(`${unit.call_sign} zurückziehen`, { do: "withdraw", unit: unit.id });
}

function status(rest: string, { units, codes }: Context): Reading {
  const found = /^(.*?)\s+([A-Za-z0-9]{1,3})$/.exec(rest);
  const code = codes.find((one) => one.code === found?.[2]);
  const named = found === null ? null : oneUnit(found[1] ?? "", units, "s ").unit;
  const alone = oneUnit(rest, units, "s ");
  if (named !== null && code !== undefined && (alone.unit === null || found === null)) {
    const says = `${named.call_sign} auf ${code.code}, ${MEANINGS[code.meaning]}`;
    return whole(says, { do: "status", unit: named.id, code: code.code });
  }
  if (alone.unit === null) return { says: "s = Status · Streife", suggestions: alone.suggestions, command: null };
  const line = `s ${alone.unit.call_sign} `;
  return {
    says: `s = Status · ${alone.unit.call_sign} · Kennzahl`,
    suggestions: codes.map((one) => ({ name: one.code, detail: MEANINGS[one.meaning], line: `${line}${one.code}` })),
    command: null,
  };
}

function note(rest: string, context: Context): Reading {
  const { incident, isMissing, rest: text } = numbered(rest, context);
  if (isMissing) return missing("Dieses Ereignis ist nicht offen");
  if (incident === null) return missing("v = Vermerk · Nummer des Ereignisses fehlt");
  if (text === "") return missing(`v = Vermerk · Ereignis ${incident.no} · Text`);
  return whole(`Vermerk zu ${incident.no}`, { do: "note", incident: incident.id, text });
}

function resolve(rest: string, context: Context): Reading {
  const { incident, isMissing, rest: more } = numbered(rest, context);
  if (isMissing || more !== "") return missing("Dieses Ereignis ist nicht offen");
  if (incident === null) return missing("e = erledigt · Nummer des Ereignisses fehlt");
  return whole(`Ereignis ${incident.no} ist erledigt`, { do: "resolve", incident: incident.id });
}

function close(rest: string, context: Context): Reading {
  const { incident, isMissing, rest: typed } = numbered(rest, context);
  if (isMissing) return missing("Dieses Ereignis ist nicht offen");
  const subject =
    incident !== null
      ? { is: "incident" as const, id: incident.id, name: `Ereignis ${incident.no}`, head: `x ${incident.no} ` }
      : context.selected?.is === "alarm"
        ? { is: "alarm" as const, id: context.selected.id, name: "Alarm", head: "x " }
        : null;
  if (subject === null) return missing("x = abschließen · Nummer des Ereignisses fehlt");
  const endings = DISPOSITIONS.filter((one) => one.typed.startsWith(plain(typed)));
  const [only, ...others] = endings;
  if (typed !== "" && only !== undefined && others.length === 0) {
    return whole(`${subject.name} schließen: ${only.name}`, {
      do: "close",
      is: subject.is,
      id: subject.id,
      disposition: only.value,
    });
  }
  return {
    says: endings.length === 0 ? `Keinen Abschlussgrund „${typed}“` : `x = abschließen · ${subject.name} · Abschlussgrund`,
    suggestions: endings.map((one) => ({ name: one.name, detail: "", line: `${subject.head}${one.typed}` })),
    command: null,
  };
}

/** Units that `typed` names one after the other; `left` is what names none, or more than one. */
function manyUnits(typed: string, units: readonly Unit[]): { readonly found: readonly Unit[]; readonly left: string } {
  const found: Unit[] = [];
  let words = typed.split(/[\s,]+/).filter(Boolean);
  while (words.length > 0) {
    const length = words.findLastIndex((_, at) => exactly(words.slice(0, at + 1).join(" "), units) !== null) + 1;
    const unit = length === 0 ? null : exactly(words.slice(0, length).join(" "), units);
    if (unit === null) break;
    if (!found.includes(unit)) found.push(unit);
    words = words.slice(length);
  }
  return { found, left: words.join(" ") };
}

/** The unit that this names alone: by its whole call sign, or by a beginning that no other has. */
function exactly(typed: string, units: readonly Unit[]): Unit | null {
  const wanted = plain(typed);
  if (wanted === "") return null;
  const same = units.find((unit) => plain(unit.call_sign) === wanted);
  if (same !== undefined) return same;
  const fitting = units.filter((unit) => fits(typed, unit));
  const numbered = fitting.filter((unit) => hasNumber(typed, unit));
  const [first, ...others] = fitting.length > 1 ? numbered : fitting;
  return first !== undefined && others.length === 0 ? first : null;
}

const wordsOf = (text: string): readonly string[] => text.split(/[\s,]+/).map(plain).filter(Boolean);

/** `linde1`, `lin` and `li 1` fit Linde 12. */
function fits(typed: string, { call_sign: sign }: Unit): boolean {
  const [words, ofSign] = [wordsOf(typed), wordsOf(sign)];
  return plain(sign).startsWith(plain(typed)) || words.every((word, at) => ofSign[at]?.startsWith(word) === true);
}

/** Whether a number that was typed is the unit's own, and not only its beginning. */
function hasNumber(typed: string, { call_sign: sign }: Unit): boolean {
  const numbers = wordsOf(typed).filter((word) => /^[0-9]+$/.test(word));
  return numbers.length > 0 && numbers.every((word) => wordsOf(sign).includes(word));
}

function oneUnit(
  typed: string,
  units: readonly Unit[],
  head: string,
): { readonly unit: Unit | null; readonly suggestions: readonly Suggestion[] } {
  const unit = exactly(typed, units);
  return unit !== null ? { unit, suggestions: [] } : { unit: null, suggestions: suggested(typed, units, head) };
}

function suggested(typed: string, units: readonly Unit[], head: string): readonly Suggestion[] {
  return units
    .filter((unit) => fits(typed, unit))
    .slice(0, 8)
    .map((unit) => ({ name: unit.call_sign, detail: MEANINGS[unit.status], line: `${head}${unit.call_sign} ` }));
}
