// Was in jeder Kopfzeile steht: wie alt die Anzeige ist, und der Weg hinaus.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { go } from "./address.ts";
import { age } from "./format.ts";
import { isLate, staleMs } from "./line.ts";
import { signOut } from "./session.ts";

/** "Stand: vor 2 s" is always there; it never looks calm because it is deaf. */
export function Freshness() {
  return (
    <span class={`st-state ${isLate.value ? "is-late" : ""}`}>
      <svg viewBox="0 0 12 12" aria-hidden="true">
        {isLate.value ? <path d="M6 1L11.5 11H.5z" /> : <circle cx="6" cy="6" r="5" />}
      </svg>
      <span>
        Stand: vor {age(staleMs.value)}
        {isLate.value && <b>, neuer Versuch</b>}
      </span>
    </span>
  );
}

export function SignOut(): ComponentChildren {
  const [problem, setProblem] = useState("");
  useEffect(() => {
    if (problem === "") return;
    const timer = setTimeout(() => setProblem(""), 10_000);
    return () => clearTimeout(timer);
  }, [problem]);
  return (
    <>
      {problem !== "" && (
        <span class="st-danger" role="alert">
          Nicht abgemeldet: {problem}
        </span>
      )}
      <button
        type="button"
        class="st-link"
        onClick={() =>
          void signOut().then(
            () => go({ area: "", only: "", id: "" }),
            (error: Error) => setProblem(error.message),
          )
        }
      >
        Abmelden
      </button>
    </>
  );
}
