// Tasten, die überall gelten: Leertaste nimmt den obersten Alarm an, / geht zur Befehlszeile, Alt+1 bis 3 zu den Feldern.
import { effect } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { isCovered } from "../../shared/line.ts";
import { open } from "../state/address.ts";
import { accept, acceptOne } from "../state/commands.ts";
import { rows, waiting } from "../state/live.ts";

const PANES: Readonly<Record<string, string>> = { Digit1: "#ereignisse", Digit2: "#ereignis", Digit3: "#streifen" };

export function useKeys(): void {
  useEffect(() => {
    addEventListener("keydown", pressed, { capture: true });
    const follow = followUrgent();
    return () => {
      removeEventListener("keydown", pressed, { capture: true });
      follow();
    };
  }, []);
}

function pressed(event: KeyboardEvent): void {
  if (isCovered.peek() || event.ctrlKey || event.metaKey) return;
  if (event.altKey) {
    const pane = PANES[event.code];
    if (pane === undefined) return;
    event.preventDefault();
    focusIn(pane);
    return;
  }
  if (isTyping(event.target)) return;
  if (event.key === " ") return space(event);
  if (event.key === "/") {
    event.preventDefault();
    document.querySelector<HTMLElement>("#befehl")?.focus();
  } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && event.target === document.body) {
    event.preventDefault();
    focusIn("#ereignisse");
  }
}

/** The top P1 or emergency, whatever has the focus; other alarms only where no control would take the key. */
function space(event: KeyboardEvent): void {
  const [top] = waiting.peek();
  if (top !== undefined) {
    event.preventDefault();
    // Held down, the key accepts one alarm and not all.
    if (!event.repeat) void accept(top);
    return;
  }
  if (event.target !== document.body || event.repeat) return;
  const next = rows.peek()?.open.find((row) => row.is === "alarm" && row.isNew);
  if (next === undefined) return;
  event.preventDefault();
  void acceptOne(next.id);
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !["radio", "checkbox", "button"].includes(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

function focusIn(pane: string): void {
  const found = document.querySelector<HTMLElement>(`${pane} [tabindex="0"], ${pane} button:not([tabindex="-1"])`);
  (found ?? document.querySelector<HTMLElement>(pane))?.focus();
}

/** A new P1 opens its incident beneath the band; the focus stays, and so does whatever is being typed in the middle. */
function followUrgent(): () => void {
  let known = "";
  return effect(() => {
    const [top] = waiting.value;
    if (top === undefined || top.id === known) return;
    known = top.id;
    const incident = top.is === "alarm" ? top.alarm.incident : top.emergency.incident;
    const active = document.activeElement;
    if (active !== null && isTyping(active) && active.closest("#ereignis") !== null) return;
    if (incident !== null) open({ is: "incident", id: incident });
    else if (top.is === "alarm") open({ is: "alarm", id: top.id });
  });
}
