// The pages behind the sign-in.
import "@kern-ux/native/dist/kern.css";
import "../look/fonts.css";
import "../look/tokens.css";
import "../look/base.css";
import "../look/office.css";
import { effect } from "@preact/signals";
import { render } from "preact";
import { Frame } from "./screens/Frame.tsx";
import { SignIn, Waiting } from "./screens/SignIn.tsx";
import { follow } from "./state/live.ts";
import { ask, session } from "./state/session.ts";

function App() {
  const { value } = session;
  if (value.is === "in") return <Frame me={value.me} />;
  if (value.is === "out") return <SignIn key={value.why} why={value.why} />;
  return <Waiting is={value.is} />;
}

// The line to the server stands exactly as long as somebody is signed in.
effect(() => {
  if (session.value.is !== "in") return;
  const signedOut = new AbortController();
  void follow(signedOut.signal);
  return () => signedOut.abort();
});

const root = document.getElementById("app");
if (root !== null) render(<App />, root);
void ask();
