import { expect, test } from "vitest";
import { byTag, type Description, limitsOf, matches, rightOf, typeOf } from "./description.ts";

const said = (schema: Parameters<typeof typeOf>[0]): string =>
  typeOf(schema).map((part) => (typeof part === "string" ? part : `<${part.name}>`)).join("");

test("types are said in words, and what has a name can be linked", () => {
  expect(said({ type: "array", items: { $ref: "#/components/schemas/Task" } })).toBe("Liste von <Task>");
  expect(said({ oneOf: [{ type: "string", format: "uuid" }, { type: "null" }] })).toBe("UUID oder null");
  expect(said({ type: ["integer", "null"] })).toBe("ganze Zahl oder null");
  expect(said({ enum: ["settled", "no_action"] })).toBe('"settled" | "no_action"');
  expect(said({ type: "object", additionalProperties: { type: "integer" } })).toBe("Abbildung auf ganze Zahl");
  expect(said({})).toBe("beliebiges JSON");
});

test("limits name both ends where there are two", () => {
  expect(limitsOf({ minimum: 1, maximum: 200, default: 50 })).toBe("1 bis 200, sonst 50");
  expect(limitsOf({ minLength: 64, maxLength: 64 })).toBe("64 Zeichen");
  expect(limitsOf({ maxLength: 20 })).toBe("0 bis 20 Zeichen");
});

test("operations stand under their tag, and answer to every word that was typed", () => {
  const operation = { operationId: "listOffences", tags: ["offences"], responses: {}, "x-right": "offence:R" };
  const description: Description = {
    info: { version: "1" },
    paths: { "/v1/offences": { get: operation }, "/v1/health": { get: { operationId: "health", responses: {} } } },
    components: { schemas: {} },
  };
  const groups = byTag(description);
  expect([...groups.keys()]).toEqual(["offences", ""]);
  const [named] = groups.get("offences") ?? [];
  expect(named !== undefined && matches(named, "GET offence:r")).toBe(true);
  expect(named !== undefined && matches(named, "post offences")).toBe(false);
  expect([rightOf(operation), rightOf({ operationId: "health", responses: {} })]).toEqual(["offence:R", "public"]);
});
