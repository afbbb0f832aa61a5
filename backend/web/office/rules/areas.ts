// Which areas of the office a person's roles open, the one that is worked in most first.
import type { Me, Role } from "../../api/wire.ts";

export type OfficeArea = "aufgaben" | "anzeigen" | "fragen" | "clips" | "export";

/** Feed scopes that are audiences of tasks (`backend/work/rules.py`). */
const AUDIENCES = ["office", "admin", "evidence", "privacy"] as const;
/** Who approves exports (`backend/identity/rules.py`, `export:A`); a custodian asks for them too. */
const EXPORTS: readonly Role[] = ["custodian", "superior", "dpo"];

/** Who is a second person for a view (`footage:A`). */
export const mayAgree = ({ roles }: Pick<Me, "roles">): boolean => roles.includes("custodian") || roles.includes("dpo");

/** None: the person works elsewhere. */
export function areasOf({ roles, scopes }: Pick<Me, "roles" | "scopes">): readonly OfficeArea[] {
  const areas: OfficeArea[] = [];
  if (roles.includes("officer")) areas.push("fragen");
  if (roles.includes("custodian")) areas.push("clips");
  if (AUDIENCES.some((scope) => scopes.includes(scope))) areas.push("aufgaben");
  if (scopes.includes("office")) areas.push("anzeigen");
  if (scopes.includes("evidence") && !areas.includes("clips")) areas.push("clips");
  if (roles.some((role) => EXPORTS.includes(role))) areas.push("export");
  return areas;
}
