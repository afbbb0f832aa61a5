import { expect, test } from "vitest";
import { course } from "./course.ts";
import { alarm, at, incident, job } from "./samples.ts";

const name = (id: string | null): string => (id === null ? "" : `<${id}>`);

test("the course tells what happened by whom, the newest first, and a machine's step in a lower voice", () => {
  const steps = course(
    {
      incident: incident("i", { priority: 1, rule: "K3", accepted_at: at(9), accepted_by: "p" }),
      alarms: [alarm("a", { incident: "i", level: 3, text: "Taste", shown_at: at(2), count: 2, last_at: at(4) })],
      emergencies: [],
      jobs: [job("j", { sent_at: at(12), en_route_at: at(30), state: "declined", ended_at: at(40), reason: "Reifen platt" })],
      notes: [{ id: "n", incident: "i", text: "Flur gesperrt", by: "p", rule: null, received_at: at(15) }],
      reports: [],
      decisions: [
        { id: "d", rule: "K3", outcome: "opened", reason: "P1", at: at(0) },
        { id: "e", rule: "K8", outcome: "kept", reason: "Rückstellung beendet ihn nicht", at: at(20) },
      ],
    },
    name,
    name,
  );
  expect(steps.map(({ text, by, weight }) => [text, by, weight])).toEqual([
    ["<u>: lehnt ab", "Reifen platt", "plain"],
    ["<u> unterwegs", "", "plain"],
    ["Rückstellung beendet ihn nicht", "Regel K8", "rule"],
    ["Flur gesperrt", "<p>", "strong"],
    ["Auftrag an <u>", "", "plain"],
    ["Ereignis angenommen", "<p>", "plain"],
    ["Platz 3: 2. Meldung", "", "plain"],
    ["Platz 3: in der Leitstelle angezeigt", "", "rule"],
    ["Ereignis 1143 eröffnet: Lärm", "Regel K3", "rule"],
    ["Panikalarm Stufe\u00a03, still: Platz 3", "Taste", "strong"],
  ]);
});
