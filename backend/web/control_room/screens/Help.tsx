// Hilfe: Befehle und Tasten auf einen Blick.
import type { StatusCode } from "../../api/wire_desk.ts";
import { DISPOSITIONS, MEANINGS } from "../rules/words.ts";
import { VERBS } from "../rules/command.ts";

const KEYS: readonly (readonly [string, string])[] = [
  ["Leertaste", "nimmt den obersten Alarm an"],
  ["/", "geht zur Befehlszeile; Esc zurück, das Getippte bleibt"],
  ["↑ ↓", "gehen durch die Ereignisse, Enter öffnet"],
  ["Alt+1, 2, 3", "Ereignisse, Mitte, Streifen"],
];

export function Help({ codes }: { readonly codes: readonly StatusCode[] }) {
  return (
    <div class="cr-calm cr-scroll">
      <h1>Hilfe</h1>
      <dl class="cr-facts">
        {VERBS.map((verb) => (
          <>
            <dt>
              <kbd>{verb.key}</kbd> {verb.name}
            </dt>
            <dd>{verb.form}</dd>
          </>
        ))}
        {KEYS.map(([key, does]) => (
          <>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{does}</dd>
          </>
        ))}
        <dt>Abschlussgrund</dt>
        <dd>{DISPOSITIONS.map((one) => one.name).join(", ")}; der Anfang genügt</dd>
        <dt>Status</dt>
        <dd>{codes.map((one) => `${one.code} ${MEANINGS[one.meaning]}`).join(" · ")}</dd>
      </dl>
    </div>
  );
}
