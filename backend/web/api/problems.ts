// What a person reads when the server refuses. The server's own German `detail` holds wherever this table is silent.

const SENTENCES: Readonly<Record<string, string>> = {
  not_signed_in: "Ihre Anmeldung ist abgelaufen. Bitte neu anmelden.",
  wrong_login: "Kennung oder Passwort stimmen nicht. Bitte erneut versuchen oder die Administration fragen.",
  too_many_tries: "Zu viele Versuche. Bitte eine Minute warten und dann erneut anmelden.",
  already_done: "Diese Aufgabe hat inzwischen jemand anderes erledigt. Ihre Angaben wurden nicht gespeichert.",
  stale_base: "Die Aufgabe wurde inzwischen geändert. Bitte den neuen Stand ansehen und erneut entscheiden.",
  not_found: "Das gibt es nicht mehr, oder es gehört nicht zu Ihrer Rolle.",
  not_now: "Der Server ist gerade nicht bereit. Nichts wurde gespeichert; bitte gleich noch einmal versuchen.",
};

export const UNREACHABLE = "Der Server ist nicht erreichbar. Nichts wurde gespeichert; bitte gleich noch einmal versuchen.";

/** The sentence for a problem's code, with the number to ask for where there is one. */
export function sentenceOf(code: string, detail: string, instance?: string): string {
  const sentence = SENTENCES[code] ?? detail;
  return instance === undefined ? sentence : `${sentence} (Nummer ${instance})`;
}
