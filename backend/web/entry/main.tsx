// The pages behind the sign-in. Each comes as a file of its own, once somebody who works there has signed in.
import "@kern-ux/native/dist/kern.css";
import "../look/fonts.css";
import "../look/tokens.css";
import "../look/base.css";
import "../look/entry.css";
import { effect } from "@preact/signals";
import { type ComponentType, render } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Me } from "../api/wire.ts";
import { place } from "../shared/address.ts";
import { ask, session } from "../shared/session.ts";
import { SignIn, Waiting } from "../shared/SignIn.tsx";

interface Surface {
  readonly Page: ComponentType<{ readonly me: Me }>;
  readonly follow: (signal: AbortSignal) => Promise<void>;
}

const SURFACES = {
  room: (): Promise<Surface> => import("../control_room/surface.tsx"),
  office: (): Promise<Surface> => import("../office/surface.tsx"),
} as const;

/** A dispatcher's place is the control room; with further roles the office is one step away. */
function surfaceOf(me: Me): keyof typeof SURFACES {
  const { area } = place.value;
  return me.roles.includes("dispatcher") && (area === "" || area === "leitstelle") ? "room" : "office";
}

function App() {
  const { value } = session;
  if (value.is === "in") return <Inside key={surfaceOf(value.me)} me={value.me} name={surfaceOf(value.me)} />;
  if (value.is === "out") return <SignIn key={value.why} why={value.why} />;
  return <Waiting is={value.is} />;
}

/** The line to the server stands exactly as long as somebody is signed in and on this page. */
function Inside({ me, name }: { readonly me: Me; readonly name: keyof typeof SURFACES }) {
  const [surface, setSurface] = useState<Surface | null>(null);
  useEffect(() => {
    const gone = new AbortController();
    const load = async (): Promise<void> => {
      try {
        const loaded = await SURFACES[name]();
        if (gone.signal.aborted) return;
        setSurface(loaded);
        await loaded.follow(gone.signal);
      } catch {
        // The page itself did not arrive: the server is away, or was exchanged by a newer one.
        if (!gone.signal.aborted) setTimeout(() => location.reload(), 2000);
      }
    };
    void load();
    return () => gone.abort();
  }, [name]);
  if (surface === null) return <Waiting is="asking" />;
  const { Page } = surface;
  return <Page me={me} />;
}

effect(() => {
  if (session.value.is === "out") document.documentElement.removeAttribute("data-kern-theme");
});

const root = document.getElementById("app");
if (root !== null) render(<App />, root);
void ask();
