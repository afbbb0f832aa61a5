// Tones of the desk (design/control-room.md 6, look/control-room.md): they repeat until somebody accepts.
// Browsers keep silent before the first gesture, so a test tone is confirmed before the desk counts as "besetzt".
import { effect, signal } from "@preact/signals";
import type { Tone } from "../rules/waiting.ts";

/** When this person heard the test tone; null: the desk is not "besetzt". */
export const heardAt = signal<number | null>(null);
/** Whether the browser plays what we tell it. */
export const canSound = signal(false);

export type Level = Tone | "covered";

/** Loudness of a tone; never 0. */
const GAIN = 0.3;
const LOOK_EVERY_MS = 200;

interface Pattern {
  /** Hertz, one after the other. */
  readonly notes: readonly number[];
  readonly noteMs: number;
  /** From one beginning to the next. */
  readonly everyMs: number;
}

const PATTERNS: Readonly<Record<Exclude<Level, "none">, Pattern>> = {
  // Up and down without a pause.
  emergency: { notes: [660, 990, 660, 990], noteMs: 240, everyMs: 960 },
  p1: { notes: [880, 1100, 1320], noteMs: 180, everyMs: 2000 },
  p2: { notes: [740, 590], noteMs: 220, everyMs: 10_000 },
  covered: { notes: [330, 330], noteMs: 350, everyMs: 5000 },
};
const ONCE: Pattern = { notes: [590], noteMs: 250, everyMs: 0 };
const TEST: Pattern = { notes: [880, 1100, 1320], noteMs: 180, everyMs: 0 };

const level = signal<Level>("none");
let context: AudioContext | null = null;
let playedAt = 0;
let timer = 0;
let anewAt = 0;

/** What sounds from now on, again and again. */
export function sound(next: Level): void {
  if (next === level.peek()) return;
  level.value = next;
  playedAt = 0;
  look();
}

/** One tone, once; in a flood at most one in ten seconds for all. */
export function once(isFlood: boolean): void {
  if (isFlood && Date.now() - anewAt < 10_000) return;
  anewAt = Date.now();
  play(ONCE);
}

export function silence(): void {
  sound("none");
  heardAt.value = null;
}

/** Plays the test tone; called from a click or key, which lets the browser make sounds at all. */
export async function test(): Promise<void> {
  const made = opened();
  await made.resume();
  told();
  play(TEST);
}

/** The sign-in was a gesture already: alarms sound as early as the browser lets them, checked or not. */
export function prepare(): void {
  if (navigator.userActivation.hasBeenActive) opened();
}

/** The person heard it: the desk is "besetzt". */
export function confirm(): void {
  heardAt.value = Date.now();
}

function opened(): AudioContext {
  context ??= new AudioContext();
  context.onstatechange = told;
  return context;
}

function told(): void {
  canSound.value = context?.state === "running";
}

function play({ notes, noteMs }: Pattern): void {
  if (context?.state !== "running") return;
  const begin = context.currentTime + 0.02;
  for (const [index, hertz] of notes.entries()) {
    const at = begin + (index * noteMs) / 1000;
    const end = at + noteMs / 1000;
    const gain = context.createGain();
    gain.gain.setValueAtTime(0.0001, at);
    gain.gain.exponentialRampToValueAtTime(GAIN, at + 0.015);
    gain.gain.setValueAtTime(GAIN, end - 0.03);
    gain.gain.exponentialRampToValueAtTime(0.0001, end);
    const oscillator = context.createOscillator();
    oscillator.type = "triangle";
    oscillator.frequency.value = hertz;
    oscillator.connect(gain).connect(context.destination);
    oscillator.start(at);
    oscillator.stop(end);
  }
}

function look(): void {
  const now = level.peek();
  if (now === "none") return;
  const pattern = PATTERNS[now];
  if (Date.now() - playedAt < pattern.everyMs) return;
  playedAt = Date.now();
  play(pattern);
}

// A browser may take the sound away while nobody touches it; the next touch brings it back.
for (const gesture of ["pointerdown", "keydown"]) {
  addEventListener(gesture, () => {
    if (context !== null && context.state !== "running") void context.resume();
  });
}

effect(() => {
  clearInterval(timer);
  if (level.value !== "none") timer = window.setInterval(look, LOOK_EVERY_MS);
});
