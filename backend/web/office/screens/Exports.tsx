// Export: Fall, Empfänger, Auswahl; eine zweite Person gibt frei; das Paket wird gebaut und heruntergeladen.
import { useEffect, useState } from "preact/hooks";
import { call } from "../../api/client.ts";
import type { Me } from "../../api/wire.ts";
import type { Case, Export } from "../../api/wire_evidence.ts";
import { go, hashOf, place } from "../../shared/address.ts";
import { count, dateOf, many, timeOf } from "../../shared/format.ts";
import type { Board } from "../rules/board.ts";
import { firstToGo, isUnclassified, nameOf } from "../rules/clips.ts";
import { CLASSES } from "../rules/words.ts";
import { evidence } from "../state/evidence.ts";

/** Pause between two looks while a package is waited for. */
const LOOK_EVERY_MS = 2000;

export function Exports({ board, me }: { readonly board: Board; readonly me: Me }) {
  useEffect(() => {
    document.title = "Export · Streife";
  }, []);
  const { id } = place.value;
  return (
    <>
      <div class="st-titlebar">
        <h1>Export</h1>
        <p>Ein Paket für einen Empfänger; es lässt sich ohne uns prüfen.</p>
      </div>
      {id !== "" ? (
        <Standing key={id} id={id} board={board} me={me} />
      ) : me.roles.includes("custodian") ? (
        <Request />
      ) : (
        <p>Zur Freigabe öffnen Sie die Adresse, die Ihnen die Verwahrstelle nennt.</p>
      )}
    </>
  );
}

function Request() {
  const [problem, setProblem] = useState("");
  const [isSending, setSending] = useState(false);
  const clips = [...(evidence.value?.clips.values() ?? [])]
    .filter((clip) => clip.state === "stored" && !isUnclassified(clip) && clip.clip_class !== "professional_secrecy")
    .toSorted((one, other) => Number(other.is_held) - Number(one.is_held) || firstToGo(one, other));

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    if (!(event.currentTarget instanceof HTMLFormElement) || isSending) return;
    const form = new FormData(event.currentTarget);
    const text = (name: string): string => String(form.get(name) ?? "").trim();
    const chosen = form.getAll("clip").map(String);
    if (text("aktenzeichen") === "" || text("ground") === "" || text("recipient") === "" || chosen.length === 0) {
      return setProblem("Bitte Aktenzeichen, Grund, Empfänger und mindestens einen Clip angeben.");
    }
    setSending(true);
    setProblem("");
    try {
      const body = { aktenzeichen: text("aktenzeichen"), ground: text("ground") };
      const opened = await call<Case>("/v1/cases", { method: "POST", body });
      const made = await call<Export>(`/v1/cases/${opened.id}/exports`, {
        method: "POST",
        body: { recipient: text("recipient"), clips: chosen },
      });
      go({ area: "export", only: "", id: made.id });
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
      setSending(false);
    }
  }

  return (
    <form class="st-stack st-export" onSubmit={(event) => void submit(event)} noValidate>
      <div class="st-fields">
        <Input name="aktenzeichen" label="Aktenzeichen" />
        <Input name="recipient" label="Empfänger" />
        <Input name="ground" label="Grund der Ausgabe in einem Satz" isWide />
      </div>
      <fieldset>
        <legend>Clips · {count(clips.length)} können ausgegeben werden</legend>
        {clips.length === 0 && <p class="st-muted">Kein Clip ist eingestuft und vollständig.</p>}
        <div class="st-choices">
          {clips.map((clip) => (
            <label key={clip.id} class="st-choice is-check">
              <input type="checkbox" name="clip" value={clip.id} />
              <span>
                {nameOf(clip)}
                <small>
                  {dateOf(new Date(clip.started_at))}, {timeOf(new Date(clip.started_at))} · {CLASSES[clip.clip_class]}
                  {clip.clip_class === "dwelling" && ", nur nach Prüfung des Kernbereichs"}
                  {clip.is_held && " · Löschsperre"}
                </small>
              </span>
            </label>
          ))}
        </div>
      </fieldset>
      <p class="st-note is-danger" role="alert" hidden={problem === ""}>
        {problem}
      </p>
      <div class="st-actions">
        <button type="submit" class="kern-btn kern-btn--primary" aria-disabled={isSending}>
          <span class="kern-label">{isSending ? "Wird beantragt …" : "Ausgabe beantragen"}</span>
        </button>
      </div>
    </form>
  );
}

interface Typed {
  readonly name: string;
  readonly label: string;
  readonly isWide?: boolean;
}

function Input({ name, label, isWide = false }: Typed) {
  return (
    <div class={`kern-form-input ${isWide ? "is-wide" : ""}`}>
      <label class="kern-label" for={`export-${name}`}>
        {label}
      </label>
      <input class="kern-form-input__input" id={`export-${name}`} name={name} maxLength={120} required />
    </div>
  );
}

const STATES: Readonly<Record<Export["state"], string>> = {
  requested: "wartet auf die Freigabe einer zweiten Person",
  approved: "freigegeben, das Paket wird zusammengestellt",
  built: "fertig zum Herunterladen",
  failed: "konnte nicht zusammengestellt werden",
  gone: "unsere Kopie ist fristgerecht gelöscht",
};

const OUTCOMES = { original: "Original", deleted: "fristgemäß gelöscht, Löschvermerk liegt bei", withheld: "zurückgehalten" } as const;

interface Shown {
  readonly id: string;
  readonly board: Board;
  readonly me: Me;
}

function Standing({ id, board, me }: Shown) {
  const { found, problem, reload, setProblem } = useExport(id);
  const person = (one: string | null): string => (one === null ? "" : (board.people.get(one) ?? "unbekannt"));
  if (found === null) return <p class={problem === "" ? "st-muted" : "st-danger"}>{problem || "Export wird geladen …"}</p>;
  const approve = (): void => {
    call<Export>(`/v1/exports/${id}/approve`, { method: "POST" }).then(reload, (error: Error) => setProblem(error.message));
  };
  const isMine = found.requested_by === me.person;
  return (
    <div class="st-stack">
      <p class="st-lead-in" role="status">
        <b>Paket für {found.recipient}:</b> {STATES[found.state]}
        {found.problem !== null && `: ${found.problem}`}
      </p>
      {problem !== "" && (
        <p class="st-note is-danger" role="alert">
          {problem}
        </p>
      )}
      {found.state === "requested" &&
        (isMine ? (
          <div class="st-note">
            <p>Eine zweite Person gibt die Ausgabe mit eigener Anmeldung frei, unter dieser Adresse:</p>
            <p>
              <code>{`${location.origin}/${hashOf({ area: "export", only: "", id })}`}</code>
            </p>
          </div>
        ) : (
          <div class="st-actions">
            <button type="button" class="kern-btn kern-btn--primary" onClick={approve}>
              <span class="kern-label">Ausgabe freigeben</span>
            </button>
          </div>
        ))}
      {found.state === "built" && (
        <div class="st-actions">
          <a class="kern-btn kern-btn--primary" href={`/v1/exports/${id}/package`} download onClick={() => setTimeout(reload, LOOK_EVERY_MS)}>
            <span class="kern-label">Paket herunterladen</span>
          </a>
        </div>
      )}
      <dl class="st-dl">
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
      {me.roles.includes("custodian") && (
        <p>
          <button type="button" class="st-link" onClick={() => go({ area: "export", only: "", id: "" })}>
            Weitere Ausgabe beantragen
          </button>
        </p>
      )}
    </div>
  );
}

function clipName(id: string): string {
  const clip = evidence.value?.clips.get(id);
  return clip === undefined ? `Clip ${id}` : nameOf(clip);
}

/** The export, looked at again while somebody or the worker still has something to do. */
function useExport(id: string) {
  const [found, setFound] = useState<Export | null>(null);
  const [problem, setProblem] = useState("");
  const [round, setRound] = useState(0);
  useEffect(() => {
    const gone = new AbortController();
    let timer = 0;
    call<Export>(`/v1/exports/${id}`, { signal: gone.signal }).then(
      (next) => {
        setFound(next);
        if (next.state === "requested" || next.state === "approved") {
          timer = window.setTimeout(() => setRound((before) => before + 1), LOOK_EVERY_MS);
        }
      },
      (error: Error) => !gone.signal.aborted && setProblem(error.message),
    );
    return () => {
      gone.abort();
      clearTimeout(timer);
    };
  }, [id, round]);
  return { found, problem, setProblem, reload: () => setRound((before) => before + 1) };
}
