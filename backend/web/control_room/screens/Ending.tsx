// Erledigt und abgeschlossen: ohne Abschlussgrund verschwindet kein Ereignis.
import type { Emergency, Incident } from "../../api/wire_desk.ts";
import { DISPOSITIONS, shortest } from "../rules/words.ts";
import { close, resolve, sending } from "../state/commands.ts";

interface Shown {
  readonly incident: Incident;
  /** Alarms that nobody accepted. */
  readonly open: number;
  readonly emergencies: readonly Emergency[];
}

export function Ending({ incident, open, emergencies }: Shown) {
  const isDone = incident.state === "resolved";
  const isBusy = sending.value.has(incident.id);
  const reasons = [
    ...(incident.state === "new" ? ["Das Ereignis ist noch nicht angenommen."] : []),
    ...(open > 0 ? [open === 1 ? "Ein Alarm ist nicht angenommen." : `${open} Alarme sind nicht angenommen.`] : []),
    ...(emergencies.some((one) => one.state !== "closed") ? ["Der Notruf ist noch offen."] : []),
  ];
  return (
    <div class="cr-part">
      <h3>{isDone ? "Erledigt, Abschlussgrund fehlt" : "Abschließen"}</h3>
      {reasons.length > 0 ? (
        <ul class="st-muted">
          {reasons.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      ) : (
        <>
          {!isDone && (
            <p>
              <button type="button" class="cr-btn" aria-disabled={isBusy} onClick={() => void resolve(incident.id)}>
                Erledigt, Grund später <kbd>e</kbd>
              </button>
            </p>
          )}
          <div class="cr-actions" role="group" aria-label="Abschließen mit Abschlussgrund">
            {DISPOSITIONS.map((one) => (
              <button
                key={one.value}
                type="button"
                class="cr-btn"
                aria-disabled={isBusy}
                onClick={() => void close(incident.id, one.value)}
              >
                {one.name} <kbd>x {shortest(one)}</kbd>
              </button>
            ))}
          </div>
        </>
      )}
    </div>
  );
}
