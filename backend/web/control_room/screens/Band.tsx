// Rotes Band: Notrufe und P1, die niemand angenommen hat. Acht stehen einzeln, der Rest wird gezählt; keiner fällt weg.
import { clockOf, stopwatch, waitOf } from "../../shared/format.ts";
import { Prio } from "../../look/Mark.tsx";
import { BAND_LINES, type Waiting } from "../rules/waiting.ts";
import { alarmKind, emergencyKind, oddities, partsOf } from "../rules/words.ts";
import { accept, sending } from "../state/commands.ts";
import { desk, serverNow, waiting } from "../state/live.ts";
import { useShown } from "../state/shown.ts";

interface Shown {
  readonly what: string;
  readonly where: string;
  readonly details: readonly string[];
  readonly no: string;
  readonly told: string | null;
  readonly toldAt: string | null;
  readonly dueAt: string | null;
}

function shownOf(one: Waiting): Shown {
  const thing = one.is === "alarm" ? one.alarm : one.emergency;
  const incident = thing.incident === null ? undefined : desk.value?.incident.get(thing.incident);
  const common = { no: String(incident?.no ?? ""), told: thing.told, toldAt: thing.told_at, dueAt: thing.due_at };
  if (one.is === "emergency") {
    const { presses, cancelled_at: cancelled, raised_at: raised } = one.emergency;
    return {
      ...common,
      what: incident?.place ?? "Notruf einer Einsatzkraft",
      where: emergencyKind(one.emergency),
      details: [
        `gedrückt ${clockOf(new Date(raised))}`,
        ...(presses > 1 ? [`${presses}\u00a0× gedrückt`] : []),
        ...(cancelled === null ? [] : ["am Gerät zurückgenommen"]),
      ],
    };
  }
  const { alarm } = one;
  const { where, detail } = partsOf(alarm.place);
  return {
    ...common,
    what: alarmKind(alarm),
    where,
    details: [
      detail,
      ...(alarm.text === null ? [] : [alarm.text]),
      `ausgelöst ${clockOf(new Date(alarm.received_at))}`,
      ...(alarm.count > 1 ? [`${alarm.count}\u00a0× gemeldet`] : []),
      ...(alarm.state === "returned_unaccepted" ? ["vom Absender zurückgestellt"] : []),
      ...oddities(alarm),
    ].filter(Boolean),
  };
}

const paintedOf = (one: Waiting) => {
  const thing = one.is === "alarm" ? one.alarm : one.emergency;
  if (thing.shown_at !== null) return null;
  return { is: one.is, id: one.id, sounds: one.is === "alarm" ? one.alarm.sounds : 1 } as const;
};

export function Band() {
  const all = waiting.value;
  const [first, ...others] = all;
  if (first === undefined) return null;
  const lines = others.slice(0, BAND_LINES - 1);
  const rest = others.length - lines.length;
  return (
    <section class="cr-band" aria-label="Nicht angenommene Alarme">
      <First one={first} />
      {lines.length > 0 && (
        <ol class="cr-lines">
          {lines.map((one, index) => (
            <Line key={one.id} one={one} nr={index + 2} />
          ))}
          {rest > 0 && (
            <li class="cr-line">
              <b class="cr-more">{`und ${rest} weitere P1${houseOf(others.slice(lines.length))}`}</b>
            </li>
          )}
        </ol>
      )}
      <p class="st-sr" role="alert">
        {spoken(first, all.length)}
      </p>
    </section>
  );
}

function spoken(first: Waiting, total: number): string {
  const { what, where } = shownOf(first);
  return `${what}, ${where}. Leertaste nimmt an.${total > 1 ? ` ${total} warten.` : ""}`;
}

/** Where the counted ones are, if that is one place. */
function houseOf(others: readonly Waiting[]): string {
  const names = new Set(others.map((one) => (one.is === "alarm" ? (one.alarm.place.split(" · ")[0] ?? "") : "")));
  const [only, ...more] = names;
  return more.length === 0 && only !== undefined && only !== "" ? `, alle: ${only}` : "";
}

function First({ one }: { readonly one: Waiting }) {
  const shown = shownOf(one);
  const element = useShown<HTMLDivElement>(paintedOf(one));
  const isSending = sending.value.has(one.id);
  return (
    <div class="cr-alarm" ref={element}>
      <svg class="cr-oct" viewBox="0 0 20 20" role="img" aria-label={one.is === "emergency" ? "Notruf" : "Priorität 1"}>
        <path d="M6 1h8l5 5v8l-5 5H6l-5-5V6z" />
        <text x="10" y="13.4" class={one.is === "emergency" ? "is-long" : ""}>
          {one.is === "emergency" ? "NOT" : "P1"}
        </text>
      </svg>
      <div class="cr-said">
        <h2>
          {shown.what} · {shown.where}
        </h2>
        <p>
          {shown.no !== "" && `Ereignis ${shown.no} · `}
          {shown.details.join(" · ")}
        </p>
      </div>
      <Told shown={shown} />
      <div class="cr-age">
        <span class="st-sr">wartet seit </span>
        {stopwatch(serverNow.value - one.since)}
      </div>
      <button type="button" class="cr-accept" aria-disabled={isSending} onClick={() => void accept(one)}>
        {isSending ? "Wird gesendet …" : "Annehmen"}
        <small>Leertaste</small>
      </button>
    </div>
  );
}

/** Who was told because nobody accepted, or who is told next. */
function Told({ shown: { told, toldAt, dueAt } }: { readonly shown: Shown }) {
  const due = dueAt === null ? null : Math.max(0, Math.ceil((Date.parse(dueAt) - serverNow.value) / 1000));
  if (told === null && due === null) return <span />;
  return (
    <p class="cr-told">
      <span>Zweiter Platz, Aufsicht</span>
      <b>{told !== null && toldAt !== null ? `benachrichtigt ${clockOf(new Date(toldAt))}` : `in ${due}\u00a0s`}</b>
    </p>
  );
}

function Line({ one, nr }: { readonly one: Waiting; readonly nr: number }) {
  const shown = shownOf(one);
  const element = useShown<HTMLLIElement>(paintedOf(one));
  const isSending = sending.value.has(one.id);
  return (
    <li class="cr-line" ref={element}>
      <Prio of={1} />
      <span class="st-num">{shown.no}</span>
      <span class="st-cut">
        <b>
          {shown.what} · {shown.where}
        </b>
        {shown.details[0] !== undefined && ` · ${shown.details[0]}`}
      </span>
      <b class="st-num">{waitOf(serverNow.value - one.since)}</b>
      <button
        type="button"
        class="cr-btn"
        aria-disabled={isSending}
        onClick={() => void accept(one)}
      >
        <span class="cr-wide">{isSending ? "Wird gesendet" : "Annehmen"}</span>
        <span class="st-sr">{`Annehmen: ${shown.what}, ${shown.where}, ${shown.details[0] ?? ""}`}</span>
        <kbd>a {nr}</kbd>
      </button>
    </li>
  );
}
