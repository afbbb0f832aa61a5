// Ein Ereignis: was es ist, was zu tun ist, wer geht, und rechts sein Verlauf.
import type { Alarm, Incident } from "../../api/wire_desk.ts";
import { clockOf, many, timeOf } from "../../shared/format.ts";
import { Prio, Triangle } from "../../look/Mark.tsx";
import type { Desk } from "../rules/desk.ts";
import { isUnaccepted, isUncalled } from "../rules/waiting.ts";
import { ALARM_STATES, alarmKind, INCIDENT_STATES, kindOf, oddities, partsOf } from "../rules/words.ts";
import { acceptIncident, acceptOne, alarmsOf, sending } from "../state/commands.ts";
import { personName, waiting } from "../state/live.ts";
import { useShown } from "../state/shown.ts";
import { ClipsPart } from "./ClipsPart.tsx";
import { Course } from "./Course.tsx";
import { Ending } from "./Ending.tsx";
import { EmergencyPart } from "./EmergencyPart.tsx";
import { Jobs } from "./Jobs.tsx";
import { NoteForm } from "./NoteForm.tsx";

export function IncidentPane({ incident, desk }: { readonly incident: Incident; readonly desk: Desk }) {
  const alarms = alarmsOf(incident.id);
  const emergencies = [...desk.emergency.values()].filter((one) => one.incident === incident.id);
  const open = alarms.filter(isUnaccepted);
  const { where, detail } = partsOf(incident.place);
  const isWaiting = incident.state === "new" || open.length > 0;
  return (
    <>
      <div class="cr-title">
        <Prio of={incident.priority} />
        <h1>
          {incident.kind === "emergency" ? incident.place : `${kindOf(incident.kind)} · ${where}`}
        </h1>
        <State incident={incident} open={open.length} />
        <p class="st-cut">
          Ereignis {incident.no} · seit {timeOf(new Date(incident.opened_at))}
          {detail !== "" && ` · ${detail}`}
          {alarms.length > 1 && ` · ${many(alarms.length, "Alarm", "Alarme")}`}
          {incident.text !== null && ` · ${incident.text}`}
        </p>
      </div>
      {incident.is_without_unit && (
        <p class="cr-hint">
          <Triangle label="Achtung" />
          <span>
            <b>Ohne Einheit.</b> Der letzte Auftrag ist beendet, das Ereignis nicht.
          </span>
        </p>
      )}
      <div class="cr-two">
        <div class="cr-pane">
          <div class="cr-head">
            <h2>Lage und Maßnahmen</h2>
            <kbd>Alt 2</kbd>
          </div>
          <div class="cr-scroll">
            {isWaiting && !emergencies.some(isUncalled) && (
              <div class="cr-part">
                <button
                  type="button"
                  class={`cr-btn ${waiting.value.length === 0 ? "is-main" : ""}`}
                  aria-disabled={sending.value.has(incident.id)}
                  onClick={() => void acceptIncident(incident.id)}
                >
                  {sending.value.has(incident.id) ? "Wird gesendet …" : acceptance(incident, open.length)}
                  {waiting.value.length === 0 && <kbd>a</kbd>}
                </button>
              </div>
            )}
            {emergencies.map((one) => (
              <EmergencyPart key={one.id} emergency={one} />
            ))}
            <Jobs incident={incident} desk={desk} isNext={!isWaiting} />
            {alarms.length > 0 && <Alarms alarms={alarms} />}
            <ClipsPart incident={incident.id} />
            <NoteForm incident={incident} />
            <Ending incident={incident} open={open.length} emergencies={emergencies} />
          </div>
        </div>
        <Course incident={incident} alarms={alarms} emergencies={emergencies} desk={desk} />
      </div>
    </>
  );
}

/** What the button takes over, in words. */
function acceptance({ state }: Incident, open: number): string {
  const alarms = many(open, "Alarm", "Alarme");
  if (state !== "new") return `${alarms} annehmen`;
  return open < 2 ? "Ereignis annehmen" : `Ereignis und ${alarms} annehmen`;
}

function State({ incident, open }: { readonly incident: Incident; readonly open: number }) {
  if (incident.state === "new") return <b class="st-danger">nicht angenommen</b>;
  if (open > 0) return <b class="st-danger">{open === 1 ? "ein Alarm wartet" : `${open} Alarme warten`}</b>;
  const after = incident.accepted_at === null ? "" : ` ${personName(incident.accepted_by)}, ${timeOf(new Date(incident.accepted_at))}`;
  return (
    <span>
      <b>{INCIDENT_STATES[incident.state]}</b>
      {incident.state !== "resolved" && <span class="st-muted">{after}</span>}
    </span>
  );
}

function Alarms({ alarms }: { readonly alarms: readonly Alarm[] }) {
  const sorted = alarms.toSorted((one, other) => one.priority - other.priority || Date.parse(one.raised_at) - Date.parse(other.raised_at));
  return (
    <div class="cr-part">
      <h3>Alarme · {alarms.length}</h3>
      <ul class="cr-list">
        {sorted.map((alarm) => (
          <AlarmLine key={alarm.id} alarm={alarm} />
        ))}
      </ul>
    </div>
  );
}

function AlarmLine({ alarm }: { readonly alarm: Alarm }) {
  const element = useShown<HTMLLIElement>(
    alarm.shown_at === null ? { is: "alarm", id: alarm.id, sounds: alarm.sounds } : null,
  );
  const { detail, where } = partsOf(alarm.place);
  const odd = oddities(alarm);
  return (
    <li ref={element}>
      <Prio of={alarm.priority} />
      <span>
        <b>{alarmKind(alarm)}</b> · {detail || where}
        {alarm.count > 1 && ` · ${alarm.count}\u00a0×`}{" "}
        <small>
          {clockOf(new Date(alarm.received_at))} · {ALARM_STATES[alarm.state]}
          {alarm.text !== null && ` · ${alarm.text}`}
          {odd.length > 0 && ` · ${odd.join(", ")}`}
        </small>
      </span>
      {isUnaccepted(alarm) ? (
        <button
          type="button"
          class="cr-btn"
          aria-disabled={sending.value.has(alarm.id)}
          onClick={() => void acceptOne(alarm.id)}
        >
          Annehmen<span class="st-sr">{`: ${alarmKind(alarm)}, ${detail || where}`}</span>
        </button>
      ) : (
        <span />
      )}
    </li>
  );
}
