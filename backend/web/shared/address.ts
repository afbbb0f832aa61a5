// Selection and filter stand in the address: `#anzeigen?nur=befund&id=…`. Back, forward and a bookmark work.
import { signal } from "@preact/signals";

export const AREAS = ["leitstelle", "aufgaben", "anzeigen", "fragen", "clips", "export"] as const;
export type Area = (typeof AREAS)[number];

export interface Place {
  /** Empty: the first that the person's roles open. */
  readonly area: Area | "";
  /** Which rows are shown; empty: all. */
  readonly only: string;
  /** The row that is open, or empty. */
  readonly id: string;
}

/** Where an address leads; what it does not know leads to the first area. */
export function placeOf(hash: string): Place {
  const [name = "", query = ""] = hash.replace(/^#/, "").split("?");
  const values = new URLSearchParams(query);
  return {
    area: AREAS.find((area) => area === name) ?? "",
    only: values.get("nur") ?? "",
    id: values.get("id") ?? "",
  };
}

/** The address of a place. */
export function hashOf({ area, only, id }: Place): string {
  const values = new URLSearchParams({ ...(only && { nur: only }), ...(id && { id }) }).toString();
  return `#${area}${values && `?${values}`}`;
}

export const place = signal<Place>(placeOf(location.hash));
addEventListener("hashchange", () => (place.value = placeOf(location.hash)));

/** Changes the place; opening and closing a row adds no step to "back". */
export function go(change: Partial<Place>): void {
  const next = { ...place.value, ...change };
  history.replaceState(null, "", hashOf(next));
  place.value = next;
}
