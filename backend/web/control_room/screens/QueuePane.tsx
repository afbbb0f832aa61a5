// Ereignisse: P1 oben und fest, darunter offen, in Arbeit, erledigt ohne Grund; in einer Flut eine Karte je Gebäude.
import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { age, clockOf, many, waitOf } from "../../shared/format.ts";
import { Prio } from "../../look/Mark.tsx";
import { held, type House, inOrder, type Queue, type Row } from "../rules/queue.ts";
import { open, opened } from "../state/address.ts";
import { desk, flood, rows, serverNow } from "../state/live.ts";
import { useShown } from "../state/shown.ts";

/** How long the order below P1 waits after the last movement or key in the list. */
const QUIET_MS = 10_000;

export function QueuePane() {
  const [unfolded, unfold] = useState<ReadonlySet<string>>(new Set());
  const { queue, zone } = useHeld(rows.value);
  if (queue === null) return null;
  const all = inOrder(queue);
  const shown = all.filter((row) => !isFolded(row, queue, unfolded));
  const tabbed = shown.find(isOpened) ?? shown[0];
  const list = (group: readonly Row[]): ComponentChildren =>
    group.map((row) => <Entry key={row.id} row={row} isTabbed={row === tabbed} isPinned={queue.urgent.includes(row)} />);
  const turn = (building: string): void =>
    unfold((before) => (before.has(building) ? new Set([...before].filter((one) => one !== building)) : new Set([...before, building])));
  return (
    <section class="cr-pane cr-queue" id="ereignisse" aria-label="Ereignisse" onKeyDown={walk} {...zone}>
      <div class="cr-head">
        <h2>Ereignisse</h2>
        <span>{flood.value === null ? countsOf(all) : "Flut, je Gebäude zusammengefasst"}</span>
        <kbd>Alt 1</kbd>
      </div>
      {flood.value !== null && (
        <p class="cr-flood" role="status">
          <b>Flut seit {clockOf(new Date(flood.value.since))}.</b> {many(flood.value.count, "Alarm", "Alarme")} in zehn
          Minuten. Nichts verworfen, nichts verzögert. P1 stehen einzeln.
        </p>
      )}
      {queue.urgent.length > 0 && <ul class="cr-pinned">{list(queue.urgent)}</ul>}
      <div class="cr-scroll">
        {queue.houses.map((house) => (
          <Card key={house.building} house={house} isOpen={unfolded.has(house.building)} turn={() => turn(house.building)}>
            {list(house.rows)}
          </Card>
        ))}
        <Group name={flood.value === null ? "Offen" : "Ohne Gebäude"} rows={queue.open}>
          {list(queue.open)}
        </Group>
        <Group name="In Arbeit" rows={queue.working}>
          {list(queue.working)}
        </Group>
        <Group name="Erledigt, Abschlussgrund fehlt" rows={queue.done}>
          {list(queue.done)}
        </Group>
        {all.length === 0 && <p class="cr-empty">Keine offenen Ereignisse. Neue stehen hier und melden sich mit Ton.</p>}
      </div>
    </section>
  );
}

function countsOf(all: readonly Row[]): string {
  if (all.length === 0) return "keine offen";
  const fresh = all.filter((row) => row.isNew).length;
  return `${all.length} offen${fresh > 0 ? `, ${fresh} nicht angenommen` : ""}`;
}

function isFolded(row: Row, queue: Queue, unfolded: ReadonlySet<string>): boolean {
  return queue.houses.some((house) => !unfolded.has(house.building) && house.rows.includes(row));
}

function isOpened(row: Row): boolean {
  const what = opened.value;
  return what !== null && "id" in what && what.id === row.id;
}

/** Below P1 nothing changes its place while somebody points at the list or walks in it. */
function useHeld(fresh: Queue | null) {
  const state = useRef({ busyAt: 0, open: [] as readonly string[], working: [] as readonly string[] });
  const { current } = state;
  const busy = (): void => {
    current.busyAt = Date.now();
  };
  const zone = { onPointerMove: busy, onFocusIn: busy };
  if (fresh === null) return { queue: null, zone };
  const isHeld = Date.now() - current.busyAt < QUIET_MS;
  const queue = isHeld
    ? { ...fresh, open: held(fresh.open, current.open), working: held(fresh.working, current.working) }
    : fresh;
  current.open = queue.open.map((row) => row.id);
  current.working = queue.working.map((row) => row.id);
  return { queue, zone };
}

/** Arrow keys walk through the rows; they are one stop for the tabulator. */
function walk(event: KeyboardEvent): void {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (by === undefined || !(event.currentTarget instanceof HTMLElement)) return;
  const found = [...event.currentTarget.querySelectorAll<HTMLElement>(".cr-row")];
  const at = found.findIndex((row) => row === document.activeElement);
  const next = found[at === -1 ? 0 : Math.min(Math.max(at + by, 0), found.length - 1)];
  event.preventDefault();
  next?.focus();
}

interface Grouped {
  readonly name: string;
  readonly rows: readonly Row[];
  readonly children: ComponentChildren;
}

function Group({ name, rows: listed, children }: Grouped) {
  if (listed.length === 0) return null;
  return (
    <>
      <h3 class="cr-group">
        {name} · {listed.length}
      </h3>
      <ul>{children}</ul>
    </>
  );
}

interface Listed {
  readonly row: Row;
  readonly isTabbed: boolean;
  readonly isPinned: boolean;
}

function Entry({ row, isTabbed, isPinned }: Listed) {
  const alarm = row.is === "alarm" ? desk.value?.alarm.get(row.id) : undefined;
  const painted =
    alarm === undefined || alarm.shown_at !== null
      ? null
      : ({ is: "alarm", id: alarm.id, sounds: alarm.sounds } as const);
  const element = useShown<HTMLLIElement>(painted);
  const isUrgent = isPinned && row.isNew;
  return (
    <li ref={element}>
      <button
        type="button"
        class={`cr-row cr-q ${isPinned ? "is-p1" : ""} ${row.isNew ? "is-new" : ""} ${isOpened(row) ? "is-selected" : ""}`}
        aria-current={isOpened(row) ? "true" : undefined}
        tabIndex={isTabbed ? 0 : -1}
        onClick={() => open({ is: row.is, id: row.id })}
      >
        <Prio of={row.priority} />
        <span class="st-num st-muted">{row.no}</span>
        <span class="cr-what">
          <span class="cr-kind">{row.what}</span>
          {row.place !== "" && <span class="st-cut cr-at">{row.place}</span>}
        </span>
        <span class="st-cut st-muted">
          <span class="cr-wide">{row.wide}</span>
          <span class="cr-narrow">{row.state}</span>
        </span>
        <span class={`st-num ${isUrgent ? "is-danger" : row.isLate ? "is-late" : "st-muted"}`}>
          {waitOf(serverNow.value - row.since)}
        </span>
      </button>
    </li>
  );
}

interface Folded {
  readonly house: House;
  readonly isOpen: boolean;
  readonly turn: () => void;
  readonly children: ComponentChildren;
}

function Card({ house, isOpen, turn, children }: Folded) {
  return (
    <div class="cr-house">
      <h3 class="st-cut">{house.name}</h3>
      <span class="st-num">
        <b class="cr-total">{house.rows.length}</b> {house.rows.length === 1 ? "Alarm" : "Alarme"}
      </span>
      <div class="cr-counts">
        {house.counts.map(({ priority, count }) => (
          <span key={priority}>
            <Prio of={priority} />
            <b>{count}</b>
          </span>
        ))}
      </div>
      <span class="st-num st-muted">neuester vor {age(serverNow.value - house.newest)}</span>
      <button type="button" class="cr-btn" aria-expanded={isOpen} onClick={turn}>
        {isOpen ? "Liste schließen" : "Liste öffnen"}
      </button>
      {isOpen && <ul class="cr-unfolded">{children}</ul>}
    </div>
  );
}
