// German dates, times and amounts. No-break spaces keep a number with its unit.

const NBSP = "\u00a0";
const ZONE = "Europe/Berlin";

const time = new Intl.DateTimeFormat("de-DE", { timeZone: ZONE, hour: "2-digit", minute: "2-digit" });
const clock = new Intl.DateTimeFormat("de-DE", { timeZone: ZONE, hour: "2-digit", minute: "2-digit", second: "2-digit" });
const date = new Intl.DateTimeFormat("de-DE", { timeZone: ZONE, day: "2-digit", month: "2-digit", year: "numeric" });
const weekday = new Intl.DateTimeFormat("de-DE", { timeZone: ZONE, weekday: "short" });
const whole = new Intl.NumberFormat("de-DE");
const euros = new Intl.NumberFormat("de-DE", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** `14:07` */
export const timeOf = (at: Date): string => time.format(at);

/** `14:07:31` */
export const clockOf = (at: Date): string => clock.format(at);

/** `24.08.2026` */
export const dateOf = (at: Date): string => date.format(at);

/** `Di 17.11.2026, 10:24` */
export const momentOf = (at: Date): string => `${weekday.format(at)}${NBSP}${dateOf(at)}, ${timeOf(at)}`;

/** `2026-08-24`, the calendar day in Europe/Berlin. */
export function dayOf(at: Date): string {
  const [day, month, year] = dateOf(at).split(".");
  return `${year}-${month}-${day}`;
}

/** `24.08.2026` for `2026-08-24`. */
export const germanDay = (day: string): string => day.split("-").reverse().join(".");

/** `1.204` */
export const count = (value: number): string => whole.format(value);

/** `40 EUR`, `12,50 EUR` */
export function amount(cents: number): string {
  return `${cents % 100 === 0 ? whole.format(cents / 100) : euros.format(cents / 100)}${NBSP}EUR`;
}

/** `25,00 EUR`, for columns. */
export const amountInColumn = (cents: number): string => `${euros.format(cents / 100)}${NBSP}EUR`;

/** `1 Anzeige`, `2 Anzeigen` */
export const many = (value: number, one: string, more: string): string =>
  `${count(value)}${NBSP}${value === 1 ? one : more}`;

/** How long ago, in the largest unit that says enough: `12 s`, `5 min`, `3 h`, `4 Tage`. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}${NBSP}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}${NBSP}min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours}${NBSP}h`;
  return `${count(Math.floor(hours / 24))}${NBSP}Tage`;
}

/** `0:31`, `12:05`, from one hour `1:02:05` */
export function stopwatch(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60].map((part) => String(part).padStart(2, "0"));
  const hours = Math.floor(seconds / 3600);
  return hours > 0 ? `${hours}:${parts.join(":")}` : `${Math.floor(seconds / 60)}:${parts[1]}`;
}

/** How long something waits, for columns: `m:ss`, from one hour `h:mm h`, from two days `3 T`. */
export function waitOf(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (part: number): string => String(part).padStart(2, "0");
  if (seconds < 3600) return `${Math.floor(seconds / 60)}:${two(seconds % 60)}`;
  const hours = Math.floor(seconds / 3600);
  if (hours < 48) return `${hours}:${two(Math.floor(seconds / 60) % 60)}${NBSP}h`;
  return `${count(Math.floor(hours / 24))}${NBSP}T`;
}
