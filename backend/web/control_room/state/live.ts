// The one store of the screen and its line to the server: board, then hints, and a pull after each
// (design/control-room.md, section 5). No screen fetches lists for itself.
import { computed, signal } from "@preact/signals";
import { createParser } from "eventsource-parser";
import { ask, call, Refusal } from "../../api/client.ts";
import type { Board as Sent, FeedPage } from "../../api/wire.ts";
import { apply, begin, type Board } from "../rules/board.ts";
import { dayOf } from "../rules/format.ts";
import { ended } from "./session.ts";

/** Silence after which a stream counts as cut: a heartbeat (10 s) and its delay. */
const SILENCE_MS = 13_000;
/** Age from which the screen may be stale and is covered. */
export const COVER_MS = 25_000;
/** Pause after a pull; nobody reads faster. */
const PULL_EVERY_MS = 150;
/** Changes in one pull from which it is a flood, and the time between two paintings then. */
const FLOOD = 50;
const PAINT_EVERY_MS = 500;
/** How long a row that came over the line is marked "neu". */
const NEW_MS = 60_000;
/** Pause between two boards that were asked for by what came, and age at which counters are read anew. */
const BOARD_EVERY_MS = 10_000;
const BOARD_AGE_MS = 3_600_000;

/** What the screens show; null until the first board came. */
export const board = signal<Board | null>(null);
/** The clock of this screen, each second. After standby it tells the truth, as it counts nothing itself. */
export const now = signal(Date.now());
/** When the server last proved that nothing is missing here: a pull, or a heartbeat without a hint. */
export const provedAt = signal(Date.now());
/** Tries since the line was cut; 0 while it stands. */
export const tries = signal(0);
/** When a row came over the line, for the mark "neu"; only of the last minute. */
export const arrivals = signal<ReadonlyMap<string, number>>(new Map());

export const staleMs = computed(() => Math.max(0, now.value - provedAt.value));
export const isCovered = computed(() => staleMs.value >= COVER_MS);

let boardAt = 0;

/** Follows the server until `signal` is aborted or the session has ended. */
export async function follow(signal: AbortSignal): Promise<void> {
  const ticking = setInterval(tick, 1000);
  provedAt.value = Date.now();
  try {
    while (!signal.aborted) {
      try {
        await stream(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Refusal && error.status === 401) return ended(error.message);
        // 409: another history of the database; 410: away for too long. Either way the state is loaded anew.
        if (error instanceof Refusal && (error.status === 409 || error.status === 410)) boardAt = 0;
      }
      tries.value += 1;
      await pause(Math.min(100 * 2 ** tries.value, 2000) * (0.5 + Math.random() / 2), signal);
    }
  } finally {
    clearInterval(ticking);
    board.value = null;
    boardAt = 0;
    arrivals.value = new Map();
  }
}

/** One stream from its opening to its end. */
async function stream(outer: AbortSignal): Promise<void> {
  const cut = new AbortController();
  const signal = AbortSignal.any([outer, cut.signal]);
  let heardAt = Date.now();
  // The clock decides and not a timer, which may have slept with the machine.
  const watch = setInterval(() => Date.now() - heardAt > SILENCE_MS && cut.abort(), 1000);
  try {
    const answer = await ask("/v1/live", { signal });
    if (answer.body === null) return;
    // What changed before the stream stood was not hinted at.
    let isHinted = true;
    const parser = createParser({ onEvent: (event) => (isHinted ||= event.event === "hint") });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heardAt = Date.now();
      parser.feed(value);
      if (isHinted || isBoardDue()) {
        isHinted = false;
        await pull(signal);
        heardAt = Date.now();
      }
      proved();
    }
  } finally {
    clearInterval(watch);
    cut.abort();
  }
}

function proved(): void {
  tries.value = 0;
  provedAt.value = Date.now();
  now.value = Date.now();
}

/** Everything up to now is on the screen. In a flood many pages become one painting. */
async function pull(signal: AbortSignal): Promise<void> {
  let state = await current(signal);
  let paintedAt = Date.now();
  let changes = 0;
  for (;;) {
    const page = await call<FeedPage>(`/v1/feed?after=${state.cursor}`, { signal });
    state = apply(state, page, (at) => dayOf(at));
    changes += page.changes.length;
    if (page.more && Date.now() - paintedAt < PAINT_EVERY_MS) continue;
    if (board.value !== null) mark(board.value, state);
    board.value = state;
    paintedAt = Date.now();
    proved();
    if (!page.more) return pause(changes > FLOOD ? PAINT_EVERY_MS : PULL_EVERY_MS, signal);
  }
}

/** Whether only a new board tells the truth: none yet, another day, what came said so, or the hour is over. */
function isBoardDue(): boolean {
  const standing = board.value;
  const age = Date.now() - boardAt;
  if (standing === null || boardAt === 0 || age > BOARD_AGE_MS) return true;
  return standing.today !== dayOf(new Date()) || (standing.isStale && age > BOARD_EVERY_MS);
}

/** The state that stands, or a new one where that is due. */
async function current(signal: AbortSignal): Promise<Board> {
  const standing = board.value;
  if (standing !== null && !isBoardDue()) return standing;
  const sent = begin(await call<Sent>("/v1/board", { signal }));
  boardAt = Date.now();
  if (standing !== null) mark(standing, sent);
  board.value = sent;
  return sent;
}

/** Rows that were not on the screen before have arrived. */
function mark(before: Board, after: Board): void {
  const at = Date.now();
  const known = new Set([...before.lines.keys(), ...before.tasks.map((task) => task.id)]);
  const fresh = [...after.offences, ...after.tasks].filter((row) => !known.has(row.id));
  if (fresh.length > 0) arrivals.value = new Map([...recent(at), ...fresh.map((row) => [row.id, at] as const)]);
}

function recent(at: number): readonly (readonly [string, number])[] {
  return [...arrivals.value].filter(([, since]) => at - since < NEW_MS);
}

function tick(): void {
  now.value = Date.now();
  const marked = recent(now.value);
  if (marked.length < arrivals.value.size) arrivals.value = new Map(marked);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (ms <= 0 || signal.aborted) return done();
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      done();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}
