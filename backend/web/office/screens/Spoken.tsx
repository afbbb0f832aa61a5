// Was dazukam, für Vorleseprogramme: gesammelt, höchstens alle zehn Sekunden, ohne zu unterbrechen.
import { useEffect, useRef, useState } from "preact/hooks";
import { type Counts, sum } from "../rules/board.ts";
import { many } from "../../shared/format.ts";
import { board } from "../state/live.ts";

const EVERY_MS = 10_000;

export function Spoken() {
  const [said, say] = useState("");
  const last = useRef<Counts | null>(null);
  useEffect(() => {
    const timer = setInterval(() => {
      const counts = board.peek()?.counts ?? null;
      say(last.current === null || counts === null ? "" : difference(last.current, counts));
      last.current = counts;
    }, EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <p class="st-sr" role="status">
      {said}
    </p>
  );
}

function difference(before: Counts, after: Counts): string {
  const offences = after.offences - before.offences;
  const tasks = sum(after.tasks) - sum(before.tasks);
  const parts = [
    offences > 0 && many(offences, "neue Anzeige", "neue Anzeigen"),
    tasks > 0 && many(tasks, "neue Aufgabe", "neue Aufgaben"),
  ];
  return parts.filter(Boolean).join(", ");
}
