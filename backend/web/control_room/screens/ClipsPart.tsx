// Bodycam: dass es Aufnahmen gibt und ob sie gesichert sind. Was sie zeigen und von wem sie sind, erfährt die Leitstelle nie.
import { useEffect, useState } from "preact/hooks";
import { call } from "../../api/client.ts";
import type { IncidentClips } from "../../api/wire_desk.ts";
import { clipsWords } from "../rules/words.ts";

/** Pause between two looks: clips arrive when a camera is docked, not by the desk's feed. */
const EVERY_MS = 15_000;

export function ClipsPart({ incident }: { readonly incident: string }) {
  const words = clipsWords(useClips(incident));
  if (words === null) return null;
  return (
    <div class="cr-part">
      <h3>Bodycam</h3>
      <p>
        {words.state} <span class="st-muted">{words.more}</span>
      </p>
    </div>
  );
}

/** Null: not known yet. */
function useClips(incident: string): IncidentClips | null {
  const [clips, setClips] = useState<IncidentClips | null>(null);
  useEffect(() => {
    const gone = new AbortController();
    const look = () =>
      void call<IncidentClips>(`/v1/incidents/${incident}/clips`, { signal: gone.signal }).then(setClips, () => undefined);
    look();
    const again = setInterval(look, EVERY_MS);
    return () => {
      gone.abort();
      clearInterval(again);
      setClips(null);
    };
  }, [incident]);
  return clips;
}
