// Meldungen: aufnehmen, und ein Ereignis daraus machen.
import { useEffect, useRef } from "preact/hooks";
import type { Channel, NewIncident, Priority, Report } from "../../api/wire_desk.ts";
import { Prio } from "../../look/Mark.tsx";
import { clockOf } from "../../shared/format.ts";
import { CHANNELS, INCIDENT_KINDS, kindOf, PRIORITY_NAMES } from "../rules/words.ts";
import { open } from "../state/address.ts";
import { draft, incidentOf, sending, tell } from "../state/commands.ts";
import { personName } from "../state/live.ts";
import { Field } from "./Field.tsx";

const TYPED_CHANNELS: readonly Channel[] = ["citizen", "phone", "officer", "patrol"];
const PRIORITIES: readonly Priority[] = [2, 3, 4, 5];

export function ReportPane({ report }: { readonly report: Report }) {
  return (
    <>
      <div class="cr-title">
        <Prio of={4} />
        <h1>Meldung · {report.place}</h1>
        <b class="st-danger">nicht angenommen</b>
        <p class="st-cut">
          {CHANNELS[report.channel]} · {clockOf(new Date(report.received_at))} · {personName(report.by)}
        </p>
      </div>
      <div class="cr-scroll">
        <p class="cr-part">{report.text || "Ohne Text"}</p>
        {report.caller !== null && <p class="cr-part">Gemeldet von: {report.caller}</p>}
        <form class="cr-part" onSubmit={(event) => submitted(event, (form) => void incidentOf(report, chosenOf(form)))}>
          <h3>Ereignis eröffnen</h3>
          <Choice />
          <div class="cr-actions">
            <button type="submit" class="cr-btn is-main" aria-disabled={sending.value.has(report.id)}>
              Ereignis eröffnen
            </button>
          </div>
        </form>
      </div>
    </>
  );
}

export function ReportForm() {
  const place = useRef<HTMLInputElement>(null);
  useEffect(() => place.current?.focus(), []);
  const send = (form: FormData): void => {
    const text = (name: string): string => String(form.get(name) ?? "").trim();
    const channel = TYPED_CHANNELS.find((one) => one === text("channel")) ?? "citizen";
    const report = { channel, text: text("text"), place: text("place"), ...(text("caller") && { caller: text("caller") }) };
    const incident = form.get("opens") === "no" ? null : chosenOf(form);
    void tell({ report, incident }).then((isKept) => isKept && (draft.value = ""));
  };
  return (
    <>
      <div class="cr-title">
        <Prio of={4} />
        <h1>Neue Meldung</h1>
        <span />
        <p>Wer meldet, was ist, wo ist es</p>
      </div>
      <form class="cr-scroll" onSubmit={(event) => submitted(event, send)}>
        <div class="cr-part cr-fields">
          <Field label="Ort" look="is-wide">
            {(id) => <input id={id} ref={place} name="place" required maxLength={200} />}
          </Field>
          <Field label="Was ist" look="is-wide">
            {(id) => <textarea id={id} name="text" rows={3} maxLength={2000} defaultValue={draft.peek()} />}
          </Field>
          <Field label="Gemeldet durch">
            {(id) => (
              <select id={id} name="channel">
                {TYPED_CHANNELS.map((channel) => (
                  <option key={channel} value={channel}>
                    {CHANNELS[channel]}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <Field label="Rückruf, wenn angegeben">
            {(id) => <input id={id} name="caller" maxLength={200} />}
          </Field>
          <Choice />
          <Field label="Weiter" look="is-wide">
            {(id) => (
              <select id={id} name="opens">
                <option value="yes">Ereignis eröffnen und annehmen</option>
                <option value="no">Nur aufnehmen, wartet unter „Offen“</option>
              </select>
            )}
          </Field>
        </div>
        <div class="cr-part cr-actions">
          <button type="submit" class="cr-btn is-main" aria-disabled={sending.value.has("meldung")}>
            Meldung aufnehmen
          </button>
          <button type="button" class="cr-btn" onClick={() => open(null)}>
            Abbrechen
          </button>
        </div>
      </form>
    </>
  );
}

function Choice() {
  return (
    <div class="cr-fields is-wide">
      <Field label="Art">
        {(id) => (
          <select id={id} name="kind">
            {INCIDENT_KINDS.map((kind) => (
              <option key={kind} value={kind}>
                {kindOf(kind)}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Field label="Priorität">
        {(id) => (
          <select id={id} name="priority">
            {PRIORITIES.map((priority) => (
              <option key={priority} value={priority} selected={priority === 4}>
                {PRIORITY_NAMES[priority]}
              </option>
            ))}
          </select>
        )}
      </Field>
    </div>
  );
}

function chosenOf(form: FormData): Pick<NewIncident, "kind" | "priority"> {
  const priority = PRIORITIES.find((one) => String(one) === form.get("priority")) ?? 4;
  return { kind: String(form.get("kind") ?? "other"), priority };
}

function submitted(event: SubmitEvent, send: (form: FormData) => void): void {
  event.preventDefault();
  if (event.currentTarget instanceof HTMLFormElement) send(new FormData(event.currentTarget));
}
