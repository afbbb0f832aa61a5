// Words about clips: what the server names in English stands here in German.
import type { Answers, ClipClass, ClipFinding, Export } from "../../api/wire_evidence.ts";
import type { Missing } from "./clips.ts";

export const CLASSES: Readonly<Record<ClipClass, string>> = {
  unclassified: "nicht eingestuft",
  bodycam: "Bodycam",
  dwelling: "Wohnung",
  professional_secrecy: "Quarantäne",
  vehicle_unclassified: "nicht eingestuft, Fahrzeug",
  vehicle: "Fahrzeug",
};

export const FINDINGS: Readonly<Record<ClipFinding, string>> = {
  clock_off: "Uhr der Kamera ging falsch",
  clock_unusable: "Uhr der Kamera unbrauchbar",
  no_officer: "Trägerin oder Träger unbekannt",
  unknown_camera: "Kamera nicht bestätigt",
  long: "ungewöhnlich lang",
  pre_recorded: "enthält Vorlauf, gesperrt",
  duplicate: "doppelt eingelesen",
  contradicts: "zwei Fassungen derselben Nummer",
};

export interface Choice<T extends string> {
  readonly value: T;
  readonly name: string;
  readonly hint: string;
}

export const GROUNDS: readonly Choice<Answers["ground"]>[] = [
  { value: "protect_officer", name: "Gefahr für Einsatzkräfte", hint: "Leib oder Leben" },
  { value: "protect_third_person", name: "Gefahr für Dritte", hint: "Leib oder Leben" },
];

export const PLACES: readonly Choice<Answers["place_kind"]>[] = [
  { value: "public", name: "Öffentlicher Raum", hint: "Straße, Platz, Park" },
  { value: "premises", name: "Andere Räume", hint: "Geschäft, Amt, Treppenhaus" },
  { value: "dwelling", name: "Wohnung", hint: "nur bei dringender Gefahr; eine andere Person prüft den Kernbereich" },
  { value: "professional_secrecy", name: "Ort eines Berufsgeheimnisses", hint: "Praxis, Kanzlei: niemand sieht die Aufnahme an" },
];

export const ANNOUNCED: readonly Choice<Answers["announced"]>[] = [
  { value: "announced", name: "Ja, angekündigt", hint: "mündlich oder durch Zeichen" },
  { value: "imminent_danger", name: "Nein, Gefahr im Verzug", hint: "mit Grund" },
];

export const DECIDERS: readonly Choice<Answers["decided_by"]>[] = [
  { value: "wearer", name: "Ich selbst", hint: "als Trägerin oder Träger der Kamera" },
  { value: "officer_in_charge", name: "Einsatzleitung", hint: "in Wohnungen immer" },
  { value: "imminent_danger", name: "Ich, Gefahr im Verzug", hint: "Einsatzleitung nicht erreichbar" },
];

export const nameIn = <T extends string>(choices: readonly Choice<T>[], value: T): string =>
  choices.find((one) => one.value === value)?.name ?? value;

export const MISSING: Readonly<Record<Missing, string>> = {
  facts: "Die Tatsachen fehlen, die auf die Gefahr schließen ließen.",
  announcement_note: "Warum wurde nicht angekündigt?",
  decider: "Wer hat entschieden, oder warum war keine Zeit?",
  decided_by: "In einer Wohnung entscheidet die Einsatzleitung, außer bei Gefahr im Verzug (§\u00a015c\u00a0Abs.\u00a02 PolG).",
  is_urgent_danger: "In einer Wohnung nur bei dringender Gefahr: bitte bestätigen oder den Ort berichtigen.",
  case_reference: "Für die Löschsperre fehlt das Aktenzeichen oder die Einsatznummer.",
};

const RECORDS: Readonly<Record<string, string>> = {
  "clip.received": "Empfangen, alle Teile stimmen, Quittung signiert",
  "clip.erased": "Auf der Kamera gelöscht, gegen unsere Quittung",
  "clip.classified": "Fünf Fragen beantwortet",
  "clip.corrected": "Beginn der Aufnahme berichtigt",
  "clip.reviewed": "Kernbereich geprüft",
  "clip.viewed": "Angesehen",
  "clip.deleted": "Gelöscht",
  "hold.placed": "Löschsperre gesetzt",
  "hold.reviewed": "Löschsperre geprüft",
  "hold.released": "Löschsperre aufgehoben",
  "export.requested": "Ausgabe beantragt",
  "export.approved": "Ausgabe freigegeben",
  "export.built": "Paket zusammengestellt",
  "export.delivered": "Paket heruntergeladen",
};

export const recordName = (kind: string): string => RECORDS[kind] ?? `Eintrag „${kind}“`;

export const EXPORT_STATES: Readonly<Record<Export["state"], string>> = {
  requested: "wartet auf die Freigabe einer zweiten Person",
  approved: "freigegeben, das Paket wird zusammengestellt",
  built: "fertig zum Herunterladen",
  failed: "konnte nicht zusammengestellt werden",
  gone: "unsere Kopie ist fristgerecht gelöscht",
};
