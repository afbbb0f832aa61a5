// Anmelden: Stadt, Kennung, Passwort.
import { useEffect, useRef, useState } from "preact/hooks";
import { type Session, signIn, towns } from "./session.ts";
import type { TownName } from "../api/wire.ts";

export function SignIn({ why }: { readonly why: string }) {
  const [known, setKnown] = useState<readonly TownName[]>([]);
  const [problem, setProblem] = useState(why);
  const [isSending, setSending] = useState(false);
  const alert = useRef<HTMLParagraphElement>(null);
  const login = useRef<HTMLInputElement>(null);
  useEffect(() => {
    document.title = "Anmelden · Streife";
    login.current?.focus();
    towns().then(setKnown, (error: Error) => setProblem(error.message));
  }, []);

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    if (!(event.currentTarget instanceof HTMLFormElement) || isSending) return;
    const form = new FormData(event.currentTarget);
    const value = (name: string): string => String(form.get(name) ?? "");
    setSending(true);
    try {
      await signIn(value("login").trim().toLowerCase(), value("password"), value("town"));
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
      setSending(false);
      alert.current?.focus();
    }
  }

  return (
    <div class="st-login">
      <header>Streife</header>
      <main>
        <form onSubmit={(event) => void submit(event)}>
          <div>
            <h1>Anmelden</h1>
            <p class="st-muted">{known.length === 1 ? `${known[0]?.name} · Ordnungsamt` : "Kommunaler Ordnungsdienst"}</p>
          </div>
          <p ref={alert} class="st-note is-danger" role="alert" tabIndex={-1} hidden={problem === ""}>
            {problem}
          </p>
          {known.length > 1 && (
            <div class="kern-form-input">
              <label class="kern-label" for="town">
                Stadt
              </label>
              <div class="kern-form-input__select-wrapper">
                <select class="kern-form-input__select" id="town" name="town">
                  {known.map((town) => (
                    <option key={town.slug} value={town.slug}>
                      {town.name}
                    </option>
                  ))}
                </select>
              </div>
            </div>
          )}
          <div class="kern-form-input">
            <label class="kern-label" for="login">
              Kennung
            </label>
            <input
              ref={login}
              class="kern-form-input__input"
              id="login"
              name="login"
              autocomplete="username"
              autocapitalize="none"
              spellcheck={false}
              maxLength={40}
              required
            />
          </div>
          <div class="kern-form-input">
            <label class="kern-label" for="password">
              Passwort
            </label>
            <input
              class="kern-form-input__input"
              id="password"
              name="password"
              type="password"
              autocomplete="current-password"
              maxLength={200}
              required
            />
          </div>
          <button type="submit" class="kern-btn kern-btn--primary kern-btn--block" aria-disabled={isSending}>
            <span class="kern-label">{isSending ? "Anmeldung läuft …" : "Anmelden"}</span>
          </button>
        </form>
      </main>
      <footer>
        <a href="/reference/">API-Referenz</a>
      </footer>
    </div>
  );
}

export function Waiting({ is }: { readonly is: Session["is"] }) {
  return (
    <div class="st-login">
      <header>Streife</header>
      <main class="st-calm">
        <div role="status">
          {is === "unreachable" && (
            <>
              <h1>Der Server ist nicht erreichbar</h1>
              <p class="st-muted">Ein neuer Versuch läuft alle zwei Sekunden von selbst.</p>
            </>
          )}
        </div>
      </main>
    </div>
  );
}
