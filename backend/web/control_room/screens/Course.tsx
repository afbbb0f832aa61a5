// Verlauf: das Neueste zuerst. Regeln und Meldungen kommen mit dem Ereignis, alles andere steht schon am Platz.
import { useEffect, useState } from "preact/hooks";
import { call } from "../../api/client.ts";
import type { Alarm, Decision, Emergency, Incident, Report, WholeIncident } from "../../api/wire_desk.ts";
import { clockOf } from "../../shared/format.ts";
import { course } from "../rules/course.ts";
import type { Desk } from "../rules/desk.ts";
import { personName, unitName } from "../state/live.ts";

interface Shown {
  readonly incident: Incident;
  readonly alarms: readonly Alarm[];
  readonly emergencies: readonly Emergency[];
  readonly desk: Desk;
}

interface Loaded {
  readonly reports: readonly Report[];
  readonly decisions: readonly Decision[];
}

export function Course({ incident, alarms, emergencies, desk }: Shown) {
  const loaded = useLoaded(incident, alarms.length);
  const mine = <T extends { readonly incident: string | null }>(things: Iterable<T>): readonly T[] =>
    [...things].filter((one) => one.incident === incident.id);
  const reports = new Map([...loaded.reports, ...mine(desk.report.values())].map((one) => [one.id, one]));
  const steps = course(
    {
      incident,
      alarms,
      emergencies,
      jobs: mine(desk.job.values()),
      notes: mine(desk.note.values()),
      reports: [...reports.values()],
      decisions: loaded.decisions,
    },
    personName,
    unitName,
  );
  return (
    <section class="cr-pane" aria-label="Verlauf">
      <div class="cr-head">
        <h2>Verlauf</h2>
        <span>neueste zuerst</span>
      </div>
      <div class="cr-scroll" tabIndex={0} role="region" aria-label="Verlauf, neueste zuerst">
        <ol class="cr-log">
          {steps.map((step) => (
            <li key={step.key} class={`is-${step.weight}`}>
              <time>{clockOf(new Date(step.at))}</time>
              <span>
                {step.weight === "strong" ? <b>{step.text}</b> : step.text}
                {step.by !== "" && <small> {step.by}</small>}
              </span>
            </li>
          ))}
        </ol>
      </div>
    </section>
  );
}

/** What the feed does not carry: decisions of rules, and reports that belong to the incident since before. */
function useLoaded({ id, rev }: Incident, alarms: number): Loaded {
  const [loaded, setLoaded] = useState<Loaded>({ reports: [], decisions: [] });
  useEffect(() => {
    const gone = new AbortController();
    call<WholeIncident>(`/v1/incidents/${id}`, { signal: gone.signal }).then(setLoaded, () => undefined);
    return () => gone.abort();
  }, [id, rev, alarms]);
  return loaded;
}
