// Clips der Verwahrstelle: was zuerst gelöscht wird, steht oben; darunter die Lücken, die Kameras gezählt haben.
import { useEffect } from "preact/hooks";
import type { Me } from "../../api/wire.ts";
import type { ClipLine, Gap } from "../../api/wire_evidence.ts";
import { Diamond, Triangle } from "../../look/Mark.tsx";
import { go, place } from "../../shared/address.ts";
import { count, dateOf, many, timeOf } from "../../shared/format.ts";
import { now } from "../../shared/line.ts";
import { mayAgree } from "../rules/areas.ts";
import type { Board } from "../rules/board.ts";
import { countsOf, dueOf, type Evidence, type Filter, firstToGo, isUnclassified, lengthOf, matches, nameOf, ruleShort, toAgree } from "../rules/clips.ts";
import { CLASSES, FINDINGS } from "../rules/words.ts";
import { evidence } from "../state/evidence.ts";
import { ClipPage } from "./ClipPage.tsx";

const FILTERS: readonly (readonly [Filter, string])[] = [
  ["", "Alle"],
  ["ohne", "Nicht eingestuft"],
  ["gesperrt", "Löschsperre"],
  ["wohnung", "Wohnung"],
  ["quarantaene", "Quarantäne"],
];

export function Clips({ board, me }: { readonly board: Board; readonly me: Me }) {
  useEffect(() => {
    document.title = "Clips · Streife";
  }, []);
  const standing = evidence.value;
  if (standing === null) return <p class="st-muted">Clips werden geladen …</p>;
  const all = [...standing.clips.values()];
  const { id, only } = place.value;
  const open = standing.clips.get(id);
  if (open !== undefined) return <ClipPage key={id} line={open} me={me} board={board} />;
  const filter = FILTERS.find(([value]) => value === only)?.[0] ?? "";
  const rows = all.filter((clip) => matches(clip, filter)).toSorted(firstToGo);
  return (
    <>
      <div class="st-titlebar">
        <div>
          <h1>Clips</h1>
          <p>{count(all.length)} vorhanden, nächste Löschung zuerst</p>
        </div>
      </div>
      {id !== "" && <p class="st-note">Dieser Clip ist gelöscht oder gehört nicht zu Ihrer Rolle.</p>}
      {mayAgree(me) && <Waiting standing={standing} me={me} board={board} />}
      <Tiles clips={all} />
      <div class="st-filter" role="group" aria-label="Filter">
        {FILTERS.map(([value, name]) => {
          const total = all.filter((clip) => matches(clip, value)).length;
          return value === "" || total > 0 || value === filter ? (
            <button
              key={value}
              type="button"
              class="st-chip"
              aria-pressed={value === filter}
              onClick={() => go({ area: "clips", only: value, id: "" })}
            >
              {name} <span>{count(total)}</span>
            </button>
          ) : null;
        })}
      </div>
      <div class="st-list">
        <table class="st-table st-clips">
          <thead>
            <tr>
              <th aria-sort="ascending">Löschung ↑</th>
              <th>Clip</th>
              <th>Aufgenommen</th>
              <th class="st-num">Dauer</th>
              <th>Einstufung</th>
              <th>Auffällig</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((clip) => (
              <Row key={clip.id} clip={clip} officer={board.people.get(clip.officer ?? "") ?? ""} />
            ))}
          </tbody>
        </table>
      </div>
      {rows.length === 0 && <p class="st-empty">Keine Clips dieser Art.</p>}
      {standing.gaps.length > 0 && <Gaps gaps={standing.gaps} />}
    </>
  );
}

interface Asked {
  readonly standing: Evidence;
  readonly me: Me;
  readonly board: Board;
}

/** Who waits for a second person's consent. */
function Waiting({ standing, me, board }: Asked) {
  return (
    <>
      {toAgree(standing, me.person, now.value).map(({ view, clip }) => (
        <p key={view.id} class="st-note st-ask">
          {board.people.get(view.person) ?? "Jemand"} bittet bis {timeOf(new Date(view.answer_until))} Uhr um Zustimmung zur Ansicht von{" "}
          <button type="button" class="st-link" onClick={() => go({ area: "clips", only: "", id: clip.id })}>
            {nameOf(clip)}
          </button>
        </p>
      ))}
    </>
  );
}

function Tiles({ clips }: { readonly clips: readonly ClipLine[] }) {
  const counts = countsOf(clips, now.value);
  return (
    <dl class="st-tiles">
      {[
        ["werden heute gelöscht", counts.today],
        ["in 48 Stunden", counts.soon],
        ["nicht eingestuft", counts.unclassified],
        ["mit Löschsperre", counts.held],
        ["Löschung überfällig", counts.overdue],
      ].map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Row({ clip, officer }: { readonly clip: ClipLine; readonly officer: string }) {
  const due = dueOf(clip, now.value);
  const [started, goes] = [new Date(clip.started_at), new Date(clip.delete_at)];
  return (
    <tr>
      <td>
        <div class="st-due">
          {due.is === "late" ? <Triangle label="Dringend" /> : due.is === "soon" ? <Diamond label="Bald" /> : <span />}
          <b class={due.is === "late" ? "st-danger" : due.is === "soon" ? "st-warn" : ""}>{due.text}</b>
          <small>
            {clip.is_held ? "sonst " : ""}
            {dateOf(goes)} · {ruleShort(clip.rule)}
          </small>
        </div>
      </td>
      <td>
        <button type="button" class="st-link" onClick={() => go({ area: "clips", id: clip.id })}>
          {nameOf(clip)}
        </button>
      </td>
      <td>
        {dateOf(started)}, {timeOf(started)}
        <small>{officer}</small>
      </td>
      <td class="st-num">{lengthOf(clip.duration_ms)}</td>
      <td>
        <div class="st-due">
          {isUnclassified(clip) || clip.clip_class === "professional_secrecy" ? <Diamond label="Offen" /> : <span />}
          <span>{CLASSES[clip.clip_class]}</span>
          {clip.state === "awaiting_media" && <small>noch nicht vollständig übertragen</small>}
        </div>
      </td>
      <td>
        {clip.findings.length === 0 && !clip.is_marked ? (
          <span class="st-muted">nichts</span>
        ) : (
          [...clip.findings.map((one) => FINDINGS[one]), ...(clip.is_marked ? ["von der Trägerin oder dem Träger markiert"] : [])].join(", ")
        )}
      </td>
    </tr>
  );
}

const CAUSES: Readonly<Record<string, string>> = {
  unknown: "Ursache unbekannt",
  overwritten: "überschrieben",
  formatted: "Karte formatiert",
  card_changed: "Karte gewechselt",
  deleted_on_camera: "an der Kamera gelöscht",
};

function Gaps({ gaps }: { readonly gaps: readonly Gap[] }) {
  return (
    <section class="st-after" aria-label="Lücken">
      <h2>Lücken · {gaps.length}</h2>
      <p class="st-muted">Nummern, die eine Kamera gezählt und kein Dock gesehen hat.</p>
      <table class="st-table">
        <thead>
          <tr>
            <th>Kamera</th>
            <th>Nummern</th>
            <th>Ursache</th>
            <th>Gemeldet</th>
            <th>Später gefunden</th>
          </tr>
        </thead>
        <tbody>
          {gaps.map((gap) => (
            <tr key={gap.id}>
              <td>{gap.camera}</td>
              <td>
                {gap.first === gap.last ? gap.first : `${gap.first} bis ${gap.last}`}
                <small>{many(gap.last - gap.first + 1, "Aufnahme", "Aufnahmen")}</small>
              </td>
              <td>{CAUSES[gap.cause] ?? gap.cause}</td>
              <td>
                {dateOf(new Date(gap.received_at))}, {timeOf(new Date(gap.received_at))}
              </td>
              <td>{gap.filled.length === 0 ? "nichts" : gap.filled.join(", ")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
