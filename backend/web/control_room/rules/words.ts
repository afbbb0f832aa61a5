// The control room's words: what the server names in English stands here in German.
import type {
  Alarm,
  AlarmState,
  Channel,
  Disposition,
  Emergency,
  IncidentClips,
  IncidentState,
  JobState,
  Meaning,
  Priority,
  Unit,
} from "../../api/wire_desk.ts";

const KINDS: Readonly<Record<string, string>> = {
  panic: "Panikalarm",
  "panic.silent": "Panikalarm, still",
  "panic.confirmed": "Panikalarm, bestätigt",
  duress: "Bedrohung bei der Bedienung",
  fire: "Feueralarm",
  medical: "Medizinischer Notfall",
  emergency: "Notruf einer Einsatzkraft",
  "door.forced": "Tür aufgebrochen",
  "door.held_open": "Tür steht offen",
  "door.opened": "Fluchttür geöffnet",
  "detector.alarm": "Detektor löst aus",
  intrusion: "Einbruchmeldung",
  alarm: "Alarm, Art unbekannt",
  "camera.alarm": "Kamera meldet",
  tamper: "Sabotagekontakt",
  "link.trouble": "Übertragung gestört",
  "link.lost": "Verbindung verloren",
  "gateway.lost": "Gateway ohne Verbindung",
  power: "Stromversorgung gestört",
  "panel.in_test": "Zentrale im Test",
  "panel.programming": "Zentrale wird programmiert",
  "test.manual": "Testmeldung",
  "point.bypassed": "Punkt gesperrt",
  "point.fault": "Punkt gestört",
  unparsed: "Meldung unlesbar",
  unknown_code: "Unbekannter Code",
  unknown_token: "Unbekannte Art von Meldung",
  unknown_sender: "Unbekannter Absender",
  bad_checksum: "Prüfsumme mehrfach falsch",
  not_encrypted: "Unverschlüsselt gesendet",
  key_reused: "Schlüssel doppelt verwendet",
  noise: "Lärm",
  obstruction: "Rettungsweg zugeparkt",
  disturbance: "Ruhestörung",
  dispute: "Streit",
  waste: "Müllablagerung",
  dog: "Hund ohne Leine",
  parking: "Parkverstoß",
  other: "Sonstiges",
};

/** Kinds that a dispatcher gives an incident, in the order of the list. */
export const INCIDENT_KINDS = ["disturbance", "noise", "dispute", "obstruction", "parking", "waste", "dog", "other"] as const;

/** What it is; a kind that this page does not know is named, so that nothing stays hidden. */
export function kindOf(kind: string, level: number | null = null): string {
  const name = KINDS[kind] ?? `Meldung „${kind}“`;
  if (level === null) return name;
  const [what = "", ...how] = name.split(", ");
  return [`${what} Stufe\u00a0${level}`, ...how].join(", ");
}

export const alarmKind = (alarm: Alarm): string => kindOf(alarm.kind, alarm.level);

const EMERGENCIES: Readonly<Record<Emergency["kind"], string>> = {
  duress: "Bedrohung",
  help: "braucht Hilfe",
  medical: "medizinischer Notfall",
  timer: "Rückmeldung ausgeblieben",
};

export const emergencyKind = ({ kind }: Emergency): string => EMERGENCIES[kind];

export const PRIORITY_NAMES: Readonly<Record<Priority, string>> = {
  1: "Priorität 1, sofort",
  2: "Priorität 2, dringend",
  3: "Priorität 3, bald",
  4: "Priorität 4, wenn frei",
  5: "Priorität 5, zur Kenntnis",
};

export const ALARM_STATES: Readonly<Record<AlarmState, string>> = {
  raised: "nicht angenommen",
  returned_unaccepted: "zurückgestellt vom Absender, nicht angenommen",
  accepted: "angenommen",
  returned: "zurückgestellt vom Absender",
  shelved: "ruht",
  out_of_service: "außer Betrieb",
  closed: "geschlossen",
};

export const INCIDENT_STATES: Readonly<Record<IncidentState, string>> = {
  new: "nicht angenommen",
  accepted: "angenommen",
  dispatched: "Streife entsandt",
  on_scene: "Streife am Ort",
  resolved: "erledigt, Abschlussgrund fehlt",
  closed: "geschlossen",
  merged: "zusammengelegt",
};

export const JOB_STATES: Readonly<Record<JobState, string>> = {
  proposed: "vorgeschlagen",
  sent: "gesendet",
  delivered: "zugestellt",
  accepted: "angenommen",
  en_route: "unterwegs",
  on_scene: "am Ort",
  timed_out: "keine Antwort",
  declined: "abgelehnt",
  withdrawn: "zurückgezogen",
  done: "erledigt",
};

export const OPEN_JOBS: ReadonlySet<JobState> = new Set(["sent", "delivered", "accepted", "en_route", "on_scene"]);

export const MEANINGS: Readonly<Record<Meaning, string>> = {
  available_patrol: "frei auf Streife",
  available_station: "frei auf Dienststelle",
  en_route: "unterwegs",
  on_scene: "am Einsatzort",
  off: "Pause, außer Dienst",
  committed: "gebunden",
  limited: "bedingt verfügbar",
  wants_to_talk: "Sprechwunsch",
  urgent_talk: "dringender Sprechwunsch",
  acknowledge: "Sprechwunsch beantwortet",
};

export const MODES: Readonly<Record<Unit["mode"], string>> = { foot: "Fuß", bike: "Rad", car: "Kfz" };

export const CHANNELS: Readonly<Record<Channel, string>> = {
  phone: "Telefon",
  citizen: "Bürgerin oder Bürger",
  officer: "Einsatzkraft",
  patrol: "Streife",
};

export interface Ending {
  readonly value: Disposition;
  readonly name: string;
  /** What may be typed for it, in small letters. */
  readonly typed: string;
}

export const DISPOSITIONS: readonly Ending[] = [
  { value: "real", name: "berechtigt", typed: "berechtigt" },
  { value: "unfounded", name: "unbegründet", typed: "unbegruendet" },
  { value: "false_user", name: "Fehlbedienung", typed: "fehlbedienung" },
  { value: "false_technical", name: "technischer Fehlalarm", typed: "technisch" },
  { value: "test", name: "Test", typed: "test" },
  { value: "drill", name: "Übung", typed: "uebung" },
];

/** The shortest beginning that means this one alone, of at least two letters. */
export function shortest(ending: Ending): string {
  const isAlone = (size: number): boolean =>
    DISPOSITIONS.every((one) => one === ending || !one.typed.startsWith(ending.typed.slice(0, size)));
  let size = 2;
  while (size < ending.typed.length && !isAlone(size)) size += 1;
  return ending.typed.slice(0, size);
}

export const dispositionName = (value: Disposition): string =>
  DISPOSITIONS.find((one) => one.value === value)?.name ?? value;

const FLAGS: Readonly<Record<string, string>> = {
  wrong_clock: "Uhr des Absenders falsch",
  late: "nachgereicht",
  test: "Test",
  cancelled: "Absender hat zurückgenommen",
  outside_window: "außerhalb des Zeitfensters",
  bad_checksum: "Prüfsumme falsch",
  not_encrypted: "unverschlüsselt",
  still_present: "steht noch an",
  unknown_sender: "Absender unbekannt",
  undecryptable: "nicht zu entschlüsseln",
  unparsed: "unlesbar",
  unknown_code: "Code unbekannt",
  unknown_token: "Art unbekannt",
  key_reused: "Schlüssel mit anderem Inhalt",
};

/** What is odd about an alarm, in words. */
export function oddities(alarm: Alarm): readonly string[] {
  const named = alarm.flags.split(" ").filter(Boolean).filter((flag) => flag !== "late" || alarm.late_s === null);
  const late = alarm.late_s === null ? [] : [`nachgereicht, ${Math.max(1, Math.round(alarm.late_s / 60))}\u00a0min alt`];
  return [...late, ...named.map((flag) => FLAGS[flag] ?? flag)];
}

/** Building, zone and point of a place as the server writes it. */
export function partsOf(place: string): { readonly where: string; readonly detail: string } {
  const [building = "", zone, ...rest] = place.split(" · ");
  return { where: zone === undefined ? building : `${building}, ${zone}`, detail: rest.join(" · ") };
}

export interface ClipsWords {
  readonly state: string;
  /** Smaller, behind it. */
  readonly more: string;
}

/** What the control room says of an incident's clips; null: nothing, as there are none or it is not known. */
export function clipsWords(of: IncidentClips | null): ClipsWords | null {
  if (of === null || of.clips === 0) return null;
  const { clips, arrived, held } = of;
  const what = clips === 1 ? "Aufnahme vorhanden" : `${clips} Aufnahmen vorhanden`;
  return { state: `${what}, ${secured(clips, held)}.`, more: `${coming(clips, clips - arrived)}Einsicht nur über die Beweismittelstelle.` };
}

function secured(clips: number, held: number): string {
  if (held === 0) return "nicht gesperrt: Löschung nach Frist";
  if (held === clips) return "gesichert";
  return `${held} davon gesichert`;
}

function coming(clips: number, missing: number): string {
  if (missing === 0) return "";
  if (clips === 1) return "Sie wird gerade übertragen. ";
  return `${missing} ${missing === 1 ? "wird" : "werden"} gerade übertragen. `;
}
