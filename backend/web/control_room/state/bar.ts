// What stands in the command bar, and what it means now.
import { computed, signal } from "@preact/signals";
import { read } from "../rules/command.ts";
import { isOnDuty } from "../rules/units.ts";
import { opened } from "./address.ts";
import { desk, waiting } from "./live.ts";

/** The line as it is typed; Esc discards nothing. */
export const line = signal("");
/** The suggestion that the arrow keys chose. */
export const chosen = signal(0);

export const reading = computed(() => {
  const what = opened.value;
  const standing = desk.value;
  return read(line.value, {
    waiting: waiting.value.map((one) => one.id),
    incidents: [...(standing?.incident.values() ?? [])],
    units: [...(standing?.unit.values() ?? [])].filter(isOnDuty),
    codes: standing?.codes ?? [],
    selected: what?.is === "incident" || what?.is === "alarm" ? { is: what.is, id: what.id } : null,
  });
});
