// Verlauf eines Ereignisses: was geschah, von wem, nach welcher Regel; das Neueste zuerst.
import type { Alarm, Decision, Emergency, Incident, Job, Note, Report } from "../../api/wire_desk.ts";
import { alarmKind, CHANNELS, dispositionName, emergencyKind, kindOf, partsOf } from "./words.ts";

export interface Step {
  readonly at: number;
  readonly key: string;
  readonly text: string;
  /** Who or which rule, smaller. */
  readonly by: string;
  /** A person's own act or word stands out, a machine's is muted. */
  readonly weight: "strong" | "plain" | "rule";
}

export interface Told {
  readonly incident: Incident;
  readonly alarms: readonly Alarm[];
  readonly emergencies: readonly Emergency[];
  readonly jobs: readonly Job[];
  readonly notes: readonly Note[];
  readonly reports: readonly Report[];
  readonly decisions: readonly Decision[];
}

type Name = (id: string | null) => string;

/** The course; `person` and `unit` name ids. */
export function course(told: Told, person: Name, unit: Name): readonly Step[] {
  const steps = [
    ...ofIncident(told.incident, person),
    ...told.alarms.flatMap((alarm) => ofAlarm(alarm, person)),
    ...told.emergencies.flatMap((one) => ofEmergency(one, person)),
    ...told.jobs.flatMap((job) => ofJob(job, unit)),
    ...told.notes.map((note): Step => ({
      at: Date.parse(note.received_at),
      key: note.id,
      text: note.text,
      by: note.rule === null ? person(note.by) : `Regel ${note.rule}`,
      weight: note.rule === null ? "strong" : "rule",
    })),
    ...told.reports.map((report): Step => ({
      at: Date.parse(report.received_at),
      key: report.id,
      text: `Meldung: ${report.text || report.place}`,
      by: CHANNELS[report.channel],
      weight: "strong",
    })),
    ...told.decisions.filter((one) => one.outcome !== "opened").map((one): Step => ({
      at: Date.parse(one.at),
      key: one.id,
      text: one.reason,
      by: `Regel ${one.rule}`,
      weight: "rule",
    })),
  ];
  return steps.toSorted((one, other) => other.at - one.at || (one.key < other.key ? 1 : -1));
}

function step(key: string, at: string | null, text: string, by = "", weight: Step["weight"] = "plain"): readonly Step[] {
  return at === null ? [] : [{ at: Date.parse(at), key, text, by, weight }];
}

function ofIncident(one: Incident, person: Name): readonly Step[] {
  const opener = one.rule === null ? person(one.opened_by) : `Regel ${one.rule}`;
  const ending = one.disposition === null ? "" : `: ${dispositionName(one.disposition)}`;
  return [
    ...step(`${one.id} o`, one.opened_at, `Ereignis ${one.no} eröffnet: ${kindOf(one.kind)}`, opener, "rule"),
    ...step(`${one.id} a`, one.accepted_at, "Ereignis angenommen", person(one.accepted_by)),
    ...step(`${one.id} r`, one.resolved_at, "Erledigt"),
    ...step(`${one.id} c`, one.closed_at, `Geschlossen${ending}`),
  ];
}

function ofAlarm(one: Alarm, person: Name): readonly Step[] {
  const { where, detail } = partsOf(one.place);
  const spot = detail || where;
  const again = one.count > 1 ? step(`${one.id} n`, one.last_at, `${spot}: ${one.count}. Meldung`) : [];
  return [
    ...step(`${one.id} o`, one.raised_at, `${alarmKind(one)}: ${spot}`, one.text ?? "", "strong"),
    ...again,
    ...step(`${one.id} s`, one.priority > 2 ? null : one.shown_at, `${spot}: in der Leitstelle angezeigt`, "", "rule"),
    ...step(`${one.id} t`, one.told_at, `${spot}: zweiter Platz und Aufsicht benachrichtigt`, "", "rule"),
    ...step(`${one.id} a`, one.accepted_at, `${spot}: angenommen`, person(one.accepted_by)),
  ];
}

function ofEmergency(one: Emergency, person: Name): readonly Step[] {
  return [
    ...step(`${one.id} o`, one.raised_at, `Notruf: ${emergencyKind(one)}`, person(one.person), "strong"),
    ...step(`${one.id} s`, one.shown_at, "Notruf in der Leitstelle angezeigt", "", "rule"),
    ...step(`${one.id} x`, one.cancelled_at, "Am Gerät zurückgenommen; der Notruf bleibt offen", "", "rule"),
    ...step(`${one.id} t`, one.told_at, "Zweiter Platz und Aufsicht benachrichtigt", "", "rule"),
    ...step(`${one.id} a`, one.accepted_at, "Notruf angenommen", person(one.accepted_by)),
  ];
}

const ENDS = { timed_out: "antwortet nicht", declined: "lehnt ab", withdrawn: "zurückgezogen", done: "erledigt" } as const;

function ofJob(one: Job, unit: Name): readonly Step[] {
  const name = unit(one.unit);
  const end = one.state in ENDS ? ENDS[one.state as keyof typeof ENDS] : "beendet";
  return [
    ...step(`${one.id} 1`, one.sent_at, `Auftrag an ${name}`, one.text ?? ""),
    ...step(`${one.id} 2`, one.delivered_at, `${name}: zugestellt`, "", "rule"),
    ...step(`${one.id} 3`, one.accepted_at, `${name} nimmt an`),
    ...step(`${one.id} 4`, one.en_route_at, `${name} unterwegs`),
    ...step(`${one.id} 5`, one.on_scene_at, `${name} am Ort`),
    ...step(`${one.id} 6`, one.ended_at, `${name}: ${end}`, one.reason ?? ""),
  ];
}
