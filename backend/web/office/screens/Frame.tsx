// Rahmen: Kopfzeile mit Stand, Bereiche links, der Bereich selbst; darüber die Abdeckung, wenn die Anzeige veraltet ist.
import { computed } from "@preact/signals";
import type { ComponentChildren } from "preact";
import type { Me } from "../../api/wire.ts";
import { hashOf, place } from "../../shared/address.ts";
import { count, momentOf } from "../../shared/format.ts";
import { isCovered, now } from "../../shared/line.ts";
import { Freshness, SignOut } from "../../shared/Top.tsx";
import { areasOf, type OfficeArea } from "../rules/areas.ts";
import { type Board, sum } from "../rules/board.ts";
import { toApprove, unanswered } from "../rules/clips.ts";
import { evidence } from "../state/evidence.ts";
import { board } from "../state/live.ts";
import { Clips } from "./Clips.tsx";
import { Cover } from "./Cover.tsx";
import { Elsewhere } from "./Elsewhere.tsx";
import { Exports } from "./Exports.tsx";
import { Offences } from "./Offences.tsx";
import { OwnClips } from "./OwnClips.tsx";
import { Spoken } from "./Spoken.tsx";
import { Tasks } from "./Tasks.tsx";

const NAMES: Readonly<Record<OfficeArea, string>> = {
  aufgaben: "Aufgaben",
  anzeigen: "Anzeigen",
  fragen: "Meine Clips",
  clips: "Clips",
  export: "Export",
};
const moment = computed(() => momentOf(new Date(now.value)));

export function Frame({ me }: { readonly me: Me }) {
  const areas = areasOf(me);
  const area = areas.find((one) => one === place.value.area) ?? areas[0];
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
          {areas.map((one) => (
            <Entry key={one} area={one} isHere={one === area} total={totalOf(one, me)} />
          ))}
          {areas.length > 0 && <hr />}
          {me.roles.includes("dispatcher") && <a href={hashOf({ area: "leitstelle", only: "", id: "" })}>Leitstelle</a>}
          <a href="/reference/">API-Referenz</a>
        </nav>
        <main class="st-main" id="inhalt" tabIndex={-1}>
          {area === undefined ? (
            <Elsewhere me={me} />
          ) : board.value === null ? (
            <p class="st-muted">Stand wird geladen …</p>
          ) : (
            <Content area={area} board={board.value} me={me} />
          )}
        </main>
        <Spoken />
      </div>
      {isCovered.value && <Cover />}
    </>
  );
}

interface Shown {
  readonly area: OfficeArea;
  readonly board: Board;
  readonly me: Me;
}

function Content({ area, board: standing, me }: Shown): ComponentChildren {
  switch (area) {
    case "aufgaben":
      return <Tasks board={standing} me={me} />;
    case "anzeigen":
      return <Offences board={standing} />;
    case "fragen":
      return <OwnClips me={me} />;
    case "clips":
      return <Clips board={standing} me={me} />;
    case "export":
      return <Exports board={standing} me={me} />;
    default:
      return area satisfies never;
  }
}

function totalOf(area: OfficeArea, me: Me): number | null {
  const clips = [...(evidence.value?.clips.values() ?? [])];
  switch (area) {
    case "aufgaben":
      return board.value === null ? null : sum(board.value.counts.tasks);
    case "anzeigen":
      return board.value?.counts.offences ?? null;
    case "fragen":
      return evidence.value === null ? null : unanswered(clips).length;
    case "clips":
      return evidence.value === null ? null : clips.length;
    case "export":
      return evidence.value === null ? null : toApprove(evidence.value, me.person).length || null;
    default:
      return area satisfies never;
  }
}

interface Listed {
  readonly area: OfficeArea;
  readonly isHere: boolean;
  readonly total: number | null;
}

function Entry({ area, isHere, total }: Listed) {
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
