// Die Mitte: was offen ist, sonst die ruhige Lage.
import type { Me } from "../../api/wire.ts";
import type { Desk } from "../rules/desk.ts";
import { opened } from "../state/address.ts";
import { AlarmPane } from "./AlarmPane.tsx";
import { Calm } from "./Calm.tsx";
import { Help } from "./Help.tsx";
import { IncidentPane } from "./IncidentPane.tsx";
import { ReportForm, ReportPane } from "./ReportPane.tsx";
import { TaskPane } from "./TaskPane.tsx";

export function Middle({ desk, me }: { readonly desk: Desk; readonly me: Me }) {
  return (
    <section class="cr-pane cr-middle" id="ereignis" tabIndex={-1} aria-label="Ereignis">
      <Content desk={desk} me={me} />
    </section>
  );
}

function Content({ desk, me }: { readonly desk: Desk; readonly me: Me }) {
  const what = opened.value;
  if (what === null) return <Calm desk={desk} />;
  switch (what.is) {
    case "incident": {
      const incident = desk.incident.get(what.id);
      return incident === undefined ? <Calm desk={desk} /> : <IncidentPane key={what.id} incident={incident} desk={desk} />;
    }
    case "alarm": {
      const alarm = desk.alarm.get(what.id);
      return alarm === undefined ? <Calm desk={desk} /> : <AlarmPane key={what.id} alarm={alarm} />;
    }
    case "report": {
      const report = desk.report.get(what.id);
      return report === undefined ? <Calm desk={desk} /> : <ReportPane key={what.id} report={report} />;
    }
    case "task": {
      const task = desk.task.get(what.id);
      return task === undefined ? <Calm desk={desk} /> : <TaskPane key={what.id} task={task} me={me} />;
    }
    case "help":
      return <Help codes={desk.codes} />;
    case "report_form":
      return <ReportForm />;
    default:
      return what satisfies never;
  }
}
