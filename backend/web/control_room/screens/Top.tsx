// Kopfzeile: wer, welche Verbindungen fehlen, ob der Ton geprüft ist, wie alt der Stand ist.
import type { Me } from "../../api/wire.ts";
import { clockOf, dateOf, many, timeOf } from "../../shared/format.ts";
import { Freshness, SignOut } from "../../shared/Top.tsx";
import { isLight, turnLight } from "../state/address.ts";
import { desk, serverNow } from "../state/live.ts";
import { canSound, heardAt } from "../state/sound.ts";
import { hashOf } from "../../shared/address.ts";

export function Top({ me }: { readonly me: Me }) {
  const now = new Date(serverNow.value);
  const hasMore = me.roles.some((role) => role !== "dispatcher");
  return (
    <header class="cr-top">
      <b class="cr-where">Leitstelle {me.town.name}</b>
      <span class="cr-grow st-muted st-cut">{heardAt.value === null ? me.call_sign : `${me.call_sign} · Platz besetzt`}</span>
      <Links />
      <Sound />
      <Freshness />
      <span class="st-muted cr-wide">{dateOf(now)}</span>
      <time class="cr-clock">{clockOf(now)}</time>
      {hasMore && (
        <a href={hashOf({ area: "aufgaben", only: "", id: "" })} class="cr-wide">
          Büro
        </a>
      )}
      <button type="button" class="st-link" onClick={turnLight}>
        {isLight.value ? "Dunkel" : "Hell"}
      </button>
      <SignOut />
    </header>
  );
}

function Links() {
  const lines = [...(desk.value?.line.values() ?? [])];
  if (desk.value === null || lines.length === 0) return null;
  const online = lines.filter((line) => line.link === "online").length;
  const lost = lines.filter((line) => line.link === "lost").length;
  const said =
    lost > 0
      ? `${lost} von ${many(lines.length, "Verbindung", "Verbindungen")} verloren`
      : online === lines.length
        ? `${online} von ${many(lines.length, "Verbindung", "Verbindungen")}`
        : `${lines.length - online} von ${many(lines.length, "Verbindung", "Verbindungen")} ohne Lebenszeichen`;
  return <State is={lost > 0 ? "lost" : online === lines.length ? "ok" : "unknown"}>{said}</State>;
}

function Sound() {
  const at = heardAt.value;
  if (at === null) return <State is="lost">Ton nicht geprüft</State>;
  if (!canSound.value) return <State is="lost">Ton blockiert</State>;
  return <State is="ok">{`Ton geprüft ${timeOf(new Date(at))}`}</State>;
}

function State({ is, children }: { readonly is: "ok" | "lost" | "unknown"; readonly children: string }) {
  return (
    <span class={`st-state is-${is}`}>
      <svg viewBox="0 0 20 20" aria-hidden="true">
        {is === "lost" ? <path d="M10 1L19 10L10 19L1 10z" /> : <circle cx="10" cy="10" r="8" />}
      </svg>
      {is === "lost" ? <b>{children}</b> : <span>{children}</span>}
    </span>
  );
}
