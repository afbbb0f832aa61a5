// Was seit dem letzten Blick dazukam, steht bereit und drängt sich nicht dazwischen.
import { WINDOW } from "../rules/board.ts";
import { many } from "../../shared/format.ts";

interface Held {
  readonly waiting: number;
  readonly one: string;
  readonly more: string;
  readonly release: () => void;
}

export function WaitingRows({ waiting, one, more, release }: Held) {
  return (
    <div class="st-waiting" hidden={waiting === 0}>
      <button type="button" class="st-chip is-action" onClick={release}>
        {waiting >= WINDOW && "mindestens "}
        {many(waiting, one, more)} zeigen
      </button>
    </div>
  );
}
