// The API's description (OpenAPI 3.1), as far as the page reads it; pure.

export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
}

export interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: Schema;
}

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema?: Schema }>>;
}

export interface Operation {
  readonly operationId: string;
  readonly tags?: readonly string[];
  readonly description?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: Content;
  readonly responses: Readonly<Record<string, Content & { readonly description: string }>>;
  /** The right that it needs, and the narrower grants that are let in too. */
  readonly "x-right"?: string;
  readonly "x-limits"?: string;
}

export interface Description {
  readonly info: { readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

export interface Named {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

const METHODS = ["get", "head", "post", "put", "patch", "delete"] as const;

/** Operations by tag, in the description's order. */
export function byTag({ paths }: Description): ReadonlyMap<string, readonly Named[]> {
  const groups = new Map<string, Named[]>();
  for (const [path, methods] of Object.entries(paths)) {
    for (const method of METHODS) {
      const operation = methods[method];
      if (operation === undefined) continue;
      const tag = operation.tags?.[0] ?? "";
      groups.set(tag, [...(groups.get(tag) ?? []), { method: method.toUpperCase(), path, operation }]);
    }
  }
  return groups;
}

/** Whether an operation answers to what somebody typed: each word stands in its method, path, id or description. */
export function matches({ method, path, operation }: Named, typed: string): boolean {
  const text = `${method} ${path} ${operation.operationId} ${operation.description ?? ""} ${rightOf(operation)}`.toLowerCase();
  return typed
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** The right that an operation needs, e.g. `offence:R`; `public` where nobody has to be signed in. */
export const rightOf = (operation: Operation): string => operation["x-right"] ?? "public";

/** What the schemas of a body or an answer are called, with their media types. */
export function contentOf({ content }: Content): readonly { readonly media: string; readonly schema: Schema }[] {
  return Object.entries(content ?? {}).map(([media, { schema }]) => ({ media, schema: schema ?? {} }));
}

/** A type in words, in parts: what has a name of its own is a part that can be linked. */
export function typeOf(schema: Schema): readonly (string | { readonly name: string })[] {
  if (schema.$ref !== undefined) return [{ name: schema.$ref.replace(/^.*\//, "") }];
  if (schema.const !== undefined) return [JSON.stringify(schema.const)];
  if (schema.enum !== undefined) return [schema.enum.map((value) => JSON.stringify(value)).join(" | ")];
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices !== undefined) return joined(choices);
  if (Array.isArray(schema.type)) return joined(schema.type.map((type: string) => ({ ...schema, type })));
  switch (schema.type) {
    case "array":
      return ["Liste von ", ...typeOf(schema.items ?? {})];
    case "object":
      return typeof schema.additionalProperties === "object"
        ? ["Abbildung auf ", ...typeOf(schema.additionalProperties)]
        : ["Objekt"];
    case "string":
      return [FORMATS[schema.format ?? ""] ?? "Text"];
    case "integer":
      return ["ganze Zahl"];
    case "number":
      return ["Zahl"];
    case "boolean":
      return ["wahr oder falsch"];
    case "null":
      return ["null"];
    default:
      return ["beliebiges JSON"];
  }
}

function joined(choices: readonly Schema[]): readonly (string | { readonly name: string })[] {
  return choices.flatMap((choice, index) => (index === 0 ? typeOf(choice) : [" oder ", ...typeOf(choice)]));
}

const FORMATS: Readonly<Record<string, string>> = {
  uuid: "UUID",
  date: "Tag",
  "date-time": "Zeitpunkt",
  binary: "Bytes",
};

/** Limits of a value, in words. A length without a lower end begins at 0. */
export function limitsOf(schema: Schema): string {
  const said: string[] = [];
  if (schema.minLength !== undefined || schema.maxLength !== undefined) {
    const from = schema.minLength ?? 0;
    said.push(schema.maxLength === from ? `${from} Zeichen` : `${from} bis ${schema.maxLength ?? "beliebig viele"} Zeichen`);
  }
  if (schema.minimum !== undefined && schema.maximum !== undefined) said.push(`${schema.minimum} bis ${schema.maximum}`);
  else if (schema.minimum !== undefined) said.push(`ab ${schema.minimum}`);
  else if (schema.maximum !== undefined) said.push(`bis ${schema.maximum}`);
  if (schema.default !== undefined) said.push(`sonst ${JSON.stringify(schema.default)}`);
  return said.join(", ");
}
