// Notruf einer Einsatzkraft: nur die Leitstelle beendet ihn, nie das Gerät und nie eine verlorene Verbindung.
import type { Emergency, EmergencyState } from "../../api/wire_desk.ts";
import { clockOf } from "../../shared/format.ts";
import { emergencyKind } from "../rules/words.ts";
import { accept, run, sending, stepEmergency } from "../state/commands.ts";
import { personName } from "../state/live.ts";

const STATES: Readonly<Record<EmergencyState, string>> = {
  stored: "nicht angenommen",
  shown: "nicht angenommen",
  accepted: "angenommen",
  supported: "Unterstützung unterwegs",
  safe: "in Sicherheit",
  closed: "geschlossen",
};

const NEXT = {
  support: ["Unterstützung geschickt", "Unterstützung vermerkt"],
  safe: ["Sicher, per Stimme bestätigt", "Sicherheit vermerkt"],
  close: ["Notruf schließen", "Notruf geschlossen"],
} as const;
type Next = keyof typeof NEXT;

const AFTER: Readonly<Record<EmergencyState, readonly Next[]>> = {
  stored: [],
  shown: [],
  accepted: ["support", "safe"],
  supported: ["safe"],
  safe: ["close", "support"],
  closed: [],
};

export function EmergencyPart({ emergency }: { readonly emergency: Emergency }) {
  const { id, state, lat, lon, accuracy_m: accuracy } = emergency;
  const isWaiting = state === "stored" || state === "shown";
  return (
    <div class="cr-part">
      <h3>
        Notruf · {personName(emergency.person)} · {STATES[state]}
      </h3>
      <p>
        {emergencyKind(emergency)}, gedrückt {clockOf(new Date(emergency.raised_at))}
        {emergency.presses > 1 && `, ${emergency.presses}\u00a0×`}
        {emergency.cancelled_at !== null && ", am Gerät zurückgenommen: bleibt offen"}
      </p>
      <p class="st-muted">
        {lat === null || lon === null
          ? "Kein Standort übermittelt"
          : `Standort ${lat.toFixed(5)}, ${lon.toFixed(5)}${accuracy === null ? "" : `, auf ${Math.round(accuracy)}\u00a0m genau`}`}
      </p>
      <div class="cr-actions">
        {isWaiting && (
          <button
            type="button"
            class="cr-btn is-main"
            aria-disabled={sending.value.has(id)}
            onClick={() => void accept({ is: "emergency", id, since: 0, emergency })}
          >
            Notruf annehmen
          </button>
        )}
        {AFTER[state].map((step, index) => (
          <button
            key={step}
            type="button"
            class={`cr-btn ${index === 0 ? "is-main" : ""}`}
            aria-disabled={sending.value.has(id)}
            onClick={() =>
              void run(id, async () => {
                await stepEmergency(id, step);
                return NEXT[step][1];
              })
            }
          >
            {NEXT[step][0]}
          </button>
        ))}
      </div>
    </div>
  );
}
