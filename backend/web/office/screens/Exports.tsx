// Export: was ausgegeben wurde und was auf eine zweite Person wartet; das steht oben.
import { useEffect } from "preact/hooks";
import type { Me } from "../../api/wire.ts";
import type { Export } from "../../api/wire_evidence.ts";
import { Diamond } from "../../look/Mark.tsx";
import { go, place } from "../../shared/address.ts";
import { dateOf, many, timeOf } from "../../shared/format.ts";
import type { Board } from "../rules/board.ts";
import { exportsInOrder } from "../rules/clips.ts";
import { EXPORT_STATES } from "../rules/words.ts";
import { evidence } from "../state/evidence.ts";
import { ExportForm } from "./ExportForm.tsx";
import { ExportPage } from "./ExportPage.tsx";

/** In place of an export's id: the form. */
const NEW = "neu";

export function Exports({ board, me }: { readonly board: Board; readonly me: Me }) {
  useEffect(() => {
    document.title = "Export · Streife";
  }, []);
  const { id } = place.value;
  const isAsking = id === NEW && me.roles.includes("custodian");
  return (
    <>
      <div class="st-titlebar">
        {id !== "" && (
          <p>
            <button type="button" class="st-link" onClick={() => open("")}>
              Alle Ausgaben
            </button>
          </p>
        )}
        <h1>{isAsking ? "Ausgabe beantragen" : "Export"}</h1>
        <p>Ein Paket für einen Empfänger; es lässt sich ohne uns prüfen.</p>
      </div>
      {isAsking ? <ExportForm /> : id !== "" ? <ExportPage key={id} id={id} board={board} me={me} /> : <List board={board} me={me} />}
    </>
  );
}

const open = (id: string): void => go({ area: "export", only: "", id });

function List({ board, me }: { readonly board: Board; readonly me: Me }) {
  const rows = evidence.value === null ? [] : exportsInOrder(evidence.value);
  return (
    <>
      {me.roles.includes("custodian") && (
        <div class="st-actions">
          <button type="button" class="kern-btn kern-btn--primary" onClick={() => open(NEW)}>
            <span class="kern-label">Ausgabe beantragen …</span>
          </button>
        </div>
      )}
      <div class="st-list st-after">
        <table class="st-table st-exports">
          <thead>
            <tr>
              <th>Paket für</th>
              <th>Aktenzeichen</th>
              <th>Stand</th>
              <th aria-sort="descending">Beantragt ↓</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <Row key={row.id} row={row} me={me} by={board.people.get(row.requested_by) ?? "unbekannt"} />
            ))}
          </tbody>
        </table>
      </div>
      {rows.length === 0 && <p class="st-empty">Noch keine Ausgabe.</p>}
    </>
  );
}

function Row({ row, me, by }: { readonly row: Export; readonly me: Me; readonly by: string }) {
  const at = new Date(row.requested_at);
  const isMineToApprove = row.state === "requested" && row.requested_by !== me.person;
  return (
    <tr>
      <td>
        <button type="button" class="st-link" onClick={() => open(row.id)}>
          {row.recipient}
        </button>
        <small>{many(row.items.length, "Clip", "Clips")}</small>
      </td>
      <td>{row.aktenzeichen}</td>
      <td>
        <div class="st-due">
          {row.state === "requested" || row.state === "failed" ? <Diamond label="Offen" /> : <span />}
          <span class={isMineToApprove ? "st-warn" : ""}>{isMineToApprove ? "wartet auf Ihre Freigabe" : EXPORT_STATES[row.state]}</span>
          {row.delivered_at !== null && <small>heruntergeladen {dateOf(new Date(row.delivered_at))}</small>}
        </div>
      </td>
      <td>
        {dateOf(at)}, {timeOf(at)}
        <small>{by}</small>
      </td>
    </tr>
  );
}
