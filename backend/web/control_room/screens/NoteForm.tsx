// Vermerk: ein Satz im Verlauf; berichtigt wird er durch einen weiteren.
import { useState } from "preact/hooks";
import type { Incident } from "../../api/wire_desk.ts";
import { addNote, sending } from "../state/commands.ts";
import { Field } from "./Field.tsx";

export function NoteForm({ incident }: { readonly incident: Incident }) {
  const [text, setText] = useState("");
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (text.trim() === "") return;
    void addNote(incident.id, text.trim()).then((isKept) => isKept && setText(""));
  };
  return (
    <form class="cr-part cr-inline" onSubmit={submit}>
      <Field label="Vermerk">
        {(id) => (
          <input id={id} value={text} maxLength={500} onInput={(event) => setText(event.currentTarget.value)} />
        )}
      </Field>
      <button type="submit" class="cr-btn" aria-disabled={sending.value.has(incident.id)}>
        Festhalten <kbd>v</kbd>
      </button>
    </form>
  );
}
