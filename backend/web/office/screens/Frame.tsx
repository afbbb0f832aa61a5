// Rahmen: Kopfzeile mit Stand, Bereiche links, der Bereich selbst; darüber die Abdeckung, wenn die Anzeige veraltet ist.
import { computed } from "@preact/signals";
import type { Me } from "../../api/wire.ts";
import { sum } from "../rules/board.ts";
import { count, momentOf } from "../../shared/format.ts";
import { type Area, hashOf, place } from "../../shared/address.ts";
import { isCovered, now } from "../../shared/line.ts";
import { board } from "../state/live.ts";
import { Freshness, SignOut } from "../../shared/Top.tsx";
import { Cover } from "./Cover.tsx";
import { Spoken } from "./Spoken.tsx";
import { Offences } from "./Offences.tsx";
import { Tasks } from "./Tasks.tsx";
import { Elsewhere } from "./Elsewhere.tsx";

const NAMES: Readonly<Record<Area, string>> = {
  leitstelle: "Leitstelle",
  aufgaben: "Aufgaben",
  anzeigen: "Anzeigen",
  fragen: "Meine Clips",
  clips: "Clips",
  export: "Export",
};
const moment = computed(() => momentOf(new Date(now.value)));
const tasks = computed(() => (board.value === null ? null : sum(board.value.counts.tasks)));
const offences = computed(() => board.value?.counts.offences ?? null);

export function Frame({ me }: { readonly me: Me }) {
  const hasOffice = me.scopes.includes("office");
  const hasTasks = hasOffice || me.scopes.includes("admin");
  const area = place.value.area || "aufgaben";
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
          {me.roles.includes("dispatcher") && <a href={hashOf({ area: "leitstelle", only: "", id: "" })}>Leitstelle</a>}
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

function skip(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>("#inhalt")?.focus();
}
