// Ausgabe beantragen: Fall, Empfänger, Auswahl. Eine zweite Person gibt sie frei.
import { useState } from "preact/hooks";
import { call } from "../../api/client.ts";
import type { Case, Export } from "../../api/wire_evidence.ts";
import { go } from "../../shared/address.ts";
import { count, dateOf, timeOf } from "../../shared/format.ts";
import { firstToGo, isUnclassified, nameOf } from "../rules/clips.ts";
import { CLASSES } from "../rules/words.ts";
import { evidence, put } from "../state/evidence.ts";

export function ExportForm() {
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
      put("export", made);
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
