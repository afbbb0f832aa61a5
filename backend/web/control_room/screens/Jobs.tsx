// Aufträge eines Ereignisses und wer als Nächstes gehen könnte; gesendet wird nie von selbst.
import { useState } from "preact/hooks";
import type { Incident, Job } from "../../api/wire_desk.ts";
import { clockOf } from "../../shared/format.ts";
import type { Desk } from "../rules/desk.ts";
import { proposals } from "../rules/units.ts";
import { JOB_STATES, MODES, OPEN_JOBS } from "../rules/words.ts";
import { dispatch, sending, withdraw } from "../state/commands.ts";
import { serverNow, unitName } from "../state/live.ts";
import { Field } from "./Field.tsx";

interface Shown {
  readonly incident: Incident;
  readonly desk: Desk;
  /** Sending is the next step. */
  readonly isNext: boolean;
}

export function Jobs({ incident, desk, isNext }: Shown) {
  const jobs = [...desk.job.values()].filter((job) => job.incident === incident.id);
  const isOpen = incident.state !== "resolved";
  const hasOpen = jobs.some((job) => OPEN_JOBS.has(job.state));
  return (
    <>
      {jobs.length > 0 && (
        <div class="cr-part">
          <h3>Aufträge · {jobs.length}</h3>
          <ul class="cr-list">
            {jobs.map((job) => (
              <Line key={job.id} job={job} />
            ))}
          </ul>
        </div>
      )}
      {isOpen && <Proposals incident={incident} desk={desk} isNext={isNext && !hasOpen} />}
    </>
  );
}

function Line({ job }: { readonly job: Job }) {
  const at = job.ended_at ?? job.on_scene_at ?? job.en_route_at ?? job.accepted_at ?? job.delivered_at ?? job.sent_at;
  const isOpen = OPEN_JOBS.has(job.state);
  return (
    <li class={isOpen ? "" : "is-over"}>
      <span />
      <span class="st-cut">
        <b>{unitName(job.unit)}</b> · {JOB_STATES[job.state]}{" "}
        <small>
          {clockOf(new Date(at))}
          {job.reason !== null && ` · ${job.reason}`}
          {job.text !== null && ` · ${job.text}`}
        </small>
      </span>
      {isOpen ? (
        <button
          type="button"
          class="cr-btn"
          aria-disabled={sending.value.has(job.id)}
          onClick={() => void withdraw(job)}
        >
          Zurückziehen<span class="st-sr">: {unitName(job.unit)}</span> <kbd>w</kbd>
        </button>
      ) : (
        <span />
      )}
    </li>
  );
}

function Proposals({ incident, desk, isNext }: Shown) {
  const [text, setText] = useState("");
  const found = proposals(incident, desk, serverNow.value);
  const send = (unit: string): void => {
    void dispatch(incident.id, [unit], text.trim()).then((isSent) => isSent && setText(""));
  };
  return (
    <div class="cr-part">
      <h3>Streife entsenden</h3>
      {found.length === 0 ? (
        <p class="st-muted">Keine Streife ist frei. Mit „d“ lässt sich jede Streife im Dienst entsenden.</p>
      ) : (
        <>
          <Field label="Auftrag in Worten" look="cr-beside">
            {(id) => (
              <input id={id} value={text} maxLength={500} onInput={(event) => setText(event.currentTarget.value)} />
            )}
          </Field>
          <ul class="cr-list">
            {found.map(({ unit, why }, index) => (
              <li key={unit.id}>
                <span />
                <span class="st-cut">
                  <b>{unit.call_sign}</b> · {MODES[unit.mode]} {unit.crew.length}{" "}
                  <small>{why}</small>
                </span>
                <button
                  type="button"
                  class={`cr-btn ${isNext && index === 0 ? "is-main" : ""}`}
                  aria-disabled={sending.value.has(incident.id)}
                  onClick={() => send(unit.id)}
                >
                  Entsenden<span class="st-sr">: {unit.call_sign}</span> <kbd>d</kbd>
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}
