// Befehlszeile: ein Buchstabe, dann wer oder was; Vorschläge stehen darüber, die Antwort rechts.
import { clockOf } from "../../shared/format.ts";
import type { Suggestion } from "../rules/command.ts";
import { chosen, line, reading } from "../state/bar.ts";
import { carryOut, said } from "../state/commands.ts";

const FORMS = "Befehl:  a annehmen   d entsenden   s Status   n Meldung   v Vermerk   x abschließen   ? Hilfe";

export function CommandBar() {
  const { suggestions, says } = reading.value;
  const at = Math.min(chosen.value, suggestions.length - 1);
  const answer = said.value;
  return (
    <form class="cr-cmd" role="search" aria-label="Befehlszeile" onSubmit={submit}>
      <span class="cr-slash" aria-hidden="true">
        /
      </span>
      <input
        id="befehl"
        role="combobox"
        aria-label="Befehl"
        aria-expanded={suggestions.length > 0}
        aria-controls="vorschlaege"
        aria-autocomplete="list"
        aria-activedescendant={suggestions.length > 0 ? `vorschlag-${at}` : undefined}
        placeholder={FORMS}
        autocomplete="off"
        spellcheck={false}
        maxLength={500}
        value={line.value}
        onInput={(event) => {
          line.value = event.currentTarget.value;
          chosen.value = 0;
          said.value = null;
        }}
        onKeyDown={(event) => pressed(event, suggestions, at)}
      />
      <span class={`cr-reply ${answer?.isRefusal === true ? "is-refusal" : ""}`} role="status">
        {answer === null ? says : `${clockOf(new Date(answer.at))} · ${answer.text}`}
      </span>
      <ul class="cr-sugg" id="vorschlaege" role="listbox" aria-label="Vorschläge" hidden={suggestions.length === 0}>
        {suggestions.map((one, index) => (
          <li
            key={one.line}
            id={`vorschlag-${index}`}
            role="option"
            aria-selected={index === at}
            class={index === at ? "is-on" : ""}
            onPointerDown={(event) => {
              event.preventDefault();
              take(one);
            }}
          >
            <b>{one.name}</b>
            <span class="st-muted st-cut">{one.detail}</span>
            {index === at ? <kbd>Enter</kbd> : <span />}
          </li>
        ))}
      </ul>
    </form>
  );
}

function take(one: Suggestion): void {
  line.value = one.line;
  chosen.value = 0;
}

function pressed(event: KeyboardEvent, suggestions: readonly Suggestion[], at: number): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step !== undefined && suggestions.length > 0) {
    event.preventDefault();
    chosen.value = (at + step + suggestions.length) % suggestions.length;
  } else if (event.key === "Tab" && !event.shiftKey && suggestions.length > 0 && line.value.trim() !== "") {
    event.preventDefault();
    const one = suggestions[at];
    if (one !== undefined) take(one);
  } else if (event.key === "Escape" && event.currentTarget instanceof HTMLElement) {
    event.currentTarget.blur();
  }
}

function submit(event: SubmitEvent): void {
  event.preventDefault();
  const { command, suggestions } = reading.value;
  const one = suggestions[Math.min(chosen.value, suggestions.length - 1)];
  if (command === null) {
    if (one !== undefined) take(one);
    return;
  }
  const typed = line.value;
  line.value = "";
  // What was refused stands there again, unless something new is being typed.
  void carryOut(command).then((isDone) => {
    if (!isDone && line.value === "") line.value = typed;
  });
}
