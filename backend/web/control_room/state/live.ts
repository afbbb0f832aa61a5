// The one store of the control room and its line to the server: board, then the feed; beside it the P1, read whole.
import { computed, effect, signal } from "@preact/signals";
import { call } from "../../api/client.ts";
import type { Board } from "../../api/wire.ts";
import type { DeskBoard, DeskPage, DeskThings, OpenAlarms } from "../../api/wire_desk.ts";
import { follow as followLine, type Hint, isCovered, now, pause, proved } from "../../shared/line.ts";
import { apply, begin, type Desk, withThing, withUrgent } from "../rules/desk.ts";
import { queue } from "../rules/queue.ts";
import { units as unitsOf } from "../rules/units.ts";
import { type Flood, flood as floodOf, soundsAnew, toneOf, waiting as waitingOf } from "../rules/waiting.ts";
import { once, silence, sound } from "./sound.ts";

/** Pause between two readings of the P1, hinted at or not (design/control-room.md 5.4). */
const URGENT_EVERY_MS = 5000;
/** Time between two paintings while many pages come. */
const PAINT_EVERY_MS = 500;
/** Age at which the board is read anew: names, codes. */
const BOARD_AGE_MS = 3_600_000;
/** Pause between two boards that a stranger's name asked for. */
const BOARD_EVERY_MS = 60_000;

/** What the screen shows; null until the first board came. */
export const desk = signal<Desk | null>(null);
/** The server's clock minus this screen's, in ms. */
const offset = signal(0);
/** Unaccepted P1 by the newest hint: may sound before anything was pulled. */
const hintedP1 = signal(0);
const people = signal<ReadonlyMap<string, string>>(new Map());

/** The server's clock. */
export const serverNow = computed(() => now.value + offset.value);
export const waiting = computed(() => (desk.value === null ? [] : waitingOf(desk.value)));
export const flood = signal<Flood | null>(null);
export const rows = computed(() => (desk.value === null ? null : queue(desk.value, serverNow.value, flood.value !== null)));
export const units = computed(() => (desk.value === null ? [] : unitsOf(desk.value, serverNow.value)));

/** Who somebody is on this screen: the call sign. */
export function personName(id: string | null): string {
  if (id === null) return "";
  const name = people.value.get(id);
  if (name === undefined && !strangers.has(id)) {
    strangers.add(id);
    isStranger = true;
  }
  return name ?? "unbekannt";
}
export const unitName = (id: string | null): string => (id && desk.value?.unit.get(id)?.call_sign) || "Streife";

let boardAt = 0;
/** Somebody stands on the screen whose name only a new board tells. */
let isStranger = false;
const strangers = new Set<string>();
/** Wakes the reading of the P1 before its time. */
let wake: () => void = () => undefined;

/** Follows the server until `signal` is aborted or the session has ended. */
export async function follow(signal: AbortSignal): Promise<void> {
  const stop = [sounding(), flooding()];
  void readUrgent(signal);
  try {
    await followLine({ pull, isDue, restart: () => (boardAt = 0), hinted }, signal);
  } finally {
    for (const one of stop) one();
    silence();
    desk.value = null;
    boardAt = 0;
    hintedP1.value = 0;
  }
}

function isDue(): boolean {
  const age = Date.now() - boardAt;
  return boardAt === 0 || age > BOARD_AGE_MS || (isStranger && age > BOARD_EVERY_MS);
}

function hinted({ p1 }: Hint): void {
  if (p1 === undefined || p1 === hintedP1.value) return;
  hintedP1.value = p1;
  wake();
}

/** Everything up to now is on the screen. In a flood many pages become one painting. */
async function pull(signal: AbortSignal): Promise<number> {
  let cursor = (await current(signal)).cursor;
  let pages: DeskPage[] = [];
  let paintedAt = Date.now();
  let changes = 0;
  for (;;) {
    const page = await call<DeskPage>(`/v1/feed?after=${cursor}`, { signal });
    cursor = page.cursor;
    pages.push(page);
    changes += page.changes.length;
    if (page.more && Date.now() - paintedAt < PAINT_EVERY_MS) continue;
    // The state may have moved meanwhile by the P1 or by an answer to a command: the pages are put on what stands.
    for (const one of pages) if (desk.value !== null) show(apply(desk.value, one));
    pages = [];
    paintedAt = Date.now();
    proved();
    if (!page.more) return changes;
  }
}

async function current(signal: AbortSignal): Promise<Desk> {
  if (desk.value !== null && !isDue()) return desk.value;
  const [sent, names] = await Promise.all([
    call<DeskBoard>("/v1/desk/board", { signal }),
    call<Board>("/v1/board", { signal }),
  ]);
  people.value = new Map(names.people.map((one) => [one.person, one.call_sign]));
  offset.value = Date.parse(sent.now) - Date.now();
  boardAt = Date.now();
  isStranger = false;
  const made = { ...begin(sent), lastClosed: desk.value?.lastClosed ?? null };
  hintedP1.value = sent.waiting;
  desk.value = made;
  return made;
}

function show(next: Desk): void {
  const before = desk.value;
  if (before !== null && soundsAnew(before, next)) once(flood.value !== null);
  desk.value = next;
}

/** Puts what a command of ours answered on the screen, before the feed tells it. */
export function put<T extends keyof DeskThings>(type: T, thing: DeskThings[T]): void {
  if (desk.value !== null) show(withThing(desk.value, type, thing));
}

/** Beside the feed, which an open transaction may hold back (design/control-room.md 5.4). */
async function readUrgent(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const woken = new AbortController();
    wake = () => woken.abort();
    try {
      if (desk.value !== null) {
        const found = await call<OpenAlarms>("/v1/alarms?open=p1", { signal });
        if (desk.value !== null) show(withUrgent(desk.value, found));
        hintedP1.value = found.waiting;
      }
    } catch {
      // The line says that the server is away; the next reading comes by itself.
    }
    await pause(desk.value === null ? 200 : URGENT_EVERY_MS, AbortSignal.any([signal, woken.signal]));
  }
}

/** What nobody accepted sounds; a covered screen has a sound of its own. */
function sounding(): () => void {
  return effect(() => {
    if (isCovered.value) return sound("covered");
    sound(desk.value === null ? "none" : toneOf(desk.value, hintedP1.value));
  });
}

function flooding(): () => void {
  return effect(() => {
    const arrivals = desk.value?.arrivals ?? [];
    const next = floodOf(flood.peek(), arrivals, serverNow.value);
    if (next?.count !== flood.peek()?.count || next?.since !== flood.peek()?.since) flood.value = next;
  });
}
