// Ein Clip: Wiedergabe hinter einem Grund, Angaben, Frist mit Regel, Löschsperren, Verwahrkette.
import { useEffect, useState } from "preact/hooks";
import { call } from "../../api/client.ts";
import type { Me } from "../../api/wire.ts";
import type { Answers, Clip, ClipLine, CustodyEntry, View } from "../../api/wire_evidence.ts";
import { go } from "../../shared/address.ts";
import { clockOf, dateOf, timeOf } from "../../shared/format.ts";
import { now } from "../../shared/line.ts";
import { mayAgree } from "../rules/areas.ts";
import type { Board } from "../rules/board.ts";
import { dueOf, lengthOf, nameOf, ruleName, toAgree } from "../rules/clips.ts";
import { ANNOUNCED, CLASSES, DECIDERS, FINDINGS, GROUNDS, nameIn, PLACES, recordName } from "../rules/words.ts";
import { evidence, put } from "../state/evidence.ts";
import { Holds } from "./Holds.tsx";
import { Player } from "./Player.tsx";

interface Shown {
  readonly line: ClipLine;
  readonly me: Me;
  readonly board: Board;
}

interface Loaded {
  readonly clip: Clip;
  readonly custody: readonly CustodyEntry[];
}

export function ClipPage({ line, me, board }: Shown) {
  const { loaded, problem, reload } = useLoaded(line);
  const person = (id: string | null): string => (id === null ? "" : (board.people.get(id) ?? "unbekannt"));
  const mayView = me.roles.includes("custodian");
  const needsReview = line.clip_class === "dwelling" && loaded !== null && loaded.clip.reviewed_at === null;
  const started = new Date(line.started_at);
  useEffect(() => {
    document.title = `${nameOf(line)} · Streife`;
  }, []);
  return (
    <>
      <div class="st-titlebar">
        <p>
          <button type="button" class="st-link" onClick={() => go({ area: "clips", only: "", id: "" })}>
            Alle Clips
          </button>{" "}
          · aufgenommen {dateOf(started)}, {clockOf(started)}
        </p>
        <h1>{nameOf(line)}</h1>
      </div>
      <Agree clip={line} me={me} person={person} />
      <div class="st-split">
        <div class="st-stack">
          {mayView ? (
            <Player clip={line} me={me} isReview={needsReview} opened={reload} />
          ) : (
            <p class="st-note">Ihre Rolle sieht, dass es die Aufnahme gibt, und öffnet sie nicht.</p>
          )}
          {needsReview && <Review line={line} reload={reload} />}
          <section aria-label="Verwahrkette">
            <h2>Verwahrkette</h2>
            {problem !== "" && <p class="st-danger">{problem}</p>}
            <ol class="st-log">
              {loaded?.custody.toReversed().map((entry) => (
                <li key={entry.id}>
                  <time>
                    {dateOf(new Date(entry.at))}, {timeOf(new Date(entry.at))}
                  </time>
                  <span>
                    {recordName(entry.kind)}
                    {entry.person !== null && ` · ${person(entry.person)}`}
                    {entry.reason !== null && <small>{entry.reason}</small>}
                  </span>
                </li>
              ))}
            </ol>
          </section>
        </div>
        <div class="st-side st-stack">
          <section aria-label="Angaben">
            <h2>Angaben</h2>
            <dl class="st-dl">
              <dt>Dauer</dt>
              <dd>{lengthOf(line.duration_ms)} min</dd>
              <dt>Kamera</dt>
              <dd>
                {line.camera}
                {line.officer !== null && <small>{person(line.officer)}</small>}
              </dd>
              <dt>Einstufung</dt>
              <dd>{CLASSES[line.clip_class]}</dd>
              {loaded?.clip.answers != null && <Answered answers={loaded.clip.answers} by={person(loaded.clip.answered_by)} />}
              {line.findings.length > 0 && (
                <>
                  <dt>Auffällig</dt>
                  <dd>{line.findings.map((one) => FINDINGS[one]).join(", ")}</dd>
                </>
              )}
              {loaded !== null && (
                <>
                  <dt>Eingelesen</dt>
                  <dd>
                    {dateOf(new Date(loaded.clip.docked_at))}, {timeOf(new Date(loaded.clip.docked_at))}
                  </dd>
                  <dt>An der Kamera</dt>
                  <dd>
                    {loaded.clip.camera_erased_at === null
                      ? "noch nicht gelöscht"
                      : `gelöscht ${dateOf(new Date(loaded.clip.camera_erased_at))}, ${timeOf(new Date(loaded.clip.camera_erased_at))}`}
                  </dd>
                </>
              )}
            </dl>
          </section>
          <section aria-label="Frist">
            <h2>Frist</h2>
            <dl class="st-dl">
              <dt>Löschung</dt>
              <dd>
                <b>{dueOf(line, now.value).text}</b>
                <small>
                  {line.is_held && "ohne Sperre: "}
                  {dateOf(new Date(line.delete_at))}, {timeOf(new Date(line.delete_at))} Uhr
                </small>
                <small>{ruleName(line.rule)}</small>
              </dd>
            </dl>
          </section>
          {loaded !== null && <Holds line={line} holds={loaded.clip.holds} me={me} person={person} reload={reload} />}
        </div>
      </div>
    </>
  );
}

function Answered({ answers, by }: { readonly answers: Answers; readonly by: string }) {
  return (
    <>
      <dt>Gefahr</dt>
      <dd>
        {nameIn(GROUNDS, answers.ground)}
        <small>{answers.facts}</small>
      </dd>
      <dt>Ort</dt>
      <dd>{nameIn(PLACES, answers.place_kind)}</dd>
      <dt>Angekündigt</dt>
      <dd>
        {nameIn(ANNOUNCED, answers.announced)}
        {answers.announcement_note != null && <small>{answers.announcement_note}</small>}
      </dd>
      <dt>Entschieden</dt>
      <dd>
        {answers.decided_by === "wearer" ? by : nameIn(DECIDERS, answers.decided_by)}
        {answers.decider != null && <small>{answers.decider}</small>}
      </dd>
    </>
  );
}

/** All of a clip; read anew when it changes. */
function useLoaded(line: ClipLine) {
  const [loaded, setLoaded] = useState<Loaded | null>(null);
  const [problem, setProblem] = useState("");
  const [round, setRound] = useState(0);
  useEffect(() => {
    const gone = new AbortController();
    const signal = gone.signal;
    Promise.all([
      call<Clip>(`/v1/clips/${line.id}`, { signal }),
      call<readonly CustodyEntry[]>(`/v1/clips/${line.id}/custody`, { signal }).catch(() => []),
    ]).then(
      ([clip, custody]) => setLoaded({ clip, custody }),
      (error: Error) => !signal.aborted && setProblem(error.message),
    );
    return () => gone.abort();
  }, [line.id, line.rev, round]);
  return { loaded, problem, reload: () => setRound((before) => before + 1) };
}

function Review({ line, reload }: { readonly line: ClipLine; readonly reload: () => void }) {
  const [problem, setProblem] = useState("");
  const confirm = async (): Promise<void> => {
    try {
      put("clip", await call<ClipLine>(`/v1/clips/${line.id}/review`, { method: "POST" }));
      reload();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <div class="st-note">
      <p>
        Aufnahme aus einer Wohnung: Eine andere Person als die Trägerin oder der Träger prüft sie auf den Kernbereich
        privater Lebensgestaltung, bevor jemand anderes sie ansieht.
      </p>
      <button type="button" class="kern-btn kern-btn--secondary" onClick={() => void confirm()}>
        <span class="kern-label">Geprüft: kein Kernbereich</span>
      </button>
      {problem !== "" && (
        <p class="st-danger" role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}

interface Asked {
  readonly clip: ClipLine;
  readonly me: Me;
  readonly person: (id: string) => string;
}

/** Somebody else wants to look, and this person may be the second one. */
function Agree({ clip, me, person }: Asked) {
  const [said, setSaid] = useState("");
  const asked = evidence.value === null ? [] : toAgree(evidence.value, me.person, now.value);
  const view = asked.find((one) => one.clip.id === clip.id)?.view;
  if (!mayAgree(me) || (view === undefined && said === "")) return null;
  const agree = async (id: string): Promise<void> => {
    try {
      await call<View>(`/v1/views/${id}/approve`, { method: "POST" });
      setSaid("Zugestimmt. Die andere Person kann die Aufnahme jetzt wiedergeben.");
    } catch (error) {
      setSaid(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <div class="st-note st-ask">
      {view !== undefined && (
        <>
          <p>
            {person(view.person)} möchte {nameOf(clip)} ansehen und braucht bis {timeOf(new Date(view.answer_until))} Uhr die Zustimmung einer
            zweiten Person. Der Grund steht oben in der Verwahrkette.
          </p>
          <button type="button" class="kern-btn kern-btn--primary" onClick={() => void agree(view.id)}>
            <span class="kern-label">Der Ansicht zustimmen</span>
          </button>
        </>
      )}
      <p role="status">{said}</p>
    </div>
  );
}
