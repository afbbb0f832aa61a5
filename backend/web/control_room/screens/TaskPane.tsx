// Eine Aufgabe der Leitstelle: was zu klären ist und wie sie ausging.
import type { Me, Task } from "../../api/wire.ts";
import { Prio } from "../../look/Mark.tsx";
import { say } from "../../office/rules/sentences.ts";
import { CloseForm } from "../../office/screens/CloseForm.tsx";
import { momentOf } from "../../shared/format.ts";

export function TaskPane({ task, me }: { readonly task: Task; readonly me: Me }) {
  const { title, sentence } = say(task.kind, task.facts);
  return (
    <>
      <div class="cr-title">
        <Prio of={5} />
        <h1>{title}</h1>
        <span class="st-muted">{me.call_sign}</span>
        <p>{sentence}</p>
      </div>
      <div class="cr-scroll">
        <p class="cr-part st-muted">Offen seit {momentOf(new Date(task.opened_at))}</p>
        <div class="cr-part">
          <CloseForm task={task} next="" />
        </div>
      </div>
    </>
  );
}
