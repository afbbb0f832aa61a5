// What the dispatcher does. Nothing counts before the server says so; what it answers is spoken at the command bar.
import { signal } from "@preact/signals";
import { call } from "../../api/client.ts";
import type {
  Alarm,
  Disposition,
  Emergency,
  Incident,
  Job,
  NewIncident,
  NewJob,
  NewNote,
  NewReport,
  Note,
  Report,
  Unit,
} from "../../api/wire_desk.ts";
import { uuid7 } from "../../shared/uuid7.ts";
import type { Command } from "../rules/command.ts";
import { isUnaccepted, type Waiting } from "../rules/waiting.ts";
import { jobsOf } from "../rules/units.ts";
import { dispositionName } from "../rules/words.ts";
import { open } from "./address.ts";
import { desk, put, unitName, waiting } from "./live.ts";

export interface Said {
  readonly at: number;
  readonly text: string;
  readonly isRefusal: boolean;
}

/** The newest outcome. */
export const said = signal<Said | null>(null);
/** Ids of things whose command is on its way: "wird gesendet". */
export const sending = signal<ReadonlySet<string>>(new Set());

function say(text: string, isRefusal = false): void {
  said.value = { at: Date.now(), text, isRefusal };
}

/** Runs what a person asked for about a thing, once at a time; a refusal is spoken. */
export async function run(id: string, work: () => Promise<string>): Promise<boolean> {
  if (sending.value.has(id)) return false;
  sending.value = new Set([...sending.value, id]);
  try {
    say(await work());
    return true;
  } catch (error) {
    say(error instanceof Error ? error.message : String(error), true);
    return false;
  } finally {
    sending.value = new Set([...sending.value].filter((one) => one !== id));
  }
}

const post = <T>(path: string, body?: unknown): Promise<T> => call<T>(path, { method: "POST", body });

/** The alarm or emergency is accepted, and its incident with it. */
export function accept(one: Waiting): Promise<boolean> {
  return run(one.id, async () => {
    const incident = one.is === "alarm" ? await acceptAlarm(one.alarm.id) : await acceptEmergency(one.id);
    if (incident !== null) await acceptNew(incident);
    return "Angenommen";
  });
}

async function acceptAlarm(id: string): Promise<string | null> {
  const alarm = await post<Alarm>(`/v1/alarms/${id}/accept`);
  put("alarm", alarm);
  return alarm.incident;
}

async function acceptEmergency(id: string): Promise<string | null> {
  const emergency = await stepEmergency(id, "accept");
  return emergency.incident;
}

export async function stepEmergency(
  id: string,
  step: "shown" | "accept" | "support" | "safe" | "close",
): Promise<Emergency> {
  const emergency = await post<Emergency>(`/v1/emergencies/${id}/steps`, { step });
  put("emergency", emergency);
  return emergency;
}

/** An incident that this screen does not know yet is as new as its alarm, which may come before it. */
async function acceptNew(id: string): Promise<void> {
  if ((desk.value?.incident.get(id)?.state ?? "new") !== "new") return;
  put("incident", await post<Incident>(`/v1/incidents/${id}/accept`));
}

/** Accepts the incident, and the alarms of it that nobody accepted. */
export function acceptIncident(id: string): Promise<boolean> {
  return run(id, async () => {
    for (const alarm of alarmsOf(id)) if (isUnaccepted(alarm)) await acceptAlarm(alarm.id);
    await acceptNew(id);
    return `Ereignis ${numberOf(id)} angenommen`;
  });
}

export function acceptOne(id: string): Promise<boolean> {
  return run(id, async () => {
    const incident = await acceptAlarm(id);
    if (incident !== null) await acceptNew(incident);
    return "Alarm angenommen";
  });
}

/** Quiet for an hour, with a reason; never a P1. */
export function shelve(id: string, reason: string): Promise<boolean> {
  return run(id, async () => {
    const until = new Date(Date.now() + 3_600_000).toISOString();
    put("alarm", await post<Alarm>(`/v1/alarms/${id}/shelve`, { reason, until }));
    return "Alarm ruht für eine Stunde";
  });
}

export function dispatch(incident: string, units: readonly string[], text = ""): Promise<boolean> {
  return run(incident, async () => {
    for (const unit of units) {
      const body: NewJob = { id: uuid7(), incident, unit, ...(text && { text }) };
      put("job", await post<Job>("/v1/jobs", body));
    }
    return `Auftrag ${numberOf(incident)} an ${units.map(unitName).join(", ")} gesendet`;
  });
}

export function withdraw(job: Job): Promise<boolean> {
  return run(job.id, async () => {
    put("job", await post<Job>(`/v1/jobs/${job.id}/withdraw`));
    return `${unitName(job.unit)} zurückgezogen`;
  });
}

export function setStatus(unit: string, code: string): Promise<boolean> {
  return run(unit, async () => {
    put("unit", await post<Unit>(`/v1/units/${unit}/status`, { id: uuid7(), code }));
    return `${unitName(unit)} auf Status ${code} gesetzt`;
  });
}

export function addNote(incident: string, text: string): Promise<boolean> {
  return run(incident, async () => {
    const body: NewNote = { id: uuid7(), text };
    put("note", await post<Note>(`/v1/incidents/${incident}/notes`, body));
    return `Vermerk zu ${numberOf(incident)} gespeichert`;
  });
}

export function resolve(id: string): Promise<boolean> {
  return run(id, async () => {
    await resolved(id);
    return `Ereignis ${numberOf(id)} erledigt; Abschlussgrund fehlt noch`;
  });
}

async function resolved(id: string): Promise<void> {
  put("incident", await post<Incident>(`/v1/incidents/${id}/resolve`));
}

/** Closes the incident and its alarms with one disposition. What nobody accepted is not closed in passing. */
export function close(id: string, disposition: Disposition): Promise<boolean> {
  return run(id, async () => {
    const alarms = alarmsOf(id);
    const left = alarms.filter(isUnaccepted).length;
    if (left > 0) throw new Error(`Erst annehmen: ${left === 1 ? "ein Alarm wartet" : `${left} Alarme warten`} noch`);
    const no = numberOf(id);
    if (desk.value?.incident.get(id)?.state !== "resolved") await resolved(id);
    for (const alarm of alarms) if (alarm.state === "accepted" || alarm.state === "returned") await closed(alarm.id, disposition);
    put("incident", await post<Incident>(`/v1/incidents/${id}/close`, { disposition }));
    open(null);
    return `Ereignis ${no} geschlossen: ${dispositionName(disposition)}`;
  });
}

async function closed(id: string, disposition: Disposition): Promise<void> {
  put("alarm", await post<Alarm>(`/v1/alarms/${id}/close`, { disposition }));
}

export function closeAlarm(id: string, disposition: Disposition): Promise<boolean> {
  return run(id, async () => {
    await closed(id, disposition);
    open(null);
    return `Alarm geschlossen: ${dispositionName(disposition)}`;
  });
}

export interface Telling {
  readonly report: Omit<NewReport, "id">;
  /** An incident is opened out of it; null: it waits. */
  readonly incident: Pick<NewIncident, "kind" | "priority"> | null;
}

/** Keeps what somebody told, and opens an incident out of it where that is wanted. */
export async function tell({ report, incident }: Telling): Promise<boolean> {
  return run("meldung", async () => {
    const body: NewReport = { ...report, id: uuid7() };
    put("report", await post<Report>("/v1/reports", body));
    if (incident === null) {
      open(null);
      return "Meldung aufgenommen";
    }
    const opened = await openIncident(body.id, body, incident);
    return `Ereignis ${opened.no} eröffnet`;
  });
}

export function incidentOf(report: Report, chosen: Pick<NewIncident, "kind" | "priority">): Promise<boolean> {
  return run(report.id, async () => {
    const opened = await openIncident(report.id, report, chosen);
    return `Ereignis ${opened.no} eröffnet`;
  });
}

async function openIncident(
  report: string,
  { place, text }: { readonly place: string; readonly text: string },
  chosen: Pick<NewIncident, "kind" | "priority">,
): Promise<Incident> {
  const body: NewIncident = { id: uuid7(), ...chosen, place, ...(text && { text }), reports: [report] };
  const incident = await post<Incident>("/v1/incidents", body);
  put("incident", incident);
  const known = desk.value?.report.get(report);
  if (known !== undefined) put("report", { ...known, rev: known.rev + 1, incident: incident.id });
  await acceptNew(incident.id);
  open({ is: "incident", id: incident.id });
  return incident;
}

export function alarmsOf(incident: string): readonly Alarm[] {
  return [...(desk.value?.alarm.values() ?? [])].filter((alarm) => alarm.incident === incident);
}

const numberOf = (id: string): string => String(desk.value?.incident.get(id)?.no ?? "");

/** What a whole line of the command bar asks for. */
export async function carryOut(command: Command): Promise<boolean> {
  switch (command.do) {
    case "accept": {
      const found = waiting.value.find((one) => one.id === command.id);
      if (found !== undefined) return accept(found);
      return command.is === "incident" ? acceptIncident(command.id) : acceptOne(command.id);
    }
    case "dispatch":
      return dispatch(command.incident, command.units);
    case "withdraw":
      return withdrawAll(command.unit);
    case "status":
      return setStatus(command.unit, command.code);
    case "report":
      draft.value = command.text;
      open({ is: "report_form" });
      return true;
    case "note":
      return addNote(command.incident, command.text);
    case "resolve":
      return resolve(command.incident);
    case "close":
      return command.is === "incident" ? close(command.id, command.disposition) : closeAlarm(command.id, command.disposition);
    case "help":
      open({ is: "help" });
      return true;
    default:
      return command satisfies never;
  }
}

/** What was typed behind `n`, for the form. */
export const draft = signal("");

async function withdrawAll(id: string): Promise<boolean> {
  const unit = desk.value?.unit.get(id);
  const jobs = desk.value === null || unit === undefined ? [] : jobsOf(unit, desk.value);
  if (jobs.length === 0) {
    say(`${unitName(id)} hat keinen offenen Auftrag`, true);
    return false;
  }
  for (const job of jobs) if (!(await withdraw(job))) return false;
  return true;
}
