// Löschsperren: gesetzt mit Grund, Aktenzeichen und Prüftermin; aufgehoben mit einem Satz.
import { useState } from "preact/hooks";
import { call } from "../../api/client.ts";
import type { Me } from "../../api/wire.ts";
import type { ClipLine, Hold, HoldGround, NewHold } from "../../api/wire_evidence.ts";
import { dateOf, dayOf, germanDay } from "../../shared/format.ts";
import { now } from "../../shared/line.ts";
import { HOLD_GROUNDS, latestReview, usualReview } from "../rules/clips.ts";

interface Shown {
  readonly line: ClipLine;
  readonly holds: readonly Hold[];
  readonly me: Me;
  readonly person: (id: string | null) => string;
  readonly reload: () => void;
}

/** As the server's `may_hold`: a person's request is the data-protection officer's. */
function groundsOf({ roles }: Me): readonly HoldGround[] {
  return [
    ...(roles.includes("custodian") ? (["regulatory_offence", "criminal_offence", "danger_prevention"] as const) : []),
    ...(roles.includes("dpo") ? (["person_request"] as const) : []),
  ];
}

export function Holds({ line, holds, me, person, reload }: Shown) {
  const standing = holds.filter((hold) => hold.released_at === null);
  const past = holds.filter((hold) => hold.released_at !== null);
  const grounds = groundsOf(me);
  return (
    <section aria-label="Löschsperren" class="st-stack">
      <h2>Löschsperren</h2>
      {standing.length === 0 && <p>Keine. Der Clip wird zum genannten Zeitpunkt gelöscht.</p>}
      {standing.map((hold) => (
        <Standing key={hold.id} hold={hold} by={person(hold.placed_by)} mayRelease={grounds.length > 0} reload={reload} />
      ))}
      {past.map((hold) => (
        <p key={hold.id} class="st-muted">
          {hold.case_reference}, {HOLD_GROUNDS[hold.ground]}: aufgehoben{" "}
          {hold.released_at !== null && dateOf(new Date(hold.released_at))}
          {hold.release_reason !== null && <small>{hold.release_reason}</small>}
        </p>
      ))}
      {grounds.length > 0 && <Place line={line} grounds={grounds} reload={reload} />}
    </section>
  );
}

interface One {
  readonly hold: Hold;
  readonly by: string;
  readonly mayRelease: boolean;
  readonly reload: () => void;
}

function Standing({ hold, by, mayRelease, reload }: One) {
  const [isOpen, setOpen] = useState(false);
  const { problem, send } = useSending(reload);
  const id = `aufheben-${hold.id}`;
  return (
    <div class="st-hold">
      <p>
        <b>{hold.case_reference}</b>
        <small>
          {HOLD_GROUNDS[hold.ground]} · {by}, {dateOf(new Date(hold.placed_at))}
        </small>
        <small>Prüfung spätestens {germanDay(hold.review_on)}</small>
        {hold.note !== null && <small>{hold.note}</small>}
      </p>
      {mayRelease && !isOpen && (
        <button type="button" class="st-chip" onClick={() => setOpen(true)}>
          Aufheben …
        </button>
      )}
      {isOpen && (
        <form
          class="st-stack"
          onSubmit={(event) =>
            send(event, (text) => call<Hold>(`/v1/holds/${hold.id}/release`, { method: "POST", body: { reason: text("reason") } }))
          }
        >
          <div class="kern-form-input">
            <label class="kern-label" for={id}>
              Warum wird die Sperre aufgehoben?
            </label>
            <input class="kern-form-input__input" id={id} name="reason" maxLength={200} required />
          </div>
          <Problem text={problem} />
          <div class="st-actions">
            <button type="submit" class="kern-btn kern-btn--primary">
              <span class="kern-label">Löschsperre aufheben</span>
            </button>
            <button type="button" class="kern-btn kern-btn--secondary" onClick={() => setOpen(false)}>
              <span class="kern-label">Abbrechen</span>
            </button>
          </div>
        </form>
      )}
    </div>
  );
}

interface Placing {
  readonly line: ClipLine;
  readonly grounds: readonly HoldGround[];
  readonly reload: () => void;
}

function Place({ line, grounds, reload }: Placing) {
  const [isOpen, setOpen] = useState(false);
  const { problem, send } = useSending(() => {
    setOpen(false);
    reload();
  });
  if (!isOpen) {
    return (
      <button type="button" class="kern-btn kern-btn--secondary" onClick={() => setOpen(true)}>
        <span class="kern-label">Löschsperre setzen …</span>
      </button>
    );
  }
  const place = (text: (name: string) => string): Promise<Hold> => {
    const ground = grounds.find((one) => one === text("ground")) ?? "regulatory_offence";
    const body: NewHold = {
      ground,
      case_reference: text("case_reference"),
      review_on: text("review_on"),
      ...(text("note") && { note: text("note") }),
    };
    return call<Hold>(`/v1/clips/${line.id}/holds`, { method: "POST", body });
  };
  return (
    <form class="st-stack" onSubmit={(event) => send(event, place)}>
      <div class="kern-form-input">
        <label class="kern-label" for="sperre-grund">
          Grund
        </label>
        <div class="kern-form-input__select-wrapper">
          <select class="kern-form-input__select" id="sperre-grund" name="ground">
            {grounds.map((ground) => (
              <option key={ground} value={ground}>
                {HOLD_GROUNDS[ground]}
              </option>
            ))}
          </select>
        </div>
      </div>
      <div class="kern-form-input">
        <label class="kern-label" for="sperre-fall">
          Aktenzeichen
        </label>
        <input class="kern-form-input__input" id="sperre-fall" name="case_reference" maxLength={200} required />
      </div>
      <div class="kern-form-input">
        <label class="kern-label" for="sperre-pruefung">
          Nächste Prüfung, höchstens 90 Tage
        </label>
        <input
          class="kern-form-input__input"
          id="sperre-pruefung"
          name="review_on"
          type="date"
          min={dayOf(new Date(now.value))}
          max={latestReview(now.value)}
          defaultValue={usualReview(now.peek())}
          required
        />
      </div>
      <div class="kern-form-input">
        <label class="kern-label" for="sperre-notiz">
          Notiz, wenn nötig
        </label>
        <input class="kern-form-input__input" id="sperre-notiz" name="note" maxLength={500} />
      </div>
      <Problem text={problem} />
      <div class="st-actions">
        <button type="submit" class="kern-btn kern-btn--primary">
          <span class="kern-label">Löschsperre setzen</span>
        </button>
        <button type="button" class="kern-btn kern-btn--secondary" onClick={() => setOpen(false)}>
          <span class="kern-label">Abbrechen</span>
        </button>
      </div>
    </form>
  );
}

function Problem({ text }: { readonly text: string }) {
  return (
    <p class="st-note is-danger" role="alert" hidden={text === ""}>
      {text}
    </p>
  );
}

type Text = (name: string) => string;

/** Sends a form's fields once; a refusal stands beside it. */
function useSending(done: () => void) {
  const [problem, setProblem] = useState("");
  const send = (event: SubmitEvent, work: (text: Text) => Promise<unknown>): void => {
    event.preventDefault();
    if (!(event.currentTarget instanceof HTMLFormElement)) return;
    const form = new FormData(event.currentTarget);
    setProblem("");
    work((name) => String(form.get(name) ?? "").trim()).then(done, (error: Error) => setProblem(error.message));
  };
  return { problem, send };
}
