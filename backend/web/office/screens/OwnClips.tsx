// Meine Clips: fünf Fragen zu jeder Aufnahme. Ohne Antworten sieht sie niemand, und sie wird gelöscht.
import { useEffect } from "preact/hooks";
import type { Me } from "../../api/wire.ts";
import type { ClipLine } from "../../api/wire_evidence.ts";
import { Diamond, Triangle } from "../../look/Mark.tsx";
import { go, place } from "../../shared/address.ts";
import { dateOf, many, timeOf } from "../../shared/format.ts";
import { now } from "../../shared/line.ts";
import { dueOf, firstToGo, isUnclassified, lengthOf, nameOf, ruleName, unanswered } from "../rules/clips.ts";
import { CLASSES } from "../rules/words.ts";
import { evidence } from "../state/evidence.ts";
import { barOf, Player } from "./Player.tsx";
import { Questions } from "./Questions.tsx";

export function OwnClips({ me }: { readonly me: Me }) {
  useEffect(() => {
    document.title = "Meine Clips · Streife";
  }, []);
  const mine = [...(evidence.value?.clips.values() ?? [])].filter((clip) => clip.officer === me.person);
  const waiting = unanswered(mine);
  const done = mine.filter((clip) => !isUnclassified(clip)).toSorted(firstToGo);
  const open = waiting.find((clip) => clip.id === place.value.id) ?? waiting[0];
  return (
    <>
      <div class="st-titlebar">
        <div>
          <h1>Meine Clips</h1>
          <p>
            {waiting.length === 0 ? "Alle beantwortet" : `${many(waiting.length, "Clip wartet", "Clips warten")} auf Ihre fünf Antworten`}
          </p>
        </div>
      </div>
      {waiting.map((clip) => (
        <Card key={clip.id} clip={clip} isOpen={clip === open} />
      ))}
      {mine.length === 0 && <p class="st-empty">Keine Aufnahme. Neue erscheinen hier von selbst, sobald ein Dock sie eingelesen hat.</p>}
      {done.length > 0 && (
        <>
          <h2 class="st-after">Beantwortet</h2>
          <ul class="st-cards">
            {done.map((clip) => (
              <Done key={clip.id} clip={clip} me={me} isOpen={clip.id === place.value.id} />
            ))}
          </ul>
        </>
      )}
    </>
  );
}

function Head({ clip }: { readonly clip: ClipLine }) {
  const started = new Date(clip.started_at);
  const due = dueOf(clip, now.value);
  return (
    <>
      <h2>
        {dateOf(started)}, {timeOf(started)} Uhr · {lengthOf(clip.duration_ms)} min
        {clip.is_marked && " · von Ihnen markiert"}
      </h2>
      <p class="st-due">
        {due.is === "late" ? <Triangle label="Bald gelöscht" /> : due.is === "soon" ? <Diamond label="Bald gelöscht" /> : <span />}
        <span>
          <b class={due.is === "late" ? "st-danger" : due.is === "soon" ? "st-warn" : ""}>
            {due.is === "held" ? "Löschsperre: bleibt" : `Löschung ${due.text}`}
          </b>
          <small>
            {nameOf(clip)} · {dateOf(new Date(clip.delete_at))}, {timeOf(new Date(clip.delete_at))} · {ruleName(clip.rule)}
          </small>
        </span>
      </p>
    </>
  );
}

function Card({ clip, isOpen }: { readonly clip: ClipLine; readonly isOpen: boolean }) {
  return (
    <article class={`st-card ${isOpen ? "is-open" : ""}`} aria-label={`Clip ${nameOf(clip)}`}>
      <Head clip={clip} />
      {isOpen ? (
        <Questions key={clip.id} clip={clip} />
      ) : (
        <button type="button" class="kern-btn kern-btn--secondary" onClick={() => go({ id: clip.id })}>
          <span class="kern-label">Fragen beantworten</span>
        </button>
      )}
    </article>
  );
}

function Done({ clip, me, isOpen }: { readonly clip: ClipLine; readonly me: Me; readonly isOpen: boolean }) {
  const bar = barOf(clip, false);
  return (
    <li class="st-card">
      <Head clip={clip} />
      <p class="st-muted">Eingestuft: {CLASSES[clip.clip_class]}</p>
      {bar !== "" ? (
        <p>{bar}.</p>
      ) : isOpen ? (
        <Player clip={clip} me={me} isReview={false} />
      ) : (
        <button type="button" class="kern-btn kern-btn--secondary" onClick={() => go({ id: clip.id })}>
          <span class="kern-label">Ansehen …</span>
        </button>
      )}
    </li>
  );
}
