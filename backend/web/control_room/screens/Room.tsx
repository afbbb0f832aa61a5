// Leitstelle: ein Bildschirm. Links die Ereignisse, in der Mitte das eine, unten die Streifen und die Befehlszeile;
// darüber, was niemand angenommen hat. Die Reihenfolge hier ist die der Tastatur, die des Bildes macht das Raster.
import { useEffect } from "preact/hooks";
import type { Me } from "../../api/wire.ts";
import { isCovered } from "../../shared/line.ts";
import { isLight } from "../state/address.ts";
import { desk, flood } from "../state/live.ts";
import { heardAt, prepare } from "../state/sound.ts";
import { Band } from "./Band.tsx";
import { CommandBar } from "./CommandBar.tsx";
import { Cover } from "./Cover.tsx";
import { useKeys } from "./keys.ts";
import { Middle } from "./Middle.tsx";
import { QueuePane } from "./QueuePane.tsx";
import { SoundCheck } from "./SoundCheck.tsx";
import { Top } from "./Top.tsx";
import { UnitStrip } from "./UnitStrip.tsx";

export function Room({ me }: { readonly me: Me }) {
  useKeys();
  useEffect(prepare, []);
  const theme = isLight.value ? "light" : "dark";
  useEffect(() => {
    document.title = "Leitstelle · Streife";
    document.documentElement.dataset["kernTheme"] = theme;
    return () => document.documentElement.removeAttribute("data-kern-theme");
  }, [theme]);
  return (
    <>
      <div class={`cr ${flood.value === null ? "" : "is-flood"}`} inert={isCovered.value}>
        <Band />
        {heardAt.value === null && <SoundCheck />}
        <main class="cr-desk">
          {desk.value === null ? (
            <p class="cr-empty" role="status">
              Stand wird geladen …
            </p>
          ) : (
            <>
              <QueuePane />
              <Middle desk={desk.value} me={me} />
            </>
          )}
        </main>
        <UnitStrip />
        <CommandBar />
        <Top me={me} />
      </div>
      {isCovered.value && <Cover />}
    </>
  );
}
