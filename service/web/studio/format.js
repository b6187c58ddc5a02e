/** Formats numbers and times in the browser's language and time zone. */

const MINUTE = 60;
const HOUR = 60 * MINUTE;

/** "21 Nov 2026, 14:05". */
const DATE_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const SHORT_DATE_TIME = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

export function dateTime(iso) {
  return DATE_TIME.format(new Date(iso));
}

/** Format without the year, for narrow columns. */
export function shortDateTime(iso) {
  return SHORT_DATE_TIME.format(new Date(iso));
}

/** The time of day, to the second. */
export function clock(iso) {
  return CLOCK.format(new Date(iso));
}

/** "1:02:07" or "12:05"; "" for a negative number, which means unknown. */
export function duration(seconds) {
  if (!(seconds >= 0)) return "";
  const whole = Math.round(seconds);
  const parts = [Math.floor((whole % HOUR) / MINUTE), whole % MINUTE];
  if (whole >= HOUR) parts.unshift(Math.floor(whole / HOUR));
  return parts.map((part, index) => (index ? String(part).padStart(2, "0") : part)).join(":");
}

/** "12 minutes", rounded to the largest useful unit. */
export function spokenDuration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < MINUTE) return plural(whole, "second");
  if (whole < HOUR) return plural(Math.round(whole / MINUTE), "minute");
  const minutes = Math.round((whole % HOUR) / MINUTE);
  return `${plural(Math.floor(whole / HOUR), "hour")}${minutes ? ` ${plural(minutes, "minute")}` : ""}`;
}

/** "1.4 GB"; "" for 0, which means unknown. */
export function bytes(count) {
  if (!count) return "";
  const units = ["kB", "MB", "GB", "TB"];
  let value = count / 1_000;
  let unit = 0;
  for (; value >= 1_000 && unit < units.length - 1; unit++) value /= 1_000;
  return `${number(value, value < 10 ? 1 : 0)} ${units[unit]}`;
}

/** "2,410 kbit/s". */
export function bitrate(kbps) {
  return `${number(kbps)} kbit/s`;
}

export function number(value, digits = 0) {
  return value.toLocaleString(undefined, { maximumFractionDigits: digits });
}

/** "1 viewer", "2,000 viewers". */
export function plural(count, one, many = `${one}s`) {
  return `${number(count)} ${count === 1 ? one : many}`;
}
