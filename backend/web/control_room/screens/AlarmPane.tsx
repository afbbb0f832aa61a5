// Ein Alarm ohne Ereignis: annehmen, ruhen lassen, schließen.
import { useState } from "preact/hooks";
import type { Alarm } from "../../api/wire_desk.ts";
import { Prio } from "../../look/Mark.tsx";
import { clockOf, timeOf } from "../../shared/format.ts";
import { isUnaccepted } from "../rules/waiting.ts";
import { ALARM_STATES, alarmKind, DISPOSITIONS, oddities, partsOf } from "../rules/words.ts";
import { acceptOne, closeAlarm, sending, shelve } from "../state/commands.ts";
import { personName } from "../state/live.ts";
import { Field } from "./Field.tsx";

export function AlarmPane({ alarm }: { readonly alarm: Alarm }) {
  const { where, detail } = partsOf(alarm.place);
  const isOpen = isUnaccepted(alarm);
  return (
    <>
      <div class="cr-title">
        <Prio of={alarm.priority} />
        <h1>
          {alarmKind(alarm)} · {where}
        </h1>
        <b class={isOpen ? "st-danger" : ""}>{ALARM_STATES[alarm.state]}</b>
        <p class="st-cut">
          Alarm ohne Ereignis · seit {timeOf(new Date(alarm.raised_at))}
          {detail !== "" && ` · ${detail}`}
        </p>
      </div>
      <div class="cr-scroll">
        {isOpen && (
          <div class="cr-part">
            <button
              type="button"
              class="cr-btn is-main"
              aria-disabled={sending.value.has(alarm.id)}
              onClick={() => void acceptOne(alarm.id)}
            >
              {sending.value.has(alarm.id) ? "Wird gesendet …" : "Annehmen"}
              <kbd>a</kbd>
            </button>
          </div>
        )}
        <dl class="cr-facts cr-part">
          <dt>Gemeldet</dt>
          <dd>
            {clockOf(new Date(alarm.received_at))}
            {alarm.count > 1 && `, ${alarm.count}\u00a0×, zuletzt ${clockOf(new Date(alarm.last_at))}`}
          </dd>
          {alarm.text !== null && (
            <>
              <dt>Text</dt>
              <dd>{alarm.text}</dd>
            </>
          )}
          {alarm.code !== null && (
            <>
              <dt>Code des Absenders</dt>
              <dd>{alarm.code}</dd>
            </>
          )}
          {oddities(alarm).length > 0 && (
            <>
              <dt>Auffällig</dt>
              <dd>{oddities(alarm).join(", ")}</dd>
            </>
          )}
          {alarm.accepted_at !== null && (
            <>
              <dt>Angenommen</dt>
              <dd>
                {clockOf(new Date(alarm.accepted_at))}, {personName(alarm.accepted_by)}
              </dd>
            </>
          )}
          {alarm.shelved_until !== null && (
            <>
              <dt>Ruht bis</dt>
              <dd>{timeOf(new Date(alarm.shelved_until))}</dd>
            </>
          )}
        </dl>
        {alarm.state === "raised" && alarm.priority > 1 && <Shelving alarm={alarm} />}
        {(alarm.state === "accepted" || alarm.state === "returned") && (
          <div class="cr-part">
            <h3>Abschließen</h3>
            <div class="cr-actions">
              {DISPOSITIONS.map(({ value, name, typed }) => (
                <button
                  key={value}
                  type="button"
                  class="cr-btn"
                  aria-disabled={sending.value.has(alarm.id)}
                  onClick={() => void closeAlarm(alarm.id, value)}
                >
                  {name} <kbd>x {typed.slice(0, 2)}</kbd>
                </button>
              ))}
            </div>
          </div>
        )}
      </div>
    </>
  );
}

function Shelving({ alarm }: { readonly alarm: Alarm }) {
  const [reason, setReason] = useState("");
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (reason.trim() !== "") void shelve(alarm.id, reason.trim());
  };
  return (
    <form class="cr-part cr-inline" onSubmit={submit}>
      <Field label="Eine Stunde ruhen lassen, weil">
        {(id) => (
          <input id={id} value={reason} maxLength={200} required onInput={(event) => setReason(event.currentTarget.value)} />
        )}
      </Field>
      <button type="submit" class="cr-btn">
        Ruhen lassen
      </button>
    </form>
  );
}
