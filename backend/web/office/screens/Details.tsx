// Angaben zu einer Anzeige mit dem Katalogeintrag, der am Tattag galt.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { call } from "../../api/client.ts";
import type { CatalogueEntry, CatalogueOnDay, Offence } from "../../api/wire.ts";
import { amount, clockOf, dateOf, dayOf, germanDay, many, timeOf } from "../../shared/format.ts";

type Loaded =
  | { readonly is: "loading" }
  | { readonly is: "failed"; readonly why: string }
  | { readonly is: "there"; readonly offence: Offence; readonly entry: CatalogueEntry | null };

async function load(id: string, signal: AbortSignal): Promise<Loaded> {
  const offence = await call<Offence>(`/v1/offences/${id}`, { signal });
  if (!/^[0-9]{6}$/.test(offence.tbnr)) return { is: "there", offence, entry: null };
  const day = dayOf(new Date(offence.occurred_at));
  const found = await call<CatalogueOnDay>(`/v1/catalogue?day=${day}&q=${offence.tbnr}`, { signal });
  return { is: "there", offence, entry: found.entries[0] ?? null };
}

export function Details({ id, officer }: { readonly id: string; readonly officer: string }) {
  const [loaded, setLoaded] = useState<Loaded>({ is: "loading" });
  useEffect(() => {
    const gone = new AbortController();
    load(id, gone.signal).then(setLoaded, (error: Error) => {
      if (!gone.signal.aborted) setLoaded({ is: "failed", why: error.message });
    });
    return () => gone.abort();
  }, [id]);
  switch (loaded.is) {
    case "loading":
      return <p class="st-muted">Angaben werden geladen …</p>;
    case "failed":
      return <p class="st-danger">{loaded.why}</p>;
    case "there":
      return <Facts offence={loaded.offence} entry={loaded.entry} officer={officer} />;
    default:
      return loaded satisfies never;
  }
}

interface Known {
  readonly offence: Offence;
  readonly entry: CatalogueEntry | null;
  readonly officer: string;
}

function Facts({ offence, entry, officer }: Known) {
  const occurred = new Date(offence.occurred_at);
  const recorded = new Date(offence.recorded_at);
  const ended = offence.ended_at === null ? "" : `–${timeOf(new Date(offence.ended_at))}`;
  const vehicle = [offence.vehicle?.make, offence.vehicle?.colour, offence.vehicle?.kind].filter(Boolean).join(", ");
  return (
    <dl class="st-dl">
      <Fact name="Tatzeit">
        {dateOf(occurred)}, {timeOf(occurred)}
        {ended} Uhr
      </Fact>
      <Fact name="Tatort">
        {offence.street} {offence.house_no}
        {offence.place_detail !== null && <small>{offence.place_detail}</small>}
      </Fact>
      <Fact name="Tatbestand">
        {offence.tbnr}
        {entry?.text != null && `, ${entry.text}`}
        <small>{about(offence, entry)}</small>
      </Fact>
      <Fact name="Betrag">{offence.amount_cents === null ? "nicht erfasst" : amount(offence.amount_cents)}</Fact>
      <Fact name="Kennzeichen">
        {offence.plate ?? "nicht erfasst"}
        {offence.plate_country !== null && offence.plate_country !== "D" && ` (${offence.plate_country})`}
        {offence.synthetic_plate && <small>für die Vorführung erfunden</small>}
      </Fact>
      {vehicle !== "" && <Fact name="Fahrzeug">{vehicle}</Fact>}
      <Fact name="Fotos">{photos(offence)}</Fact>
      {offence.note !== null && <Fact name="Notiz">{offence.note}</Fact>}
      <Fact name="Festgestellt von">
        {officer}
        <small>
          erfasst {dateOf(recorded)}, {clockOf(recorded)}; eingegangen {clockOf(new Date(offence.received_at))} Uhr
        </small>
      </Fact>
    </dl>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ComponentChildren }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function about(offence: Offence, entry: CatalogueEntry | null): string {
  if (entry === null) return "steht in keiner Ausgabe, die am Tattag galt";
  const money = entry.amount_cents === null ? "ohne Betrag" : amount(entry.amount_cents);
  const since = `Ausgabe ab ${germanDay(offence.edition_from ?? entry.valid_from)}`;
  return [entry.provision, money, since].filter(Boolean).join(" · ");
}

function photos({ photos: total, media_state: state }: Offence): string {
  if (total === 0) return "keine";
  return `${many(total, "Foto", "Fotos")}${state === "complete" ? ", vollständig" : ", noch unterwegs"}`;
}
