// "In der Leitstelle angekommen" means that a screen painted it: confirmed after the painting, for what is in sight
// (promise 9; design/control-room.md 5.7).
import { useEffect, useRef } from "preact/hooks";
import { call, Refusal } from "../../api/client.ts";
import type { Alarm } from "../../api/wire_desk.ts";
import { isCovered } from "../../shared/line.ts";
import { stepEmergency } from "./commands.ts";
import { put } from "./live.ts";

/** Confirmations on their way at the same time, and pause before one that failed is tried again. */
const AT_ONCE = 3;
const AGAIN_MS = 2000;

interface Painted {
  readonly is: "alarm" | "emergency";
  readonly id: string;
  /** How often it has sounded: what is raised anew is shown anew. */
  readonly sounds: number;
}

const keyOf = ({ id, sounds }: Painted): string => `${id} ${sounds}`;

const confirmed = new Set<string>();
const queued: Painted[] = [];
let running = 0;

/** Goes on the element that shows the alarm; null where it was confirmed before. */
export function useShown<E extends Element>(painted: Painted | null): { readonly current: E | null } {
  const element = useRef<E>(null);
  const key = painted === null ? "" : keyOf(painted);
  useEffect(() => {
    if (element.current === null || painted === null || confirmed.has(key)) return;
    const sight = new IntersectionObserver((seen) => {
      if (!seen.some((one) => one.isIntersecting)) return;
      sight.disconnect();
      // Two frames on, the first one with it has been painted.
      requestAnimationFrame(() => requestAnimationFrame(() => add(painted)));
    });
    sight.observe(element.current);
    return () => sight.disconnect();
  }, [key]);
  return element;
}

function add(one: Painted): void {
  if (confirmed.has(keyOf(one)) || isCovered.peek()) return;
  confirmed.add(keyOf(one));
  queued.push(one);
  work();
}

function work(): void {
  while (running < AT_ONCE) {
    const one = queued.shift();
    if (one === undefined) return;
    running += 1;
    void confirm(one).finally(() => {
      running -= 1;
      work();
    });
  }
}

async function confirm(one: Painted): Promise<void> {
  try {
    if (one.is === "emergency") await stepEmergency(one.id, "shown");
    else put("alarm", await call<Alarm>(`/v1/alarms/${one.id}/shown`, { method: "POST" }));
  } catch (error) {
    if (error instanceof Refusal && error.status < 500) return;
    setTimeout(() => {
      queued.push(one);
      work();
    }, AGAIN_MS);
  }
}
