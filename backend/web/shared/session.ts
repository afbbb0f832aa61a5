// Who is signed in. The token is in a cookie that scripts cannot read; nothing of it is kept here.
import { signal } from "@preact/signals";
import { call, Refusal } from "../api/client.ts";
import type { Me, TownName } from "../api/wire.ts";

export type Session =
  | { readonly is: "asking" }
  | { readonly is: "unreachable" }
  | { readonly is: "out"; readonly why: string }
  | { readonly is: "in"; readonly me: Me };

export const session = signal<Session>({ is: "asking" });

/** Finds out whether a session is open; tried again every 2 s while the server is away. */
export async function ask(): Promise<void> {
  try {
    session.value = { is: "in", me: await call<Me>("/v1/session") };
  } catch (error) {
    if (error instanceof Refusal && error.status < 500) {
      session.value = { is: "out", why: "" };
      return;
    }
    session.value = { is: "unreachable" };
    setTimeout(() => void ask(), 2000);
  }
}

export const towns = (): Promise<readonly TownName[]> => call("/v1/towns");

/** Throws `Refusal` with the sentence to show, or `Unreachable`. */
export async function signIn(login: string, password: string, town: string): Promise<void> {
  const me = await call<Me>("/v1/session", { method: "POST", body: { login, password, ...(town && { town }) } });
  session.value = { is: "in", me };
}

/** The server forgets the session; where it cannot be reached the person stays signed in and is told. */
export async function signOut(): Promise<void> {
  await call("/v1/session", { method: "DELETE" });
  ended("");
}

/** The session is over; `why` stands above the form. */
export function ended(why: string): void {
  session.value = { is: "out", why };
}
