// The one store of the office's screens: board, then the feed. No screen fetches lists for itself.
import { signal } from "@preact/signals";
import { call } from "../../api/client.ts";
import type { Board as Sent, FeedPage } from "../../api/wire.ts";
import { dayOf } from "../../shared/format.ts";
import { follow as followLine, now, proved } from "../../shared/line.ts";
import { apply, begin, type Board } from "../rules/board.ts";
import * as clips from "./evidence.ts";

/** Time between two paintings while many pages come. */
const PAINT_EVERY_MS = 500;
/** How long a row that came over the line is marked "neu". */
const NEW_MS = 60_000;
/** Pause between two boards that were asked for by what came, and age at which counters are read anew. */
const BOARD_EVERY_MS = 10_000;
const BOARD_AGE_MS = 3_600_000;

/** What the screens show; null until the first board came. */
export const board = signal<Board | null>(null);
/** When a row came over the line, for the mark "neu"; only of the last minute. */
export const arrivals = signal<ReadonlyMap<string, number>>(new Map());

let boardAt = 0;

/** Follows the server until `signal` is aborted or the session has ended. */
export async function follow(signal: AbortSignal): Promise<void> {
  try {
    await followLine({ pull, isDue: isBoardDue, restart: () => (boardAt = 0), tick }, signal);
  } finally {
    board.value = null;
    clips.forget();
    boardAt = 0;
    arrivals.value = new Map();
  }
}

/** Everything up to now is on the screen. In a flood many pages become one painting. */
async function pull(signal: AbortSignal): Promise<number> {
  let state = await current(signal);
  let paintedAt = Date.now();
  let changes = 0;
  for (;;) {
    const page = await call<FeedPage>(`/v1/feed?after=${state.cursor}`, { signal });
    state = apply(state, page, (at) => dayOf(at));
    clips.take(page.changes);
    changes += page.changes.length;
    if (page.more && Date.now() - paintedAt < PAINT_EVERY_MS) continue;
    if (board.value !== null) mark(board.value, state);
    board.value = state;
    paintedAt = Date.now();
    proved();
    if (!page.more) return changes;
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
  await clips.load(signal);
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
  const marked = recent(now.value);
  if (marked.length < arrivals.value.size) arrivals.value = new Map(marked);
}
