// Die fünf Fragen: Gefahr, Ort, Ankündigung, Entscheidung, Beweis (R4, R5). Große Flächen, auch mit den Pfeiltasten.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { call } from "../../api/client.ts";
import type { Answers, ClipLine, KeepGround } from "../../api/wire_evidence.ts";
import { go } from "../../shared/address.ts";
import { HOLD_GROUNDS, missing } from "../rules/clips.ts";
import { ANNOUNCED, type Choice, DECIDERS, GROUNDS, MISSING, PLACES } from "../rules/words.ts";
import { put } from "../state/evidence.ts";

const KEEP_GROUNDS: readonly KeepGround[] = ["regulatory_offence", "criminal_offence", "danger_prevention"];
const LONGEST = 500;

interface Draft {
  readonly ground?: Answers["ground"];
  readonly place_kind?: Answers["place_kind"];
  readonly announced?: Answers["announced"];
  readonly decided_by?: Answers["decided_by"];
  readonly keep?: KeepGround | "no";
}

export function Questions({ clip }: { readonly clip: ClipLine }) {
  const [draft, setDraft] = useState<Draft>({});
  const [problems, setProblems] = useState<readonly string[]>([]);
  const [isSending, setSending] = useState(false);
  const alert = useRef<HTMLDivElement>(null);
  const choose = (change: Draft): void => setDraft((before) => ({ ...before, ...change }));
  useEffect(() => {
    if (problems.length > 0) alert.current?.focus();
  }, [problems]);

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    if (!(event.currentTarget instanceof HTMLFormElement) || isSending) return;
    const answers = answersOf(draft, new FormData(event.currentTarget));
    if (answers === null) return setProblems(["Bitte alle fünf Fragen beantworten."]);
    const lacks = missing(answers);
    if (lacks.length > 0) return setProblems(lacks.map((one) => MISSING[one]));
    setSending(true);
    try {
      put("clip", 
        await call<ClipLine>(`/v1/clips/${clip.id}/answers`, { method: "POST", body: { ...answers, base: clip.answers_rev } }),
      );
      go({ id: "" });
    } catch (error) {
      setProblems([error instanceof Error ? error.message : String(error)]);
      setSending(false);
    }
  }

  return (
    <form class="st-questions" onSubmit={(event) => void submit(event)} noValidate>
      <Question nr={1} text="Wofür war die Aufnahme erforderlich?" name="ground" choices={GROUNDS} onChoose={(ground) => choose({ ground })}>
        <Line name="facts" label="Tatsachen, die auf die Gefahr schließen ließen" clip={clip} />
      </Question>
      <Question nr={2} text="Wo wurde aufgenommen?" name="place_kind" choices={PLACES} onChoose={(place_kind) => choose({ place_kind })}>
        {draft.place_kind === "dwelling" && (
          <label class="st-choice is-check">
            <input type="checkbox" name="is_urgent_danger" />
            <span>
              Dringende Gefahr für Leib oder Leben
              <small>§&nbsp;15c&nbsp;Abs.&nbsp;2 PolG</small>
            </span>
          </label>
        )}
      </Question>
      <Question nr={3} text="Wurde die Aufnahme angekündigt?" name="announced" choices={ANNOUNCED} onChoose={(announced) => choose({ announced })}>
        {draft.announced === "imminent_danger" && (
          <Line name="announcement_note" label="Warum wurde nicht angekündigt?" clip={clip} />
        )}
      </Question>
      <Question nr={4} text="Wer hat entschieden?" name="decided_by" choices={DECIDERS} onChoose={(decided_by) => choose({ decided_by })}>
        {draft.decided_by === "officer_in_charge" && <Line name="decider" label="Wer hatte die Einsatzleitung?" clip={clip} />}
        {draft.decided_by === "imminent_danger" && <Line name="decider" label="Warum war keine Zeit?" clip={clip} />}
      </Question>
      <Question nr={5} text="Wird die Aufnahme als Beweis gebraucht?" name="keep" choices={KEEPS} onChoose={(keep) => choose({ keep })}>
        {draft.keep !== undefined && draft.keep !== "no" && (
          <Line name="case_reference" label="Aktenzeichen, oder Einsatznummer, bis es eines gibt" clip={clip} />
        )}
      </Question>
      <div ref={alert} class="st-note is-danger" role="alert" tabIndex={-1} hidden={problems.length === 0}>
        {problems.map((problem) => (
          <p key={problem}>{problem}</p>
        ))}
      </div>
      <div class="st-actions">
        <button type="submit" class="kern-btn kern-btn--primary st-big" aria-disabled={isSending}>
          <span class="kern-label">{isSending ? "Wird gespeichert …" : "Antworten speichern"}</span>
        </button>
      </div>
    </form>
  );
}

const KEEPS: readonly Choice<KeepGround | "no">[] = [
  { value: "no", name: "Nein", hint: "wird fristgemäß gelöscht" },
  ...KEEP_GROUNDS.map((value) => ({ value, name: `Ja: ${HOLD_GROUNDS[value]}`, hint: "Löschsperre" })),
];

/** Null: one of the five is open. */
function answersOf(draft: Draft, form: FormData): Answers | null {
  const { ground, place_kind, announced, decided_by, keep } = draft;
  if (!ground || !place_kind || !announced || !decided_by || !keep) return null;
  const text = (name: string): string => String(form.get(name) ?? "").trim();
  return {
    ground,
    facts: text("facts"),
    place_kind,
    announced,
    announcement_note: announced === "imminent_danger" ? text("announcement_note") : null,
    decided_by,
    decider: decided_by === "wearer" ? null : text("decider"),
    is_urgent_danger: place_kind === "dwelling" && form.get("is_urgent_danger") !== null,
    keep: keep === "no" ? null : { ground: keep, case_reference: text("case_reference") },
  };
}

interface Asked<T extends string> {
  readonly nr: number;
  readonly text: string;
  readonly name: string;
  readonly choices: readonly Choice<T>[];
  readonly onChoose: (value: T) => void;
  readonly children: ComponentChildren;
}

function Question<T extends string>({ nr, text, name, choices, onChoose, children }: Asked<T>) {
  return (
    <fieldset>
      <legend>
        <span class="st-nr">{nr}</span> {text}
      </legend>
      <div class="st-choices">
        {choices.map((one) => (
          <label key={one.value} class="st-choice">
            <input type="radio" name={name} value={one.value} onChange={() => onChoose(one.value)} />
            <span>
              {one.name}
              <small>{one.hint}</small>
            </span>
          </label>
        ))}
      </div>
      {children}
    </fieldset>
  );
}

function Line({ name, label, clip }: { readonly name: string; readonly label: string; readonly clip: ClipLine }) {
  const id = `${name}-${clip.id}`;
  return (
    <div class="kern-form-input">
      <label class="kern-label" for={id}>
        {label}
      </label>
      <input class="kern-form-input__input" id={id} name={name} maxLength={LONGEST} autocomplete="off" />
    </div>
  );
}
