// Aufgaben: was zu klären ist, in einem Satz; geschlossen wird an Ort und Stelle mit Ergebnis und Grund.
import { useEffect } from "preact/hooks";
import type { Me, Task } from "../../api/wire.ts";
import { Tick, Triangle } from "../../look/Mark.tsx";
import { type Board, sum } from "../rules/board.ts";
import { age, count, dateOf, timeOf } from "../../shared/format.ts";
import { GROUP_NAMES, GROUPS, groupOf, say } from "../rules/sentences.ts";
import { go, place } from "../../shared/address.ts";
import { now } from "../../shared/line.ts";
import { arrivals } from "../state/live.ts";
import { CloseForm } from "./CloseForm.tsx";
import { Details } from "./Details.tsx";
import { ADMINISTRATION } from "./Elsewhere.tsx";
import { useHold } from "./hold.ts";
import { WaitingRows } from "./Waiting.tsx";

export function Tasks({ board, me }: { readonly board: Board; readonly me: Me }) {
  const { only, id } = place.value;
  const group = GROUPS.find((one) => one === only);
  const rows = group === undefined ? board.tasks : board.tasks.filter((task) => groupOf(task.kind) === group);
  const { shown, waiting, release, zone } = useHold(rows, id !== "", `aufgaben ${group ?? ""}`);
  const open = sum(board.counts.tasks);
  useEffect(() => {
    document.title = "Aufgaben · Streife";
  }, []);
  return (
    <>
      <div class="st-titlebar">
        <div>
          <h1>Aufgaben</h1>
          <p>
            {count(open)} offen, die älteste zuerst
            {open > board.tasks.length && `; gelistet sind die ersten ${board.tasks.length}, weitere rücken nach`}
          </p>
        </div>
      </div>
      <WaitingRows waiting={waiting} one="neue Aufgabe" more="neue Aufgaben" release={release} />
      <Filter board={board} chosen={group ?? ""} />
      <div class="st-list" {...zone}>
        <table class="st-table st-tasks">
          <thead>
            <tr>
              <th aria-sort="ascending">Offen seit ↑</th>
              <th>Aufgabe</th>
              <th>Tat</th>
              <th>Kennzeichen</th>
              <th>Erfasst von</th>
            </tr>
          </thead>
          <tbody>
            {shown.map(({ row, isGone }, index) => (
              <Row
                key={row.id}
                task={row}
                board={board}
                maySettle={maySettle(row, me)}
                isOpen={row.id === id && !isGone}
                isGone={isGone}
                next={shown.slice(index + 1).find((one) => !one.isGone)?.row.id ?? ""}
              />
            ))}
          </tbody>
        </table>
      </div>
      {shown.length === 0 && <Nothing group={group !== undefined} me={me} />}
      {me.roles.includes("admin") && <p class="st-muted st-after">{ADMINISTRATION}</p>}
    </>
  );
}

function Filter({ board, chosen }: { readonly board: Board; readonly chosen: string }) {
  const totals = new Map<string, number>([["", sum(board.counts.tasks)]]);
  for (const [kind, total] of Object.entries(board.counts.tasks)) {
    totals.set(groupOf(kind), (totals.get(groupOf(kind)) ?? 0) + total);
  }
  const offered = ["", ...GROUPS.filter((group) => totals.has(group) || group === chosen)] as const;
  return (
    <div class="st-filter" role="group" aria-label="Filter">
      {offered.map((group) => (
        <button
          key={group}
          type="button"
          class="st-chip"
          aria-pressed={group === chosen}
          onClick={() => go({ only: group, id: "" })}
        >
          {group === "" ? "Alle" : GROUP_NAMES[group]} <span>{count(totals.get(group) ?? 0)}</span>
        </button>
      ))}
    </div>
  );
}

function Nothing({ group, me }: { readonly group: boolean; readonly me: Me }) {
  if (group) return <p class="st-empty">Keine Aufgabe dieser Art.</p>;
  return (
    <p class="st-empty">
      Keine offene Aufgabe.{" "}
      {me.scopes.includes("office")
        ? "Neue erscheinen hier von selbst, sobald eine Anzeige einen Befund hat."
        : "Neue erscheinen hier von selbst, etwa wenn das Journal eines Geräts zwei Fassungen hat."}
    </p>
  );
}

const SETTLES: Readonly<Record<string, Me["roles"][number]>> = {
  office: "clerk",
  admin: "admin",
  evidence: "custodian",
  privacy: "dpo",
};

/** As the server's `work/rules.py`: whoever sees a task need not be the one who settles it. */
function maySettle(task: Task, me: Me): boolean {
  return me.roles.includes(SETTLES[task.audience] ?? "clerk");
}

interface Listed {
  readonly task: Task;
  readonly board: Board;
  readonly maySettle: boolean;
  readonly isOpen: boolean;
  readonly isGone: boolean;
  readonly next: string;
}

function Row({ task, board, maySettle, isOpen, isGone, next }: Listed) {
  const { title, sentence } = say(task.kind, task.facts);
  const line = task.subject_type === "offence" ? board.lines.get(task.subject) : undefined;
  const opened = new Date(task.opened_at);
  const isNew = arrivals.value.has(task.id) && !isGone;
  return (
    <>
      <tr class={`${isOpen ? "is-selected" : ""} ${isNew ? "is-new" : ""} ${isGone ? "is-gone" : ""}`}>
        <td>
          {isGone ? (
            <span class="st-done">
              <Tick />
              erledigt
            </span>
          ) : (
            <>
              {age(now.value - opened.getTime())}
              {isNew && <b class="st-new">neu</b>}
            </>
          )}
          <small>
            {dateOf(opened)}, {timeOf(opened)}
          </small>
        </td>
        <td>
          <div class="st-due">
            {isGone ? <span /> : <Triangle label="Befund" />}
            <button
              type="button"
              class="st-link"
              id={`aufgabe-${task.id}`}
              aria-expanded={isOpen}
              aria-controls={`klaeren-${task.id}`}
              disabled={isGone}
              onClick={() => go({ id: isOpen ? "" : task.id })}
            >
              {title}
            </button>
            <small>{sentence}</small>
          </div>
        </td>
        <td>
          {line === undefined ? (
            <span class="st-muted">{task.subject_type === "offence" ? "nicht gelistet" : "keine Anzeige"}</span>
          ) : (
            <>
              {line.street} {line.house_no}
              <small>
                {line.tbnr} · {dateOf(new Date(line.occurred_at))}, {timeOf(new Date(line.occurred_at))}
              </small>
            </>
          )}
        </td>
        <td class="st-plate">
          {line?.plate ?? ""}
          {line?.synthetic_plate === true && <small>erfunden</small>}
        </td>
        <td>{line === undefined ? "" : (board.people.get(line.by) ?? "unbekannt")}</td>
      </tr>
      {isOpen && (
        <tr class="st-open is-selected">
          <td colSpan={5} id={`klaeren-${task.id}`}>
            <div class="st-two">
              <div>
                {task.subject_type === "offence" ? (
                  <Details id={task.subject} officer={line === undefined ? "" : (board.people.get(line.by) ?? "")} />
                ) : (
                  <p class="st-muted">Der Inhalt ist verwahrt und geht nicht verloren.</p>
                )}
              </div>
              {maySettle ? <CloseForm task={task} next={next} /> : <p class="st-muted">Abschließen darf das, wer die Sache bearbeitet.</p>}
            </div>
          </td>
        </tr>
      )}
    </>
  );
}
