// Bausteine der Referenz: Typen, Eigenschaften, Antworten.
import type { ComponentChildren } from "preact";
import { contentOf, limitsOf, type Operation, type Schema, typeOf } from "./description.ts";

/** English text of the API, with its `code` marked. */
export function English({ text }: { readonly text: string | undefined }) {
  if (text === undefined) return null;
  return (
    <span lang="en">
      {text.split("`").map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part))}
    </span>
  );
}

export function Type({ schema }: { readonly schema: Schema }) {
  return (
    <>
      {typeOf(schema).map((part) => (typeof part === "string" ? part : <a href={`#typ-${part.name}`}>{part.name}</a>))}
    </>
  );
}

interface Value {
  readonly name: string;
  readonly schema: Schema;
  readonly isRequired: boolean;
  readonly description: string | undefined;
  /** Where it stands, e.g. `path`. */
  readonly place?: string;
}

const PLACES: Readonly<Record<string, string>> = { path: "Pfad", query: "Abfrage", header: "Kopf", cookie: "Cookie" };

/** A table of values: parameters or the properties of an object. */
export function Values({ label, values }: { readonly label: string; readonly values: readonly Value[] }) {
  return (
    <div class="st-list">
    <table class="st-table st-values">
      <caption class="st-sr">{label}</caption>
      <thead>
        <tr>
          <th>Name</th>
          <th>Typ</th>
          <th>Bedeutung</th>
        </tr>
      </thead>
      <tbody>
        {values.map(({ name, schema, isRequired, description, place }) => (
          <tr key={name}>
            <td>
              <code>{name}</code>
              <small>
                {place !== undefined && `${PLACES[place] ?? place}, `}
                {isRequired ? "Pflicht" : "freiwillig"}
              </small>
            </td>
            <td>
              <Type schema={schema} />
              <small>{limitsOf(schema)}</small>
            </td>
            <td>
              <English text={description} />
              {schema.pattern !== undefined && (
                <small>
                  Muster <code>{schema.pattern}</code>
                </small>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
    </div>
  );
}

export function propertiesOf(schema: Schema): readonly Value[] {
  const required = new Set(schema.required);
  return Object.entries(schema.properties ?? {})
    .map(([name, property]) => ({ name, schema: property, isRequired: required.has(name), description: property.description }))
    .toSorted((one, other) => Number(other.isRequired) - Number(one.isRequired));
}

/** What comes back: first what was asked for, then the refusals. */
export function Answers({ operation }: { readonly operation: Operation }) {
  const answers = Object.entries(operation.responses);
  return (
    <table class="st-table st-answers">
      <caption class="st-sr">Antworten von {operation.operationId}</caption>
      <thead>
        <tr>
          <th>Status</th>
          <th>Inhalt</th>
          <th>Bedeutung</th>
        </tr>
      </thead>
      <tbody>
        {answers.map(([status, answer]) => (
          <tr key={status}>
            <td>
              <code>{status}</code>
            </td>
            <td>
              {contentOf(answer).length === 0 && <span class="st-muted">kein Inhalt</span>}
              {contentOf(answer).map(({ media, schema }) => (
                <Content key={media} media={media}>
                  <Type schema={schema} />
                </Content>
              ))}
            </td>
            <td>{status.startsWith("2") ? "ausgeführt" : <English text={answer.description} />}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function Content({ media, children }: { readonly media: string; readonly children: ComponentChildren }) {
  const isUsual = media === "application/json" || media === "application/problem+json";
  return (
    <>
      {isUsual ? children : <code>{media}</code>}
    </>
  );
}
