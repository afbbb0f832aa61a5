// Aufgabe abschließen: Ergebnis und Grund; beides bleibt bei der Aufgabe.
import { useEffect, useRef, useState } from "preact/hooks";
import { call } from "../../api/client.ts";
import type { CloseTask, Outcome, Task } from "../../api/wire.ts";
import { go } from "../../shared/address.ts";

const OUTCOMES: readonly { readonly value: Outcome; readonly name: string; readonly hint: string }[] = [
  { value: "settled", name: "Geklärt", hint: "Der Befund traf zu und ist bereinigt." },
  { value: "no_action", name: "Nichts zu tun", hint: "Der Befund trifft nicht zu oder ändert nichts." },
];

/** The server's limit for one line of text. */
const LONGEST = 200;

export function CloseForm({ task, next }: { readonly task: Task; readonly next: string }) {
  const [problem, setProblem] = useState("");
  const [isSending, setSending] = useState(false);
  const first = useRef<HTMLInputElement>(null);
  const alert = useRef<HTMLParagraphElement>(null);
  useEffect(() => first.current?.focus({ preventScroll: true }), []);

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    if (!(event.currentTarget instanceof HTMLFormElement) || isSending) return;
    const form = new FormData(event.currentTarget);
    const outcome = OUTCOMES.find((one) => one.value === form.get("outcome"))?.value;
    const reason = String(form.get("reason") ?? "").trim();
    if (outcome === undefined || reason === "") return setProblem("Bitte Ergebnis und Grund angeben.");
    setSending(true);
    try {
      const body: CloseTask = { outcome, reason, base: task.rev };
      await call<Task>(`/v1/tasks/${task.id}/close`, { method: "POST", body });
      leave(next);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
      setSending(false);
      alert.current?.focus();
    }
  }

  return (
    <form class="st-close" onSubmit={(event) => void submit(event)} noValidate>
      <fieldset>
        <legend>Aufgabe abschließen</legend>
        {OUTCOMES.map((one, index) => (
          <label key={one.value} class="st-radio">
            <input ref={index === 0 ? first : null} type="radio" name="outcome" value={one.value} required />
            <span>
              {one.name}
              <small>{one.hint}</small>
            </span>
          </label>
        ))}
      </fieldset>
      <div class="kern-form-input">
        <label class="kern-label" for={`grund-${task.id}`}>
          Grund in einem Satz
        </label>
        <input class="kern-form-input__input" id={`grund-${task.id}`} name="reason" maxLength={LONGEST} required />
      </div>
      <p ref={alert} class="st-note is-danger" role="alert" tabIndex={-1} hidden={problem === ""}>
        {problem}
      </p>
      <div class="st-actions">
        <button type="submit" class="kern-btn kern-btn--primary" aria-disabled={isSending}>
          <span class="kern-label">{isSending ? "Wird gespeichert …" : "Abschließen"}</span>
        </button>
        <button type="button" class="kern-btn kern-btn--secondary" onClick={() => leave(task.id)}>
          <span class="kern-label">Abbrechen</span>
        </button>
      </div>
    </form>
  );
}

/** Closes the row; the next step of the keyboard is the row that follows. */
function leave(focus: string): void {
  go({ id: "" });
  requestAnimationFrame(() => document.getElementById(`aufgabe-${focus}`)?.focus());
}
