// Für Rollen, deren Arbeit auf anderen Geräten oder Seiten geschieht: was hier ist und was nicht.
import { useEffect } from "preact/hooks";
import type { Me, Role } from "../../api/wire.ts";

export const ADMINISTRATION =
  "Konten und Geräte haben in dieser Version noch keine Seite; verwaltet werden sie über die API (siehe API-Referenz).";

const HERE: Readonly<Record<Role, string>> = {
  officer: "Ihre Clips stehen links. Anzeigen erfassen Sie mit dem Telefon.",
  dispatcher: "Die Leitstelle steht links.",
  custodian: "Clips und Export stehen links.",
  prosecutor: "Die Seite für Staatsanwaltschaften gibt es in dieser Version noch nicht.",
  guard: "Die Seite für den Sicherheitsdienst gibt es in dieser Version noch nicht.",
  dpo: "Clips und Freigaben stehen links; mehr gibt es in dieser Version noch nicht.",
  staff_council: "Die Seite für den Personalrat gibt es in dieser Version noch nicht.",
  admin: ADMINISTRATION,
  clerk: "Ihre Aufgaben und Anzeigen stehen links.",
  superior: "Ihre Aufgaben und Anzeigen stehen links.",
  dock: "Ein Dock meldet sich nicht an dieser Seite an.",
  gateway: "Ein Gateway meldet sich nicht an dieser Seite an.",
};

const NAMES: Readonly<Record<Role, string>> = {
  officer: "Ordnungsdienst",
  superior: "Leitung",
  dispatcher: "Leitstelle",
  clerk: "Sachbearbeitung",
  custodian: "Verwahrstelle",
  prosecutor: "Staatsanwaltschaft",
  guard: "Sicherheitsdienst",
  dpo: "Datenschutz",
  staff_council: "Personalrat",
  admin: "Administration",
  dock: "Dock",
  gateway: "Gateway",
};

export function Elsewhere({ me }: { readonly me: Me }) {
  useEffect(() => {
    document.title = "Ihre Rolle · Streife";
  }, []);
  return (
    <>
      <div class="st-titlebar">
        <div>
          <h1>Ihre Rolle</h1>
          <p>
            {me.name}, {me.town.name}
          </p>
        </div>
      </div>
      {me.roles.length === 0 ? (
        <p>
          Ihr Konto hat noch keine Rolle, oder die zweite Zustimmung steht aus. Bitte die Administration fragen.
        </p>
      ) : (
        <dl class="st-dl">
          {me.roles.map((role) => (
            <>
              <dt>{NAMES[role]}</dt>
              <dd>{HERE[role]}</dd>
            </>
          ))}
        </dl>
      )}
      <p class="st-after">
        Was die Schnittstelle schon kann, steht in der <a href="/reference/">API-Referenz</a>.
      </p>
    </>
  );
}
