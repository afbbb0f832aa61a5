// Streifen: Auffällige zuerst, dann nach Alter des Status. Ein Klick stellt den Befehl für den Status bereit.
import { waitOf } from "../../shared/format.ts";
import { codeOf, type Flag, isFree, isOff, type Line } from "../rules/units.ts";
import { JOB_STATES, MEANINGS, MODES, partsOf } from "../rules/words.ts";
import { line } from "../state/bar.ts";
import { desk, serverNow, units } from "../state/live.ts";

const FLAGS: Readonly<Record<Exclude<Flag, "none">, readonly [string, string]>> = {
  urgent: ["S!", "dringender Sprechwunsch"],
  talk: ["S", "Sprechwunsch"],
  alert: ["Z", "zu lange ohne Lebenszeichen"],
  warn: ["!", "dauert lange"],
};

export function UnitStrip() {
  const lines = units.value;
  const free = lines.filter(({ unit }) => isFree(unit)).length;
  return (
    <section class="cr-units" id="streifen" aria-label="Streifen" onKeyDown={walk}>
      <div class="cr-head">
        <h2>Streifen</h2>
        <span>
          {lines.length === 0
            ? "keine im Dienst"
            : `${lines.length} im Dienst · ${free} frei · Auffällige zuerst, dann nach Alter des Status`}
        </span>
        <kbd>Alt 3</kbd>
      </div>
      <p class="st-sr" id="status-setzen">
        Enter stellt den Befehl für den Status bereit
      </p>
      {lines.length > 0 && (
        <ul class="cr-strip">
          {lines.map((one, index) => (
            <Entry key={one.unit.id} shown={one} isTabbed={index === 0} />
          ))}
        </ul>
      )}
    </section>
  );
}

function Entry({ shown, isTabbed }: { readonly shown: Line; readonly isTabbed: boolean }) {
  const { unit, flag, incident, job } = shown;
  const wish = flag === "urgent" || flag === "talk";
  const asked = job?.state === "sent" || job?.state === "delivered" ? `Auftrag ${JOB_STATES[job.state]}` : null;
  const doing = wish ? MEANINGS[flag === "urgent" ? "urgent_talk" : "wants_to_talk"] : (asked ?? MEANINGS[unit.status]);
  const where = incident !== null ? ` · ${incident.no} ${partsOf(incident.place).where}` : wish ? ` · ${MEANINGS[unit.status]}` : "";
  const isHot = flag === "alert" || flag === "urgent" || flag === "talk";
  const kind = isFree(unit) ? "is-free" : isOff(unit) ? "is-off" : "is-busy";
  return (
    <li>
      <button
        type="button"
        class="cr-row cr-u"
        tabIndex={isTabbed ? 0 : -1}
        aria-describedby="status-setzen"
        onClick={() => {
          line.value = `s ${unit.call_sign} `;
          document.querySelector<HTMLElement>("#befehl")?.focus();
        }}
      >
        <span class={`cr-code ${kind}`}>{codeOf(unit, desk.value?.codes ?? [])}</span>
        <b class="cr-call">{unit.call_sign}</b>
        <span class="st-muted">
          {MODES[unit.mode]} {unit.crew.length}
        </span>
        <span class="st-cut">
          {isHot ? <b>{doing}</b> : doing}
          {where}
          {unit.is_clock_off && " · Uhr geht falsch"}
        </span>
        {flag === "none" ? (
          <span />
        ) : (
          <span class={`cr-flag ${flag === "alert" || flag === "urgent" ? "is-alert" : "is-warn"}`} title={FLAGS[flag][1]}>
            {FLAGS[flag][0]}
          </span>
        )}
        <span class={`st-num ${isHot ? "is-late" : ""}`}>{waitOf(serverNow.value - shown.since)}</span>
      </button>
    </li>
  );
}

function walk(event: KeyboardEvent): void {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (by === undefined || !(event.currentTarget instanceof HTMLElement)) return;
  const found = [...event.currentTarget.querySelectorAll<HTMLElement>(".cr-row")];
  const at = found.findIndex((row) => row === document.activeElement);
  event.preventDefault();
  found[Math.min(Math.max(at + by, 0), found.length - 1)]?.focus();
}
