import { describe, expect, test } from "vitest";
import { type Context, read } from "./command.ts";
import { board, incident, unit } from "./samples.ts";

const context: Context = {
  waiting: ["w1", "w2"],
  incidents: [incident("i", { no: 1143 }), incident("k", { no: 7 })],
  units: [unit("u12", "Linde 12"), unit("u1", "Linde 1"), unit("u23", "Erle 23"), unit("u24", "Erle 24")],
  codes: board().codes,
  selected: null,
};
const opened: Context = { ...context, selected: { is: "incident", id: "i" } };
const doing = (line: string, where = context) => read(line, where).command;

describe("a line", () => {
  test.each([
    ["a", { do: "accept", id: "w1", is: "waiting" }],
    ["/a", { do: "accept", id: "w1", is: "waiting" }],
    ["A 2", { do: "accept", id: "w2", is: "waiting" }],
    ["a 1143", { do: "accept", id: "i", is: "incident" }],
    ["d 1143 erle 23", { do: "dispatch", incident: "i", units: ["u23"] }],
    ["d 7 li 12 erle24", { do: "dispatch", incident: "k", units: ["u12", "u24"] }],
    ["d 7 li 1, erle 23", { do: "dispatch", incident: "k", units: ["u1", "u23"] }],
    ["d 1143 Linde 1", { do: "dispatch", incident: "i", units: ["u1"] }],
    ["w linde 12", { do: "withdraw", unit: "u12" }],
    ["s Erle 23 3", { do: "status", unit: "u23", code: "3" }],
    ["n Hund läuft frei", { do: "report", text: "Hund läuft frei" }],
    ["v 1143 Tür war zu", { do: "note", incident: "i", text: "Tür war zu" }],
    ["e 7", { do: "resolve", incident: "k" }],
    ["x 1143 Üb", { do: "close", is: "incident", id: "i", disposition: "drill" }],
    ["x 7 unbegründet", { do: "close", is: "incident", id: "k", disposition: "unfounded" }],
    ["x 7 tec", { do: "close", is: "incident", id: "k", disposition: "false_technical" }],
    ["?", { do: "help" }],
  ])("%s", (line, command) => expect(doing(line)).toEqual(command));

  test.each([
    ["d erle 24", { do: "dispatch", incident: "i", units: ["u24"] }],
    ["x ber", { do: "close", is: "incident", id: "i", disposition: "real" }],
    ["v Tür war zu", { do: "note", incident: "i", text: "Tür war zu" }],
    ["e", { do: "resolve", incident: "i" }],
  ])("%s is about what is open", (line, command) => expect(doing(line, opened)).toEqual(command));
});

test.each(["", "d", "d 1143", "d 1143 erl", "d 99 erle 23", "s", "s erle", "s erle 23", "s erle 23 77", "x 1143", "x 1143 te", "a 12", "v 1143", "zzz"])(
  "%s is not whole, and nothing happens",
  (line) => expect(doing(line)).toBeNull(),
);

test("what is missing is suggested, and taking a suggestion leads on", () => {
  const first = read("d 1143 erl", context);
  expect(first.suggestions.map((one) => one.name)).toEqual(["Erle 23", "Erle 24"]);
  expect(doing(first.suggestions[1]?.line ?? "")).toEqual({ do: "dispatch", incident: "i", units: ["u24"] });
  const status = read("s erle 23 ", context);
  expect(status.suggestions.map((one) => one.name)).toEqual(["1", "3", "5"]);
  expect(doing(status.suggestions[0]?.line ?? "")).toEqual({ do: "status", unit: "u23", code: "1" });
  const endings = read("x 1143 te", context).suggestions;
  expect(endings.map((one) => one.name)).toEqual(["technischer Fehlalarm", "Test"]);
});

test("a word suggests its letter", () => {
  expect(read("entsenden", context).suggestions[0]?.line).toBe("d ");
});

test("with several incidents of the desk none is guessed", () => {
  expect(read("x ber", context).says).toContain("Nummer des Ereignisses fehlt");
});

test("no input throws", () => {
  const parts = ["a", "d", "s", "x", "v", "w", "?", "/", " ", "1143", "7", "erle", "23", "ü", "\u0000", ",", "te"];
  for (const one of parts) for (const two of parts) for (const three of parts) read(`${one}${two} ${three}`, opened);
});
