// Ein Feld mit seiner Beschriftung.
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface Labelled {
  readonly label: string;
  readonly look?: "is-wide" | "cr-beside";
  readonly children: (id: string) => ComponentChildren;
}

export function Field({ label, look, children }: Labelled) {
  const id = useId();
  return (
    <div class={`cr-field ${look ?? ""}`}>
      <label for={id}>{label}</label>
      {children(id)}
    </div>
  );
}
