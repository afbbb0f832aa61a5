// Wiedergabe: gesperrt, bis ein Grund gespeichert ist und, wo nötig, eine zweite Person zugestimmt hat.
import { useRef, useState } from "preact/hooks";
import { ask, call } from "../../api/client.ts";
import type { Me } from "../../api/wire.ts";
import type { ClipLine, View, WaitingView } from "../../api/wire_evidence.ts";
import { timeOf } from "../../shared/format.ts";
import { now } from "../../shared/line.ts";
import { isUnclassified } from "../rules/clips.ts";
import { evidence, put } from "../state/evidence.ts";

/** How long a second person has (`backend/evidence/rules.py`). */
const APPROVAL_MS = 15 * 60_000;

interface Shown {
  readonly clip: ClipLine;
  readonly me: Me;
  /** It is the review of a dwelling's clip for the core of private life. */
  readonly isReview: boolean;
  /** A view was recorded. */
  readonly opened?: () => void;
}

export function Player({ clip, me, isReview, opened }: Shown) {
  const [view, setView] = useState<View | null>(null);
  const [problem, setProblem] = useState("");
  const asked = view === null ? undefined : evidence.value?.views.get(view.id);
  const isWaiting = asked !== undefined && now.value < Date.parse(asked.answer_until);
  const isOver = view !== null && (Date.parse(view.until) <= now.value || (asked !== undefined && !isWaiting));
  const source = `/v1/clips/${clip.id}/footage?view=${view?.id ?? ""}`;
  const barred = barOf(clip, isReview);

  /** A player says only "error"; the server says why. */
  async function explain(): Promise<void> {
    try {
      await ask(source, { headers: { range: "bytes=0-0" } });
      setProblem("Dieser Browser spielt das Format der Aufnahme nicht ab.");
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  }

  return (
    <div class="st-stack">
      <div class="st-player">
        {view !== null && !isOver && !isWaiting ? (
          <video controls autoplay src={source} onError={() => void explain()} onPlaying={() => setProblem("")} aria-label="Aufnahme" />
        ) : (
          <p>
            <b>Wiedergabe gesperrt</b>
            {barred || (isOver ? "Die Ansicht ist abgelaufen" : view === null ? "Zuerst der Grund" : "Es fehlt die Zustimmung der zweiten Person")}
          </p>
        )}
      </div>
      {problem !== "" && (
        <p class="st-note is-danger" role="alert">
          {problem}
        </p>
      )}
      {view !== null && !isOver && (
        <p class="st-muted" role="status">
          Ansicht festgehalten, gültig bis {timeOf(new Date(view.until))} Uhr.
        </p>
      )}
      {isWaiting && (
        <p class="st-note">
          Eine zweite berechtigte Person stimmt bis {timeOf(new Date(asked.answer_until))} Uhr mit eigener Anmeldung zu; die Bitte steht dort
          unter „Clips“. Danach beginnt die Wiedergabe hier von selbst.
        </p>
      )}
      {barred === "" && (view === null || isOver) && (
        <ReasonForm
          clip={clip}
          isReview={isReview}
          opened={(made) => {
            if (made.needs_approval) put("view", waitingFor(made, me.person));
            setView(made);
            opened?.();
          }}
          failed={setProblem}
        />
      )}
    </div>
  );
}

/** Why nobody may ask to see it now; empty: the reason is all that is missing. */
export function barOf(clip: ClipLine, isReview: boolean): string {
  if (clip.state === "awaiting_media") return "Die Aufnahme ist noch nicht vollständig übertragen";
  if (isUnclassified(clip)) return "Zuerst beantwortet die Trägerin oder der Träger die fünf Fragen";
  if (clip.clip_class === "professional_secrecy") return "Quarantäne: niemand sieht diese Aufnahme an";
  if (clip.findings.includes("pre_recorded") && !isReview) return "Die Aufnahme enthält Vorlauf";
  return "";
}

/** What the feed will tell of it. */
function waitingFor({ id, clip }: View, person: string): WaitingView {
  const at = Date.now();
  return { id, clip, person, opened_at: new Date(at).toISOString(), answer_until: new Date(at + APPROVAL_MS).toISOString() };
}

interface Asking {
  readonly clip: ClipLine;
  readonly isReview: boolean;
  readonly opened: (view: View) => void;
  readonly failed: (why: string) => void;
}

function ReasonForm({ clip, isReview, opened, failed }: Asking) {
  const [isSending, setSending] = useState(false);
  const reason = useRef<HTMLInputElement>(null);
  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    if (!(event.currentTarget instanceof HTMLFormElement) || isSending) return;
    const form = new FormData(event.currentTarget);
    const text = (name: string): string => String(form.get(name) ?? "").trim();
    if (text("reason") === "") {
      failed("Bitte den Grund in einem Satz angeben.");
      return reason.current?.focus();
    }
    setSending(true);
    failed("");
    try {
      const body = { reason: text("reason"), is_review: isReview, ...(text("case") && { case_reference: text("case") }) };
      opened(await call<View>(`/v1/clips/${clip.id}/views`, { method: "POST", body }));
    } catch (error) {
      failed(error instanceof Error ? error.message : String(error));
    }
    setSending(false);
  }
  return (
    <form class="st-stack" onSubmit={(event) => void submit(event)} noValidate>
      <p>
        {isReview ? "Prüfung des Kernbereichs. " : ""}
        Person, Grund und Zeit werden festgehalten, bevor das erste Bild erscheint.
      </p>
      <div class="st-fields">
        <div class="kern-form-input is-wide">
          <label class="kern-label" for={`grund-${clip.id}`}>
            Grund in einem Satz
          </label>
          <input ref={reason} class="kern-form-input__input" id={`grund-${clip.id}`} name="reason" maxLength={200} required />
        </div>
        <div class="kern-form-input">
          <label class="kern-label" for={`fall-${clip.id}`}>
            Aktenzeichen, wenn vorhanden
          </label>
          <input class="kern-form-input__input" id={`fall-${clip.id}`} name="case" maxLength={200} />
        </div>
      </div>
      <div class="st-actions">
        <button type="submit" class="kern-btn kern-btn--primary" aria-disabled={isSending}>
          <span class="kern-label">Grund festhalten und ansehen</span>
        </button>
      </div>
    </form>
  );
}
