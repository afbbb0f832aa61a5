// Rows stay where they are while somebody works in the list: nothing jumps under the pointer.
import { useRef } from "preact/hooks";
import { now } from "../../shared/line.ts";

/** How long a list waits after the last movement or key in it. */
const QUIET_MS = 10_000;

interface HasId {
  readonly id: string;
}

export interface Shown<T> {
  readonly row: T;
  /** It has left the list and stays only until nobody works here. */
  readonly isGone: boolean;
}

export interface Arrangement<T> {
  readonly shown: readonly Shown<T>[];
  /** Rows that wait to be shown. */
  readonly waiting: number;
  /** Shows them now. */
  readonly release: () => void;
  /** Handlers for the element around the list. */
  readonly zone: { readonly onPointerMove: () => void; readonly onKeyDown: () => void; readonly onFocusIn: () => void };
}

/** The rows in their places. A new `key` (another filter) or nothing open and ten quiet seconds let the list move. */
export function useHold<T extends HasId>(rows: readonly T[], isOpen: boolean, key: string): Arrangement<T> {
  const state = useRef({ key: "", busyAt: 0, places: [] as readonly string[], kept: new Map<string, T>() });
  const { current } = state;
  const isHeld = isOpen || scrollY > 80 || now.value - current.busyAt < QUIET_MS;
  const byId = new Map(rows.map((row) => [row.id, row]));
  if (current.key !== key || current.places.length === 0 || !isHeld) {
    current.places = [...byId.keys()];
    current.key = key;
  }
  const shown = current.places.flatMap((id): Shown<T>[] => {
    const row = byId.get(id) ?? current.kept.get(id);
    return row === undefined ? [] : [{ row, isGone: !byId.has(id) }];
  });
  current.kept = new Map(shown.map(({ row }) => [row.id, row]));
  const busy = (): void => {
    current.busyAt = Date.now();
  };
  return {
    shown,
    waiting: rows.filter((row) => !current.kept.has(row.id)).length,
    release: () => {
      current.key = "";
      current.busyAt = 0;
      scrollTo({ top: 0 });
      now.value = Date.now();
    },
    zone: { onPointerMove: busy, onKeyDown: busy, onFocusIn: busy },
  };
}
