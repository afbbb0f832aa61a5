// Rahmen: Kopfzeile mit Stand, Bereiche links, der Bereich selbst; darüber die Abdeckung, wenn die Anzeige veraltet ist.
import { computed } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Me } from "../../api/wire.ts";
import { sum } from "../rules/board.ts";
import { age, count, momentOf } from "../rules/format.ts";
import { type Area, go, hashOf, place } from "../state/address.ts";
import { board, isCovered, now, staleMs, tries } from "../state/live.ts";
import { signOut } from "../state/session.ts";
import { Cover } from "./Cover.tsx";
import { Spoken } from "./Spoken.tsx";
import { Offences } from "./Offences.tsx";
import { Tasks } from "./Tasks.tsx";
import { Elsewhere } from "./Elsewhere.tsx";

/** Beyond a heartbeat and its delay the age is worth a word. */
const LATE_MS = 12_000;

/** Feed scopes that are audiences of tasks (`backend/work/rules.py`). */
const AUDIENCES = ["office", "admin", "evidence", "privacy"] as const;

const NAMES: Readonly<Record<Area, string>> = { aufgaben: "Aufgaben", anzeigen: "Anzeigen" };
const moment = computed(() => momentOf(new Date(now.value)));
const tasks = computed(() => (board.value === null ? null : sum(board.value.counts.tasks)));
const offences = computed(() => board.value?.counts.offences ?? null);

export function Frame({ me }: { readonly me: Me }) {
  const hasOffice = me.scopes.includes("office");
  const hasTasks = AUDIENCES.some((scope) => me.scopes.includes(scope));
  const { area } = place.value;
  return (
    <>
      <div class="st-office" inert={isCovered.value}>
        <a class="st-skip" href="#inhalt" onClick={skip}>
          Zum Inhalt springen
        </a>
        <header>
          <b>Streife</b>
          <span class="st-muted st-cut">{me.town.name} · Ordnungsamt</span>
          <span class="st-grow" />
          <Freshness />
          <span class="st-who">{me.call_sign}</span>
          <time class="st-muted st-moment">{moment}</time>
          <SignOut />
        </header>
        <nav class="st-nav" aria-label="Bereiche">
          {hasTasks && <Entry area="aufgaben" total={tasks.value} />}
          {hasOffice && <Entry area="anzeigen" total={offences.value} />}
          {hasTasks && <hr />}
          <a href="/reference/">API-Referenz</a>
        </nav>
        <main class="st-main" id="inhalt" tabIndex={-1}>
          {hasTasks && board.value === null && <p class="st-muted">Stand wird geladen …</p>}
          {hasTasks && board.value !== null && area === "aufgaben" && <Tasks board={board.value} me={me} />}
          {hasOffice && board.value !== null && area === "anzeigen" && <Offences board={board.value} />}
          {(!hasTasks || (!hasOffice && area === "anzeigen")) && <Elsewhere me={me} />}
        </main>
        <Spoken />
      </div>
      {isCovered.value && <Cover />}
    </>
  );
}

function Entry({ area, total }: { readonly area: Area; readonly total: number | null }) {
  const isHere = place.value.area === area;
  return (
    <a href={hashOf({ area, only: "", id: "" })} aria-current={isHere ? "page" : undefined}>
      {NAMES[area]}
      <span>{total === null ? "" : count(total)}</span>
    </a>
  );
}

/** "Stand: vor 2 s" is always there; it never looks calm because it is deaf. */
function Freshness() {
  const isLate = staleMs.value >= LATE_MS || tries.value > 0;
  return (
    <span class={`st-state ${isLate ? "is-late" : ""}`}>
      <svg viewBox="0 0 12 12" aria-hidden="true">
        {isLate ? <path d="M6 1L11.5 11H.5z" /> : <circle cx="6" cy="6" r="5" />}
      </svg>
      <span>
        Stand: vor {age(staleMs.value)}
        {isLate && <b>, neuer Versuch</b>}
      </span>
    </span>
  );
}

function SignOut(): ComponentChildren {
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
        onClick={() => void signOut().then(() => go({ only: "", id: "" }), (error: Error) => setProblem(error.message))}
      >
        Abmelden
      </button>
    </>
  );
}

function skip(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>("#inhalt")?.focus();
}
