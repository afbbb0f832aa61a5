// Anzeigen: die neuesten zuerst, neue Zeilen bezeichnet, Befunde in Worten.
import { useEffect } from "preact/hooks";
import type { OffenceLine } from "../../api/wire.ts";
import { Diamond, Triangle } from "../../look/Mark.tsx";
import type { Board } from "../rules/board.ts";
import { amountInColumn, count, dateOf, dayOf, timeOf } from "../../shared/format.ts";
import { markOf, say } from "../rules/sentences.ts";
import { go, hashOf, place } from "../../shared/address.ts";
import { arrivals } from "../state/live.ts";
import { Details } from "./Details.tsx";
import { useHold } from "./hold.ts";
import { WaitingRows } from "./Waiting.tsx";

const COLUMNS = 8;

const FILTERS = [
  { only: "", name: "Alle", takes: () => true },
  { only: "befund", name: "Mit Befund", takes: (line: OffenceLine) => line.findings.length > 0 },
  { only: "fotos", name: "Fotos unterwegs", takes: (line: OffenceLine) => line.media_state === "awaiting" },
] as const;

export function Offences({ board }: { readonly board: Board }) {
  const { only, id } = place.value;
  const filter = FILTERS.find((one) => one.only === only) ?? FILTERS[0];
  const rows = board.offences.filter(filter.takes);
  const { shown, waiting, release, zone } = useHold(rows, id !== "", `anzeigen ${filter.only}`);
  useEffect(() => {
    document.title = "Anzeigen · Streife";
  }, []);
  return (
    <>
      <div class="st-titlebar">
        <div>
          <h1>Anzeigen</h1>
          <p>
            {count(board.counts.offences)} insgesamt, {count(board.counts.today)} heute
            {board.counts.offences > board.offences.length && `; gelistet sind die ${board.offences.length} neuesten`}
          </p>
        </div>
      </div>
      <WaitingRows waiting={waiting} one="neue Anzeige" more="neue Anzeigen" release={release} />
      <div class="st-filter" role="group" aria-label="Filter">
        {FILTERS.map((one) => (
          <button
            key={one.only}
            type="button"
            class="st-chip"
            aria-pressed={one === filter}
            onClick={() => go({ only: one.only, id: "" })}
          >
            {one.name} <span>{count(board.offences.filter(one.takes).length)}</span>
          </button>
        ))}
      </div>
      <div class="st-list" {...zone}>
        <table class="st-table st-offences">
          <thead>
            <tr>
              <th aria-sort="descending">Eingang ↓</th>
              <th>Tatbestand</th>
              <th>Tatort, Tatzeit</th>
              <th>Kennzeichen</th>
              <th class="st-num">Betrag</th>
              <th>Befunde</th>
              <th>Fotos</th>
              <th>Erfasst von</th>
            </tr>
          </thead>
          <tbody>
            {shown.map(({ row }) => (
              <Row key={row.id} line={row} board={board} isOpen={row.id === id} />
            ))}
          </tbody>
        </table>
      </div>
      {shown.length === 0 && <p class="st-empty">{only === "" ? "Noch keine Anzeige." : "Keine Anzeige passt zum Filter."}</p>}
    </>
  );
}

interface Listed {
  readonly line: OffenceLine;
  readonly board: Board;
  readonly isOpen: boolean;
}

function Row({ line, board, isOpen }: Listed) {
  const isNew = arrivals.value.has(line.id);
  const [received, occurred] = [new Date(line.received_at), new Date(line.occurred_at)];
  const officer = board.people.get(line.by) ?? "unbekannt";
  const isToday = dayOf(received) === board.today;
  return (
    <>
      <tr class={`${isOpen ? "is-selected" : ""} ${isNew ? "is-new" : ""}`}>
        <td>
          {isToday ? timeOf(received) : dateOf(received)}
          {isNew && <b class="st-new">neu</b>}
          <small>{isToday ? "" : timeOf(received)}</small>
        </td>
        <td>
          <button
            type="button"
            class="st-link"
            aria-expanded={isOpen}
            aria-controls={`angaben-${line.id}`}
            onClick={() => go({ id: isOpen ? "" : line.id })}
          >
            {line.tbnr}
          </button>
        </td>
        <td>
          {line.street} {line.house_no}
          <small>
            {dayOf(occurred) === dayOf(received) ? "" : `${dateOf(occurred)}, `}
            {timeOf(occurred)} Uhr
          </small>
        </td>
        <td class="st-plate">
          {line.plate ?? <span class="st-muted">ohne</span>}
          {line.synthetic_plate && <small>erfunden</small>}
        </td>
        <td class="st-num">
          {line.amount_cents === null ? <span class="st-muted">ohne</span> : amountInColumn(line.amount_cents)}
        </td>
        <td>
          <Findings line={line} />
        </td>
        <td>
          <Photos line={line} />
        </td>
        <td>{officer}</td>
      </tr>
      {isOpen && (
        <tr class="st-open is-selected">
          <td colSpan={COLUMNS} id={`angaben-${line.id}`}>
            <div class="st-two">
              <Details id={line.id} officer={officer} />
              <Waits line={line} board={board} />
            </div>
          </td>
        </tr>
      )}
    </>
  );
}

function Findings({ line }: { readonly line: OffenceLine }) {
  if (line.findings.length === 0) return <None />;
  return (
    <ul class="st-marks">
      {line.findings.map((finding) => (
        <li key={finding}>
          <Triangle label="Befund" />
          {markOf(finding)}
        </li>
      ))}
    </ul>
  );
}

function Photos({ line }: { readonly line: OffenceLine }) {
  if (line.photos === 0) return <None />;
  return (
    <span class="st-photos">
      {line.photos}
      {line.media_state === "awaiting" && <Diamond label="noch unterwegs" />}
    </span>
  );
}

/** Most rows have none: a dash for the eye, the word for the ear. */
function None() {
  return (
    <span class="st-muted">
      <span aria-hidden="true">–</span>
      <span class="st-sr">keine</span>
    </span>
  );
}

/** Tasks about this offence, as far as they are listed. */
function Waits({ line, board }: Omit<Listed, "isOpen">) {
  const tasks = board.tasks.filter((task) => task.subject === line.id);
  return (
    <section>
      <h2>Aufgaben</h2>
      {tasks.length === 0 ? (
        <p class="st-muted">
          {line.findings.length === 0 ? "Keine Befunde." : "Hier ist keine offene Aufgabe gelistet."}
        </p>
      ) : (
        <ul class="st-stack">
          {tasks.map((task) => {
            const { title, sentence } = say(task.kind, task.facts);
            return (
              <li key={task.id}>
                <a href={hashOf({ area: "aufgaben", only: "", id: task.id })}>{title}</a>
                <small>{sentence}</small>
              </li>
            );
          })}
        </ul>
      )}
    </section>
  );
}

