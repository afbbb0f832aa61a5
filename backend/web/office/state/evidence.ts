// Clips that this person may know of: the board once, then the same feed as all else.
import { signal } from "@preact/signals";
import { call } from "../../api/client.ts";
import type { Role } from "../../api/wire.ts";
import type { ClipLine, EvidenceBoard, Export, WaitingView } from "../../api/wire_evidence.ts";
import { session } from "../../shared/session.ts";
import { apply, begin, type Change, type Evidence } from "../rules/clips.ts";

/** Who reads clips without a named case (`backend/identity/rules.py`, `clip_data:R`). */
const READERS: readonly Role[] = ["officer", "superior", "custodian", "dpo"];

/** Null: not loaded, or nothing for this person. */
export const evidence = signal<Evidence | null>(null);

/** Reads what stands. It MUST come after the cursor that the feed goes on from, so that nothing falls between. */
export async function load(stop: AbortSignal): Promise<void> {
  const { value } = session;
  if (value.is !== "in" || !value.me.roles.some((role) => READERS.includes(role))) return;
  evidence.value = begin(await call<EvidenceBoard>("/v1/clips/board", { signal: stop }));
}

export function take(changes: readonly Change[]): void {
  if (evidence.value !== null) evidence.value = apply(evidence.value, changes);
}

/** What a command of ours answered, before the feed tells it. */
export function put(type: "clip" | "export" | "view", thing: ClipLine | Export | WaitingView): void {
  take([{ op: "put", type, id: thing.id, body: thing }]);
}

export function forget(): void {
  evidence.value = null;
}
