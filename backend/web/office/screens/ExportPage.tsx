// Eine Ausgabe: wo sie steht, wer sie beantragt und freigegeben hat, und was ins Anschreiben gehört.
import { useEffect, useState } from "preact/hooks";
import { call } from "../../api/client.ts";
import type { Me } from "../../api/wire.ts";
import type { Export } from "../../api/wire_evidence.ts";
import { count, dateOf, many, timeOf } from "../../shared/format.ts";
import type { Board } from "../rules/board.ts";
import { nameOf } from "../rules/clips.ts";
import { EXPORT_STATES } from "../rules/words.ts";
import { evidence, put } from "../state/evidence.ts";

const PROBLEMS: Readonly<Record<string, string>> = { file_damaged: "eine gespeicherte Datei ist beschädigt" };

const OUTCOMES = { original: "Original", deleted: "fristgemäß gelöscht, Löschvermerk liegt bei", withheld: "zurückgehalten" } as const;

interface Shown {
  readonly id: string;
  readonly board: Board;
  readonly me: Me;
}

export function ExportPage({ id, board, me }: Shown) {
  const { found, problem, setProblem } = useExport(id);
  const person = (one: string | null): string => (one === null ? "" : (board.people.get(one) ?? "unbekannt"));
  if (found === undefined) return <p class={problem === "" ? "st-muted" : "st-danger"}>{problem || "Export wird geladen …"}</p>;
  const approve = (): void => {
    call<Export>(`/v1/exports/${id}/approve`, { method: "POST" }).then(
      (next) => put("export", next),
      (error: Error) => setProblem(error.message),
    );
  };
  const isMine = found.requested_by === me.person;
  return (
    <div class="st-stack">
      <p class="st-lead-in" role="status">
        <b>Paket für {found.recipient}:</b> {EXPORT_STATES[found.state]}
        {found.problem !== null && `: ${PROBLEMS[found.problem] ?? found.problem}`}
      </p>
      {problem !== "" && (
        <p class="st-note is-danger" role="alert">
          {problem}
        </p>
      )}
      {found.state === "requested" &&
        (isMine ? (
          <p class="st-note">Eine zweite Person gibt die Ausgabe mit eigener Anmeldung frei; sie steht dort unter „Export“.</p>
        ) : (
          <div class="st-actions">
            <button type="button" class="kern-btn kern-btn--primary" onClick={approve}>
              <span class="kern-label">Ausgabe freigeben</span>
            </button>
          </div>
        ))}
      {found.state === "built" && (
        <div class="st-actions">
          <a class="kern-btn kern-btn--primary" href={`/v1/exports/${id}/package`} download>
            <span class="kern-label">Paket herunterladen</span>
          </a>
        </div>
      )}
      <dl class="st-dl">
        <dt>Aktenzeichen</dt>
        <dd>{found.aktenzeichen}</dd>
        <dt>Beantragt</dt>
        <dd>
          {person(found.requested_by)}, {dateOf(new Date(found.requested_at))}, {timeOf(new Date(found.requested_at))}
        </dd>
        {found.approved_at !== null && (
          <>
            <dt>Freigegeben</dt>
            <dd>
              {person(found.approved_by)}, {dateOf(new Date(found.approved_at))}, {timeOf(new Date(found.approved_at))}
            </dd>
          </>
        )}
        {found.root !== null && (
          <>
            <dt>Fingerabdruck</dt>
            <dd>
              <code>{found.root}</code>
              <small>gehört ins Anschreiben; damit prüft der Empfänger, dass das Paket von dieser Stadt ist</small>
            </dd>
          </>
        )}
        {found.sha256 !== null && (
          <>
            <dt>Prüfsumme</dt>
            <dd>
              <code>{found.sha256}</code>
              {found.size_bytes !== null && <small>SHA-256, {count(Math.ceil(found.size_bytes / 1024))} KiB</small>}
            </dd>
          </>
        )}
        {found.delivered_at !== null && (
          <>
            <dt>Heruntergeladen</dt>
            <dd>
              {dateOf(new Date(found.delivered_at))}, {timeOf(new Date(found.delivered_at))}
              {found.delete_at !== null && <small>unsere Kopie wird gelöscht am {dateOf(new Date(found.delete_at))}</small>}
            </dd>
          </>
        )}
        <dt>{many(found.items.length, "Clip", "Clips")}</dt>
        <dd>
          <ul>
            {found.items.map((item) => (
              <li key={item.clip}>
                {clipName(item.clip)}
                {item.outcome !== null && `: ${OUTCOMES[item.outcome]}`}
              </li>
            ))}
          </ul>
        </dd>
      </dl>
    </div>
  );
}

function clipName(id: string): string {
  const clip = evidence.value?.clips.get(id);
  return clip === undefined ? `Clip ${id}` : nameOf(clip);
}

/** The export as the feed tells it; one that is too old for the board is asked for. */
function useExport(id: string) {
  const [problem, setProblem] = useState("");
  const found = evidence.value?.exports.get(id);
  const isMissing = evidence.value !== null && found === undefined;
  useEffect(() => {
    const gone = new AbortController();
    if (isMissing) {
      call<Export>(`/v1/exports/${id}`, { signal: gone.signal }).then(
        (old) => put("export", old),
        (error: Error) => !gone.signal.aborted && setProblem(error.message),
      );
    }
    return () => gone.abort();
  }, [id, isMissing]);
  return { found, problem, setProblem };
}
