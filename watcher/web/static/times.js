// Moments as people read them, in a zone that is named, in the language of the page; `page/dates.py` writes the same.

import { _, amount, language, locale, twelve } from "./texts.js";

const formats = new Map();

function format(zone) {
  if (!formats.has(zone)) {
    formats.set(zone, new Intl.DateTimeFormat("en-CA", {
      timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit",
      hour: "2-digit", minute: "2-digit", second: "2-digit",
    }));
  }
  return formats.get(zone);
}

/** The wall clock of a zone at a moment: {day: "2026-11-21", time: "07:00:00"}. */
export function wall(moment, zone) {
  const part = Object.fromEntries(format(zone).formatToParts(new Date(moment)).map(({ type, value }) => [type, value]));
  return { day: `${part.year.padStart(4, "0")}-${part.month}-${part.day}`, time: `${part.hour}:${part.minute}:${part.second}` };
}

/** The moment (ms) at which a zone's clock first shows a day and a time. */
export function momentOf(day, time, zone) {
  const target = Date.parse(`${day}T${time}Z`);
  let guess = target;
  for (let turn = 0; turn < 3; turn += 1) {
    const shown = wall(guess, zone);
    guess += target - Date.parse(`${shown.day}T${shown.time}Z`);
  }
  return guess;
}

/** The day so many days after one. */
export const plus = (day, days) => new Date(Date.parse(`${day}T00:00:00Z`) + days * 86400000).toISOString().slice(0, 10);

/** A time of day, "16:05" or "16:05:33", by the clock of whoever looks, in three parts: ["16:05", ":33", ""]. */
export function clockParts(time) {
  const minutes = time.slice(0, 5), hour = Number(time.slice(0, 2));
  return twelve ? [`${hour % 12 || 12}${minutes.slice(2)}`, time.slice(5), hour < 12 ? " AM" : " PM"] : [minutes, time.slice(5), ""];
}

/** The same as one: "16:05", "4:05 PM". */
export const clock = (time) => clockParts(time).join("");

const named = new Map();

/** The parts of a day ("2026-11-21") in words, its names long or short; a month's as it stands behind a number. */
export function partsOf(day, length) {
  if (!named.has(length)) named.set(length, new Intl.DateTimeFormat(language, { weekday: length, day: "numeric", month: length, year: "numeric", timeZone: "UTC" }));
  return Object.fromEntries(named.get(length).formatToParts(new Date(`${day}T12:00:00Z`)).map(({ type, value }) => [type, value]));
}

/** A day as a heading: "Saturday, 21 November 2026". */
export const dayTitle = (day) => _("%(weekday)s, %(day)s %(month)s %(year)s", partsOf(day, "long"));

/** The same without its year: "Saturday, 21 November". */
export const daySpoken = (day) => _("%(weekday)s, %(day)s %(month)s", partsOf(day, "long"));

/** A day as a button says it: "Sat 21 Nov". */
export const dayShort = (day) => _("%(weekday)s %(day)s %(month)s", partsOf(day, "short"));

/** "Today" or "Yesterday", where a day is that by a zone's clock; "" for others. */
export const nearDay = (day, zone) => [_("Today"), _("Yesterday")][(Date.parse(wall(Date.now(), zone).day) - Date.parse(day)) / 86400000] ?? "";

/** The heading of a group of clips: what its day is called, and the hour where it is one of a day ("2026-11-21T14"). */
export const groupTitle = (key, day) => day + (key.length > 10 ? `, ${clock(`${key.slice(11)}:00`)}` : "");

/** Seconds as players write them: "0:12", "1:01:11". */
export function length(seconds) {
  const whole = Math.floor(seconds), minutes = Math.floor(whole / 60), two = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(minutes / 60);
  return (hours ? `${hours}:${two(minutes % 60)}` : `${minutes}`) + `:${two(whole % 60)}`;
}

/** A moment as a button says it: "Sat 28 Nov · 16:31", with the year where it is another one than now's. */
export function momentTitle(moment, zone) {
  const { day, time } = wall(moment, zone), year = day.slice(0, 4);
  return `${dayShort(day)}${year === wall(Date.now(), zone).day.slice(0, 4) ? "" : ` ${year}`} · ${clock(time.slice(0, 5))}`;
}

/** "November 2026" of "2026-11". */
export const monthTitle = (month) => new Date(`${month}-15T12:00:00Z`).toLocaleDateString(locale, { month: "long", year: "numeric", timeZone: "UTC" });

/** "Nov" of "2026-11-21". */
export const monthShort = (day) => partsOf(day, "short").month;

/** What a zone's clock is called at a moment: "CEST", "GMT+1". */
export const zoneName = (moment, zone) => new Intl.DateTimeFormat(locale, { timeZone: zone, timeZoneName: "short" }).formatToParts(new Date(moment)).find((part) => part.type === "timeZoneName").value;

/** A time span in words: "33 minutes". */
export function spanTitle(ms) {
  for (const [unit, size] of [["day", 86400000], ["hour", 3600000], ["minute", 60000], ["second", 1000]]) {
    const count = Math.round(ms / size);
    if (ms >= size || unit === "second") return amount(count, unit);
  }
  return "";
}
