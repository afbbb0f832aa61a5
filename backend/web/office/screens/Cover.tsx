// Abdeckung: eine veraltete Anzeige sieht nie ruhig aus. Nichts scheint durch; was offen war, bleibt darunter erhalten.
import { useLayoutEffect, useRef } from "preact/hooks";
import { sum } from "../rules/board.ts";
import { clockOf, count, dateOf, stopwatch } from "../../shared/format.ts";
import { provedAt, staleMs, tries } from "../../shared/line.ts";
import { board } from "../state/live.ts";

export function Cover() {
  const head = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => {
    const before = document.activeElement;
    head.current?.focus();
    // Who was typing goes on typing.
    return () => requestAnimationFrame(() => before instanceof HTMLElement && before.focus());
  }, []);
  const last = new Date(provedAt.value);
  const counts = board.value?.counts;
  return (
    <div class="st-cover" role="alertdialog" aria-modal="true" aria-labelledby="getrennt" aria-describedby="getrennt-was">
      <header>
        <h1 id="getrennt" ref={head} tabIndex={-1}>
          KEINE VERBINDUNG
        </h1>
        <p class="st-since">
          seit <b>{stopwatch(staleMs.value)}</b>
        </p>
        <p class="st-lead" id="getrennt-was">
          Diese Anzeige ist veraltet und darum verdeckt. Neue Anzeigen und Aufgaben kommen hier nicht an; was Telefone
          senden, geht nicht verloren. Sie müssen nichts neu eingeben: Sobald der Server antwortet, geht es hier weiter.
          {tries.value > 0 && ` Neuer Versuch läuft, Nr.\u00a0${tries.value}.`}
        </p>
      </header>
      <section>
        <h2>
          Letzter bekannter Stand: {dateOf(last)}, {clockOf(last)}
        </h2>
        {counts === undefined ? (
          <p>Noch nichts geladen.</p>
        ) : (
          <dl>
            <div>
              <dt>offene Aufgaben</dt>
              <dd>{count(sum(counts.tasks))}</dd>
            </div>
            <div>
              <dt>Anzeigen heute</dt>
              <dd>{count(counts.today)}</dd>
            </div>
            <div>
              <dt>Anzeigen insgesamt</dt>
              <dd>{count(counts.offences)}</dd>
            </div>
          </dl>
        )}
      </section>
    </div>
  );
}
