// The line to the server that a screen hangs on: hints, a pull after each, and how old what it shows may be
// (design/control-room.md, section 5). What is pulled is the screen's own.
import { computed, signal } from "@preact/signals";
import { createParser } from "eventsource-parser";
import { ask, Refusal } from "../api/client.ts";
import { ended } from "./session.ts";

/** Silence after which a stream counts as cut: a heartbeat (10 s) and its delay. */
const SILENCE_MS = 13_000;
/** Age from which the screen may be stale and is covered. */
export const COVER_MS = 25_000;
/** Beyond a heartbeat and its delay the age is worth a word. */
const LATE_MS = 12_000;
/** Pause after a pull, and after one that brought a flood; nobody reads faster. */
const PULL_EVERY_MS = 150;
const FLOOD_EVERY_MS = 500;
/** Changes in one pull from which it is a flood. */
const FLOOD = 50;

/** The clock of this screen, each second. After standby it tells the truth, as it counts nothing itself. */
export const now = signal(Date.now());
/** When the server last proved that nothing is missing here: a pull, or a heartbeat without a hint. */
export const provedAt = signal(Date.now());
/** Tries since the line was cut; 0 while it stands. */
export const tries = signal(0);

export const staleMs = computed(() => Math.max(0, now.value - provedAt.value));
export const isCovered = computed(() => staleMs.value >= COVER_MS);
export const isLate = computed(() => staleMs.value >= LATE_MS || tries.value > 0);

/** What a hint tells besides that something moved. */
export interface Hint {
  /** P1 alarms that nobody has accepted; only for whoever reads the desk. */
  readonly p1?: number;
}

export interface Screen {
  /** Everything up to now is on the screen; how many changes that were. */
  readonly pull: (signal: AbortSignal) => Promise<number>;
  /** Whether a pull is due although nothing was hinted at. */
  readonly isDue: () => boolean;
  /** The state has to be loaded anew: another history of the database, or away for too long. */
  readonly restart: () => void;
  /** Called for each hint, before and beside the pull. */
  readonly hinted?: (hint: Hint) => void;
  /** Each second. */
  readonly tick?: () => void;
}

/** Follows the server until `signal` is aborted or the session has ended. */
export async function follow(screen: Screen, signal: AbortSignal): Promise<void> {
  const ticking = setInterval(() => {
    now.value = Date.now();
    screen.tick?.();
  }, 1000);
  provedAt.value = Date.now();
  now.value = Date.now();
  try {
    while (!signal.aborted) {
      try {
        await stream(screen, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Refusal && error.status === 401) return ended(error.message);
        if (error instanceof Refusal && (error.status === 409 || error.status === 410)) screen.restart();
      }
      tries.value += 1;
      await pause(Math.min(100 * 2 ** tries.value, 2000) * (0.5 + Math.random() / 2), signal);
    }
  } finally {
    clearInterval(ticking);
  }
}

/** One stream from its opening to its end. Reading never waits for a pull, so that a P1 is heard of at once. */
async function stream(screen: Screen, outer: AbortSignal): Promise<void> {
  const cut = new AbortController();
  const signal = AbortSignal.any([outer, cut.signal]);
  let heardAt = Date.now();
  // The clock decides and not a timer, which may have slept with the machine.
  const watch = setInterval(() => Date.now() - heardAt > SILENCE_MS && cut.abort(), 1000);
  // What changed before the stream stood was not hinted at.
  let isHinted = true;
  let pulling: Promise<void> | null = null;
  let failure: unknown;

  async function pull(): Promise<void> {
    do {
      isHinted = false;
      const changes = await screen.pull(signal);
      proved();
      await pause(changes > FLOOD ? FLOOD_EVERY_MS : PULL_EVERY_MS, signal);
    } while (isHinted && !signal.aborted);
  }

  function heard(): void {
    heardAt = Date.now();
    if (pulling !== null) return;
    if (!isHinted && !screen.isDue()) return proved();
    pulling = pull()
      .catch((error: unknown) => {
        failure = error;
        cut.abort();
      })
      .finally(() => (pulling = null));
  }

  try {
    const answer = await ask("/v1/live", { signal });
    if (answer.body === null) return;
    const parser = createParser({
      onEvent: (event) => {
        if (event.event !== "hint") return;
        isHinted = true;
        screen.hinted?.(hintOf(event.data));
      },
    });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      parser.feed(value);
      heard();
    }
  } catch (error) {
    throw failure ?? error;
  } finally {
    clearInterval(watch);
    cut.abort();
  }
}

function hintOf(data: string): Hint {
  try {
    // `as`: the API's description promises it.
    return JSON.parse(data) as Hint;
  } catch {
    return {};
  }
}

/** Nothing is missing on the screen as of now. */
export function proved(): void {
  tries.value = 0;
  provedAt.value = Date.now();
  now.value = Date.now();
}

export function pause(ms: number, signal: AbortSignal): Promise<void> {
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
