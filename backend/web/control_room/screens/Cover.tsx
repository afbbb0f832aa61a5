// Abdeckung der Leitstelle: was zuletzt bekannt war und wie es ohne Bildschirm weitergeht.
import { useLayoutEffect, useRef } from "preact/hooks";
import { clockOf, stopwatch } from "../../shared/format.ts";
import { provedAt, staleMs, tries } from "../../shared/line.ts";
import { Prio } from "../../look/Mark.tsx";
import type { Row } from "../rules/queue.ts";
import { INCIDENT_STATES, JOB_STATES, kindOf, MEANINGS, partsOf } from "../rules/words.ts";
import { desk, rows, units } from "../state/live.ts";

const PHONES: readonly (readonly [string, string])[] = [
  ["Polizei", "110"],
  ["Feuerwehr, Rettungsdienst", "112"],
];
/** Most units that fit beside the P1. */
const UNITS = 8;

export function Cover() {
  const head = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => {
    const before = document.activeElement;
    head.current?.focus();
    return () => requestAnimationFrame(() => before instanceof HTMLElement && before.focus());
  }, []);
  const out = units.value.filter(({ job }) => job !== null).slice(0, UNITS);
  const urgent = rows.value?.urgent ?? [];
  return (
    <div class="st-cover cr-cover" role="alertdialog" aria-modal="true" aria-labelledby="getrennt" aria-describedby="getrennt-was">
      <header>
        <h1 id="getrennt" ref={head} tabIndex={-1}>
          KEINE VERBINDUNG
        </h1>
        <p class="st-since">
          seit <b>{stopwatch(staleMs.value)}</b>
        </p>
        <p class="st-lead" id="getrennt-was">
          Diese Anzeige ist veraltet und darum verdeckt. Alarme kommen hier nicht an. Arbeiten Sie über Funk und Telefon.
          {tries.value > 0 && ` Neuer Versuch läuft, Nr.\u00a0${tries.value}.`}
        </p>
      </header>
      <div class="cr-cover-two">
        <section>
          <h2>Letzter bekannter Stand {clockOf(new Date(provedAt.value))}, offene P1</h2>
          {urgent.length === 0 ? (
            <p>{desk.value === null ? "Noch nichts geladen." : "Keine."}</p>
          ) : (
            <ul>
              {urgent.map((row) => (
                <li key={row.id}>
                  <Prio of={1} />
                  <span>{row.no}</span>
                  <span class="st-cut">
                    {row.what} · {row.place}
                  </span>
                  <b>{stateOf(row)}</b>
                </li>
              ))}
            </ul>
          )}
          {out.length > 0 && (
            <>
              <h2>Im Einsatz</h2>
              <ul class="cr-out">
                {out.map(({ unit, incident, job }) => (
                  <li key={unit.id}>
                    <b>{unit.call_sign}</b>
                    <span class="st-cut">
                      {job?.state === "sent" || job?.state === "delivered" ? `Auftrag ${JOB_STATES[job.state]}` : MEANINGS[unit.status]}
                      {incident !== null && ` · ${incident.no} ${kindOf(incident.kind)}, ${partsOf(incident.place).where}`}
                    </span>
                  </li>
                ))}
              </ul>
            </>
          )}
        </section>
        <section class="cr-phones">
          <h2>Telefon</h2>
          <ul>
            {PHONES.map(([name, number]) => (
              <li key={number}>
                <span>{name}</span>
                <b>{number}</b>
              </li>
            ))}
          </ul>
        </section>
      </div>
    </div>
  );
}

function stateOf(row: Row): string {
  const incident = desk.value?.incident.get(row.id);
  if (incident === undefined || incident.state === "new") return "nicht angenommen";
  return row.isNew ? row.wide : INCIDENT_STATES[incident.state];
}
