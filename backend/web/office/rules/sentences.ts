// What waits for a person, in German: a task's kind and facts become a title and a sentence.
import type { Facts } from "../../api/wire.ts";
import { amount, germanDay } from "../../shared/format.ts";

export interface Said {
  readonly title: string;
  readonly sentence: string;
}

/** Groups of kinds, as the filter above the list offers them. */
export const GROUPS = ["tatbestand", "betrag", "kennzeichen", "zeit", "eintrag", "geraet", "aufnahme"] as const;
export type Group = (typeof GROUPS)[number];

export const GROUP_NAMES: Readonly<Record<Group, string>> = {
  tatbestand: "Tatbestand",
  betrag: "Betrag",
  kennzeichen: "Kennzeichen",
  zeit: "Tatzeit",
  eintrag: "Eintrag ohne Wirkung",
  geraet: "Gerät",
  aufnahme: "Aufnahme",
};

interface Kind {
  readonly group: Group;
  readonly title: string;
  /** A word for a row of the list of offences. */
  readonly mark: string;
  readonly say: (facts: Facts) => string;
}

const CODES: Readonly<Record<string, string>> = {
  unreadable: "die Angaben sind unlesbar",
  bad_input: "eine Angabe ist unmöglich",
  unknown_kind: "diese Art von Eintrag kennt der Server nicht",
  newer_version: "die App ist neuer als der Server",
  actor_unproven: "wer erfasst hat, ist nicht nachgewiesen",
  unknown_reference: "der Bezug ist hier nicht bekannt",
  id_reused: "unter dieser Kennung steht schon etwas anderes",
  not_allowed: "die Person durfte das nicht",
  stale_base: "der Stand war inzwischen ein anderer",
  already_done: "das war schon erledigt",
  server_error: "auf dem Server trat ein Fehler auf",
};

function text(facts: Facts, name: string): string | null {
  const value = facts[name];
  return value === undefined ? null : String(value);
}

function cents(facts: Facts, name: string): number | null {
  const value = facts[name];
  return typeof value === "number" ? value : null;
}

const day = (facts: Facts): string => germanDay(text(facts, "day") ?? "");
const device = (facts: Facts): string => text(facts, "label") ?? "ein Gerät";
const entry = (facts: Facts): string => `${device(facts)}, Eintrag Nr. ${text(facts, "seq") ?? "?"}`;

function withReason(facts: Facts): string {
  const code = text(facts, "code") ?? "";
  return `${entry(facts)}: ${CODES[code] ?? `Kürzel ${code || "unbekannt"}`}`;
}

function missing(facts: Facts): string {
  const known = cents(facts, "catalogue_cents");
  return known === null ? "Auch im Katalog steht für den Tattag kein Betrag" : `Katalog am Tattag ${amount(known)}`;
}

function differs(facts: Facts): string {
  const [recorded, known] = [cents(facts, "amount_cents"), cents(facts, "catalogue_cents")];
  if (recorded === null || known === null) return "Erfasster Betrag und Katalog am Tattag sind verschieden";
  return `erfasst ${amount(recorded)}, Katalog am Tattag ${amount(known)}`;
}

function impossible(facts: Facts): string {
  const recorded = cents(facts, "amount_cents");
  if (recorded === null) return "Kein Verwarnungsgeld hat diesen Betrag";
  const rule =
    recorded < 500
      ? "Verwarnungsgeld gibt es ab 5\u00a0EUR (§\u00a056\u00a0Abs.\u00a01\u00a0OWiG)"
      : "bis 55\u00a0EUR gibt es nur Schritte von 5\u00a0EUR (§\u00a02\u00a0Abs.\u00a03\u00a0BKatV)";
  return `erfasst ${amount(recorded)}; ${rule}`;
}

function clockOff(facts: Facts): string {
  const offset = cents(facts, "offset_ms");
  if (offset === null) return "Mehr als zwei Minuten Abstand zur Uhr des Servers";
  const minutes = Math.round(Math.abs(offset) / 60_000);
  const said = minutes < 120 ? `${minutes}\u00a0min` : `${Math.round(minutes / 60)}\u00a0h`;
  return `${said} Abstand zur Uhr des Servers; Tatzeit gegenprüfen`;
}

function plate(facts: Facts): string {
  return text(facts, "plate_kind") === "unknown" || facts["plate_kind"] === undefined
    ? "Die Eingabe hat keine Form eines deutschen Kennzeichens"
    : "Das Unterscheidungszeichen vorn ist nicht bekannt";
}

const camera = (facts: Facts): string => `Kamera ${text(facts, "camera") ?? "?"}`;
const clip = (facts: Facts): string => `${camera(facts)}, Aufnahme Nr. ${text(facts, "camera_seq") ?? "?"}`;

function gap(facts: Facts): string {
  const [first, last] = [text(facts, "first") ?? "?", text(facts, "last") ?? "?"];
  const which = first === last ? `Nr. ${first} fehlt` : `Nr. ${first} bis ${last} fehlen`;
  return `${camera(facts)}: ${which}`;
}

const KINDS: Readonly<Record<string, Kind>> = {
  unknown_tbnr: {
    group: "tatbestand",
    title: "Tatbestandsnummer unbekannt",
    mark: "Nummer unbekannt",
    say: (facts) => `${text(facts, "tbnr") ?? "Die Angabe"} steht in keiner Ausgabe vom Tattag`,
  },
  no_edition: {
    group: "tatbestand",
    title: "Keine Ausgabe für den Tattag",
    mark: "keine Ausgabe",
    say: (facts) => `Für ${text(facts, "tbnr") ?? "die Angabe"} gilt am ${day(facts)} kein Eintrag im Katalog`,
  },
  amount_missing: { group: "betrag", title: "Betrag fehlt", mark: "ohne Betrag", say: missing },
  amount_differs: { group: "betrag", title: "Betrag weicht vom Katalog ab", mark: "Betrag abweichend", say: differs },
  amount_impossible: { group: "betrag", title: "Betrag nicht möglich", mark: "Betrag nicht möglich", say: impossible },
  implausible_plate: { group: "kennzeichen", title: "Kennzeichen prüfen", mark: "Kennzeichen", say: plate },
  implausible_time: {
    group: "zeit",
    title: "Tatzeit prüfen",
    mark: "Tatzeit",
    say: () => "Ende vor Beginn, oder Beginn nach der Eingabe",
  },
  clock_off: { group: "zeit", title: "Uhr des Telefons ging falsch", mark: "Uhr falsch", say: clockOff },
  entry_rejected: { group: "eintrag", title: "Eintrag abgelehnt", mark: "abgelehnt", say: withReason },
  entry_conflict: { group: "eintrag", title: "Eintrag widerspricht dem Stand", mark: "Widerspruch", say: withReason },
  entry_parked: {
    group: "eintrag",
    title: "Eintrag konnte nicht verarbeitet werden",
    mark: "zurückgestellt",
    say: (facts) => `${entry(facts)}: alle Versuche sind gescheitert, der Inhalt ist verwahrt`,
  },
  journal_fork: {
    group: "geraet",
    title: "Journal hat zwei Fassungen",
    mark: "Gabelung",
    say: (facts) => `${device(facts)}: beide Fassungen sind verwahrt; Gerät einziehen und prüfen`,
  },
  journal_after_revocation: {
    group: "geraet",
    title: "Gesperrtes Gerät hat gesendet",
    mark: "gesperrt",
    say: (facts) => `${device(facts)}: verwahrt und nicht übernommen`,
  },
  source_forked: {
    group: "geraet",
    title: "Gerät neu angemeldet nach Gabelung",
    mark: "neu angemeldet",
    say: (facts) => `${device(facts)} führt ein neues Journal`,
  },
  source_key_lost: {
    group: "geraet",
    title: "Gerät neu angemeldet, Schlüssel verloren",
    mark: "neu angemeldet",
    say: (facts) => `${device(facts)} führt ein neues Journal; nicht Gesendetes kann fehlen`,
  },
  camera_unknown: {
    group: "geraet",
    title: "Unbekannte Kamera bestätigen",
    mark: "neue Kamera",
    say: (facts) => `${camera(facts)} war zum ersten Mal an einem Dock; ihre Aufnahmen sind verwahrt`,
  },
  camera_serial_differs: {
    group: "geraet",
    title: "Kamera mit anderer Seriennummer",
    mark: "Seriennummer",
    say: (facts) => `${camera(facts)}: die Seriennummer ist eine andere als bisher`,
  },
  clip_gap: { group: "aufnahme", title: "Aufnahmen fehlen", mark: "Lücke", say: gap },
  clip_no_officer: {
    group: "aufnahme",
    title: "Niemandem zugeordnet",
    mark: "ohne Person",
    say: (facts) => `${clip(facts)}: die Kamera war zu Beginn niemandem zugeteilt`,
  },
  clip_contradicts: {
    group: "aufnahme",
    title: "Dieselbe Nummer, anderer Inhalt",
    mark: "Widerspruch",
    say: (facts) => `${clip(facts)}: zwei Docks brachten verschiedene Dateien; beide sind verwahrt`,
  },
  clip_pre_recorded: {
    group: "aufnahme",
    title: "Voraufzeichnung gefunden",
    mark: "gesperrt",
    say: (facts) => `${clip(facts)}: gesperrt, niemand sieht sie an`,
  },
  erased_without_receipt: {
    group: "aufnahme",
    title: "Kamera ohne unsere Quittung geleert",
    mark: "ohne Quittung",
    say: (facts) => `${clip(facts)}: das Dock nannte eine Quittung, die nicht unsere ist`,
  },
  hold_review_due: {
    group: "aufnahme",
    title: "Löschsperre prüfen",
    mark: "Prüfung fällig",
    say: (facts) => `Prüfung war fällig am ${germanDay(text(facts, "review_on") ?? "")}; bis dahin bleibt sie gesperrt`,
  },
  chunk_list_contradicts_digest: {
    group: "aufnahme",
    title: "Datei widerspricht ihrer Prüfsumme",
    mark: "Prüfsumme",
    say: () => "Die Teile stimmen, die ganze Datei nicht; Dock prüfen",
  },
  export_failed: {
    group: "aufnahme",
    title: "Ausgabe nicht möglich",
    mark: "Paket fehlt",
    say: () => "Eine gespeicherte Aufnahme ist beschädigt; Speicher prüfen, dann die Ausgabe neu beantragen",
  },
  clip_overdue: {
    group: "aufnahme",
    title: "Löschung überfällig",
    mark: "überfällig",
    say: (facts) => `${clip(facts)}: die Löschfrist ist seit über einer Stunde vorbei`,
  },
  deletion_waits: {
    group: "aufnahme",
    title: "Löschung wartet: Uhr ist gesprungen",
    mark: "Uhr gesprungen",
    say: () => "Bitte die Uhr des Servers prüfen; mit dem Erledigen läuft die Löschung weiter",
  },
};

/** Title and sentence for a task; a kind that this page does not know is named, so that nothing stays hidden. */
export function say(kind: string, facts: Facts): Said {
  const known = KINDS[kind];
  if (known === undefined) return { title: `Aufgabe „${kind}“`, sentence: "Diese Art kennt die Seite noch nicht" };
  return { title: known.title, sentence: known.say(facts) };
}

/** The group of a kind; what the page does not know stands with the entries. */
export const groupOf = (kind: string): Group => KINDS[kind]?.group ?? "eintrag";

/** The word for a finding in a row. */
export const markOf = (finding: string): string => KINDS[finding]?.mark ?? finding;
