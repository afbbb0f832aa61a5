// Nichts ist geöffnet: ein Satz und was man in der Nacht wissen muss. Kein Lob, kein grünes Feld.
import { age, many, timeOf } from "../../shared/format.ts";
import type { Desk } from "../rules/desk.ts";
import { inOrder } from "../rules/queue.ts";
import { alarmKind, dispositionName, kindOf } from "../rules/words.ts";
import { rows, serverNow } from "../state/live.ts";

export function Calm({ desk }: { readonly desk: Desk }) {
  const open = rows.value === null ? 0 : inOrder(rows.value).length;
  const { lastClosed } = desk;
  const quiet = (state: "shelved" | "out_of_service"): string =>
    [...desk.alarm.values()]
      .filter((alarm) => alarm.state === state)
      .map((alarm) => `${alarmKind(alarm)}, ${alarm.place}`)
      .join("; ") || "nichts";
  return (
    <div class="cr-calm">
      <h1>{open === 0 ? "Keine offenen Ereignisse" : `${many(open, "Eintrag", "Einträge")} offen, keiner ausgewählt`}</h1>
      <dl class="cr-facts">
        {lastClosed !== null && (
          <>
            <dt>Zuletzt</dt>
            <dd>
              {lastClosed.no} {kindOf(lastClosed.kind)}, {lastClosed.place} · geschlossen{" "}
              {lastClosed.closed_at !== null && timeOf(new Date(lastClosed.closed_at))}
              {lastClosed.disposition !== null && `, ${dispositionName(lastClosed.disposition)}`}
            </dd>
          </>
        )}
        <dt>Alarmwege</dt>
        <dd>{paths(desk)}</dd>
        <dt>Außer Betrieb</dt>
        <dd>{quiet("out_of_service")}</dd>
        <dt>Ruht</dt>
        <dd>{quiet("shelved")}</dd>
      </dl>
    </div>
  );
}

/** Proof of life of all alarm paths; one that never spoke is not counted as good. */
function paths(desk: Desk): string {
  const lines = [...desk.line.values()];
  if (lines.length === 0) return "keine eingerichtet";
  const alive = lines.filter((line) => line.link === "online");
  const oldest = Math.min(...alive.flatMap((line) => (line.last_seen === null ? [] : [Date.parse(line.last_seen)])));
  const since = Number.isFinite(oldest) ? `, das älteste vor ${age(serverNow.value - oldest)}` : "";
  return `${alive.length} von ${lines.length} mit Lebenszeichen${since}`;
}
