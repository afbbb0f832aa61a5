// API-Referenz: was der Server über sich selbst sagt, lesbar ohne fremde Programme.
import "@kern-ux/native/dist/kern.css";
import "../look/fonts.css";
import "../look/tokens.css";
import "../look/base.css";
import "../look/entry.css";
import "../look/office.css";
import "../look/reference.css";
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { call } from "../api/client.ts";
import { byTag, contentOf, type Description, matches, type Named, rightOf, type Schema } from "./description.ts";
import { Answers, Content, English, propertiesOf, Type, Values } from "./Parts.tsx";

const TAGS: Readonly<Record<string, string>> = {
  identity: "Anmeldung, Personen, Geräte",
  exchange: "Austausch mit Geräten",
  feed: "Änderungen live",
  log: "Prüfbares Protokoll",
  offences: "Anzeigen und Katalog",
  work: "Aufgaben",
  dispatch: "Leitstelle: Ereignisse, Aufträge, Streifen",
  buildings: "Gebäude und Alarme",
  media: "Übertragung von Fotos und Aufnahmen",
  evidence: "Clips, Löschsperren, Export",
  server: "Server",
};

const RIGHTS: Readonly<Record<string, string>> = {
  public: "keines, ohne Anmeldung erreichbar",
  signed_in: "angemeldete Person",
  source: "Gerät mit gültiger Lease",
  member: "angemeldete Person oder Gerät",
};

const LIMITS: Readonly<Record<string, string>> = {
  o: "auch wer nur Eigenes darf",
  c: "auch wer nur genannte Fälle darf",
  s: "auch wer nur den eigenen Standort darf",
  p: "auch wer Namen ersetzt sieht",
};

const OPERATIONS: Readonly<Record<string, string>> = { R: "lesen", C: "anlegen und lesen", A: "als zweite Person freigeben" };

function App() {
  const [description, setDescription] = useState<Description | null>(null);
  const [problem, setProblem] = useState("");
  const [typed, setTyped] = useState("");
  useEffect(() => {
    call<Description>("/v1/openapi/openapi.json").then(setDescription, (error: Error) => setProblem(error.message));
  }, []);
  // The address may name a place that exists only now.
  useEffect(() => document.getElementById(location.hash.slice(1))?.scrollIntoView(), [description]);

  const groups = description === null ? [] : [...byTag(description)].map(([tag, all]) => ({
    tag,
    name: TAGS[tag] ?? tag,
    operations: all.filter((one) => matches(one, typed)),
  })).filter((group) => group.operations.length > 0);

  return (
    <div class="st-office st-reference">
      <a class="st-skip" href="#inhalt">
        Zum Inhalt springen
      </a>
      <header>
        <b>Streife</b>
        <span class="st-muted">API-Referenz{description !== null && `, Fassung ${description.info.version}`}</span>
        <span class="st-grow" />
        <a href="/v1/openapi/openapi.json">OpenAPI als JSON</a>
        <a href="/">Zur Anwendung</a>
      </header>
      <nav class="st-nav" aria-label="Adressen">
        {groups.map(({ tag, name, operations }) => (
          <section key={tag}>
            <h2>
              <a href={`#teil-${tag}`}>{name}</a>
            </h2>
            {operations.map(({ method, path, operation }) => (
              <a key={operation.operationId} href={`#${operation.operationId}`}>
                <span class="st-path">
                  <b>{method}</b> {path.replace(/^\/v1/, "")}
                </span>
              </a>
            ))}
          </section>
        ))}
        {description !== null && <a href="#typen">Datentypen</a>}
      </nav>
      <main class="st-main" id="inhalt" tabIndex={-1}>
        <div class="st-titlebar">
          <h1>API-Referenz</h1>
          <p>Was diese Installation wirklich beantwortet; gelesen aus ihrer eigenen Beschreibung (OpenAPI 3.1).</p>
        </div>
        {problem !== "" && (
          <p class="st-note is-danger" role="alert">
            {problem}
          </p>
        )}
        {description === null && problem === "" && <p class="st-muted">Beschreibung wird geladen …</p>}
        {description !== null && (
          <>
            <Introduction />
            <div class="kern-form-input st-find">
              <label class="kern-label" for="suche">
                Adressen suchen
              </label>
              <input
                class="kern-form-input__input"
                id="suche"
                type="search"
                value={typed}
                onInput={(event) => setTyped(event.currentTarget.value)}
              />
            </div>
            {groups.length === 0 && <p class="st-empty">Keine Adresse passt.</p>}
            {groups.map(({ tag, name, operations }) => (
              <section key={tag} id={`teil-${tag}`} class="st-part">
                <h2>{name}</h2>
                {operations.map((one) => (
                  <Address key={one.operation.operationId} named={one} schemas={description.components.schemas} />
                ))}
              </section>
            ))}
            <Types schemas={description.components.schemas} />
          </>
        )}
      </main>
    </div>
  );
}

function Introduction() {
  return (
    <dl class="st-dl st-intro">
      <dt>Anmeldung</dt>
      <dd>
        Personen: <a href="#signIn">POST /v1/session</a> setzt ein Cookie, das Skripte nicht lesen können. Geräte: eine
        Lease als <code>Authorization: Bearer …</code>.
      </dd>
      <dt>Ablehnungen</dt>
      <dd>
        immer <a href="#typ-Problem">application/problem+json</a> (RFC 9457): Kürzel, deutscher Satz mit dem nächsten
        Schritt, und <code>type</code> als Adresse, die das Problem erklärt.
      </dd>
      <dt>Rechte</dt>
      <dd>
        <code>Gegenstand:R</code> lesen, <code>:C</code> anlegen, <code>:A</code> als zweite Person freigeben; welche Rolle
        was hat, steht in der Rechtetabelle.
      </dd>
      <dt>Zeiten, Beträge</dt>
      <dd>UTC-Zeitpunkte nach RFC 3339; Beträge in Cent; Cursor sind undurchsichtiger Text.</dd>
    </dl>
  );
}

interface Documented {
  readonly named: Named;
  readonly schemas: Readonly<Record<string, Schema>>;
}

function Address({ named: { method, path, operation }, schemas }: Documented) {
  const right = rightOf(operation);
  const limits = [...(operation["x-limits"] ?? "")].map((limit) => LIMITS[limit] ?? limit);
  const parameters = operation.parameters ?? [];
  const bodies = contentOf(operation.requestBody ?? {});
  return (
    <article id={operation.operationId} class="st-address">
      <h3>
        <a href={`#${operation.operationId}`}>
          <b class={`st-method is-${method.toLowerCase()}`}>{method}</b> <code>{path}</code>
        </a>
      </h3>
      <p>
        <English text={operation.description} />
      </p>
      <dl class="st-dl">
        <dt>Recht</dt>
        <dd>
          <code>{right}</code> · {RIGHTS[right] ?? OPERATIONS[right.split(":")[1] ?? ""] ?? ""}
          {limits.map((limit) => `; ${limit}`)}
        </dd>
        <dt>Name</dt>
        <dd>
          <code>{operation.operationId}</code>
        </dd>
        {bodies.map(({ media, schema }) => (
          <>
            <dt>Sendet</dt>
            <dd>
              <Content media={media}>
                <Type schema={schema} />
              </Content>
            </dd>
          </>
        ))}
      </dl>
      {parameters.length > 0 && <h4>Parameter</h4>}
      {parameters.length > 0 && (
        <Values
          label={`Parameter von ${operation.operationId}`}
          values={parameters.map((one) => ({
            name: one.name,
            schema: one.schema,
            isRequired: one.required ?? false,
            description: one.description ?? one.schema.description,
            place: one.in,
          }))}
        />
      )}
      {bodies.map(({ schema }) => (
        <Body key={schema.$ref} schema={schema} schemas={schemas} />
      ))}
      <h4>Antworten</h4>
      <Answers operation={operation} />
    </article>
  );
}

/** The members of what is sent, where it has a name. */
function Body({ schema, schemas }: { readonly schema: Schema; readonly schemas: Documented["schemas"] }) {
  const name = schema.$ref?.replace(/^.*\//, "") ?? "";
  const named = schemas[name];
  if (named?.properties === undefined) return null;
  return (
    <>
      <h4>{name}</h4>
      <Values label={`Mitglieder von ${name}, wie gesendet`} values={propertiesOf(named)} />
    </>
  );
}

function Types({ schemas }: { readonly schemas: Documented["schemas"] }) {
  return (
    <section id="typen" class="st-part">
      <h2>Datentypen</h2>
      {Object.entries(schemas).map(([name, schema]) => (
        <article key={name} id={`typ-${name}`} class="st-address">
          <h3>
            <a href={`#typ-${name}`}>{name}</a>
          </h3>
          <p>
            <English text={schema.description} />
          </p>
          {schema.properties === undefined ? (
            <p>
              <Type schema={schema} />
            </p>
          ) : (
            <Values label={`Mitglieder von ${name}`} values={propertiesOf(schema)} />
          )}
        </article>
      ))}
    </section>
  );
}

const root = document.getElementById("app");
if (root !== null) render(<App />, root);
