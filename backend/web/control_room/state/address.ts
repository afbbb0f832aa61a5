// What is open in the middle, and the theme of the desk: both stand in the address.
import { computed } from "@preact/signals";
import { go, place } from "../../shared/address.ts";

export type Opened =
  | { readonly is: "incident" | "alarm" | "report" | "task"; readonly id: string }
  | { readonly is: "help" | "report_form" };

const LETTERS = { e: "incident", a: "alarm", m: "report", t: "task" } as const;

/** Null: the calm screen. */
export const opened = computed<Opened | null>(() => {
  const { id } = place.value;
  if (id === "hilfe") return { is: "help" };
  if (id === "meldung") return { is: "report_form" };
  const [letter, rest] = [id[0], id.slice(2)];
  if (letter === undefined || !(letter in LETTERS) || rest === "") return null;
  return { is: LETTERS[letter as keyof typeof LETTERS], id: rest };
});

export const isLight = computed(() => place.value.only === "hell");

export function open(what: Opened | null): void {
  go({ area: "leitstelle", id: what === null ? "" : addressOf(what) });
}

function addressOf(what: Opened): string {
  switch (what.is) {
    case "help":
      return "hilfe";
    case "report_form":
      return "meldung";
    case "incident":
      return `e-${what.id}`;
    case "alarm":
      return `a-${what.id}`;
    case "report":
      return `m-${what.id}`;
    case "task":
      return `t-${what.id}`;
    default:
      return what satisfies never;
  }
}

export function turnLight(): void {
  go({ area: "leitstelle", only: isLight.value ? "" : "hell" });
}
