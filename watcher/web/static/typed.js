// A moment as somebody types it. What may mean two things comes back as both: a person says which. Pure.

import { _, language } from "./texts.js";
import { momentOf, partsOf, wall } from "./times.js";

const DAY = 86400000, HOUR = 3600000, MINUTE = 60000;
const DAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS = ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"];
const UNITS = { s: 1000, m: MINUTE, min: MINUTE, mins: MINUTE, minute: MINUTE, h: HOUR, hr: HOUR, hour: HOUR, d: DAY, day: DAY, w: 7 * DAY, week: 7 * DAY };

const two = (n) => String(n).padStart(2, "0");
const dayOf = (number) => new Date(number * DAY).toISOString().slice(0, 10);
const numberOf = (day) => Date.parse(`${day}T00:00:00Z`) / DAY;
/** Which of the names a word begins, by at least three letters; -1 for none. */
const named = (names, word) => (word.length < 3 ? -1 : names.findIndex((name) => name.startsWith(word) || (word === "sept" && name === "september")));

const WORDS = { now: _("now"), today: _("today"), yesterday: _("yesterday"), last: _("last"), "o'clock": _("o'clock") };
// Words of the page's language, each with the English one that is read in its place.
const OWN = language === "en" ? [] : [
  ...Object.entries(WORDS).map(([name, own]) => [own, name]),
  ...MONTHS.map((name, n) => [partsOf(`2024-${two(n + 1)}-15`, "long").month, name]),
  ...DAYS.map((name, n) => [partsOf(`2024-01-${two(7 + n)}`, "long").weekday, name]),
].map(([own, name]) => [own.toLowerCase(), name]);

/** A text with the words of the page's language in English, by at least three letters; English ones stay what they are. */
function english(text) {
  const of = (word) => OWN.find(([own]) => word.startsWith(own) || (word.length > 2 && own.startsWith(word)))?.[1];
  return text.replace(/[\p{L}'’]+/gu, (word) => (named(DAYS, word) < 0 && named(MONTHS, word) < 0 && of(word)) || word).replace(/([a-z]+) last(?= |$)/, "last $1");
}

/** A day that there is, else null. */
function date(year, month, day) {
  const at = new Date(Date.UTC(year, month - 1, day));
  return year >= 1970 && year < 2170 && at.getUTCMonth() === month - 1 && at.getUTCDate() === day ? at.toISOString().slice(0, 10) : null;
}

/** A day without its year: the last one that is not after today. */
function lastOf(month, day, today) {
  for (let year = Number(today.slice(0, 4)), turn = 0; turn < 9; year -= 1, turn += 1) {
    const last = date(year, month, day);
    if (last && last <= today) return last;
  }
  return null;
}

/** The times of day that words say, as "HH:MM:SS"; null if they say none. */
function times(text) {
  if (/^(noon|midday)$/.test(text)) return ["12:00:00"];
  if (text === "midnight") return ["00:00:00"];
  const match = /^(\d{1,2})(?:[:.](\d{2}))?(?:[:.](\d{2}))? ?(am|pm|a|p)?$/.exec(text);
  if (!match) return null;
  const [, hour, minute = "00", second = "00", half] = match, h = Number(hour);
  if (Number(minute) > 59 || Number(second) > 59 || h > 23 || (half && (h < 1 || h > 12))) return null;
  const at = (n) => `${two(n)}:${minute}:${second}`;
  if (half) return [at(h % 12 + (half[0] === "p" ? 12 : 0))];
  return hour.length === 1 && match[2] === undefined && h > 0 ? [at(h), at(h + 12)] : [at(h)]; // "4" is twice a day
}

/** The days that words say; null if they say none, empty if there is no such day. */
function days(text, today) {
  const now = numberOf(today), list = (...dates) => [...new Set(dates.filter(Boolean))];
  if (text === "today") return [today];
  if (text === "yesterday") return [dayOf(now - 1)];
  let match = /^(\d{4})-(\d{1,2})-(\d{1,2})$/.exec(text);
  if (match) return list(date(...match.slice(1).map(Number)));
  match = /^(?:(last|this|on) )?([a-z]+)$/.exec(text);
  const weekday = match ? named(DAYS, match[2]) : -1;
  if (weekday >= 0) {
    const back = (new Date(now * DAY).getUTCDay() - weekday + 7) % 7;
    if (back === 0) return match[1] === "last" ? [dayOf(now - 7)] : match[1] === "this" ? [today] : [today, dayOf(now - 7)];
    return [dayOf(now - back)];
  }
  match = /^(\d{1,2})(?:st|nd|rd|th)?\.? ([a-z]+)\.?(?:,? (\d{4}))?$/.exec(text) ?? /^([a-z]+)\.? (\d{1,2})(?:st|nd|rd|th)?(?:,? (\d{4}))?$/.exec(text);
  if (match) {
    const [day, word] = /^\d/.test(match[1]) ? [match[1], match[2]] : [match[2], match[1]], month = named(MONTHS, word) + 1;
    if (!month) return null;
    return list(match[3] ? date(Number(match[3]), month, Number(day)) : lastOf(month, Number(day), today));
  }
  match = /^(\d{1,2})([./])(\d{1,2})(?:\2(\d{4})?)?$/.exec(text);
  if (!match) return null;
  const [, a, sign, b, year] = match, of = (month, day) => (year ? date(Number(year), month, day) : lastOf(month, day, today));
  return sign === "." ? list(of(Number(b), Number(a))) : list(of(Number(b), Number(a)), of(Number(a), Number(b))); // 3/11 or 11/3
}

/** The moments at which a zone's clock shows a time: two where it is put back over it, none where it skips it. */
function shown(day, time, zone) {
  const at = momentOf(day, time, zone), same = (moment) => { const shown = wall(moment, zone); return shown.day === day && shown.time === time; };
  return [at - HOUR, at - HOUR / 2, at, at + HOUR / 2, at + HOUR].filter(same);
}

/**
 * What a text means: `[{at, whole}]`, `at` in ms; `whole`: a day without a time, whose last moment it is. More than one:
 * it may mean either; none: it means nothing. `day` is the one that a time alone is of, `now` a moment in ms.
 */
export function read(text, { now, day, zone }) {
  const words = english(text.trim().toLowerCase()).replaceAll("−", "-").replace(/\s+/g, " ").replace(/,(?= )/g, "").replace(/ (at|o'clock)(?= |$)/g, "").replace(/(\d) (?=[ap]m\b)/g, "$1");
  if (words === "now") return [{ at: now, whole: false }];
  if (/^\d{4}-\d\d-\d\dt[\d:.]+(z|[+-]\d\d:\d\d)$/.test(words)) return [{ at: Date.parse(words.toUpperCase()), whole: false }].filter(({ at }) => at > 0);
  const ago = /^-((?: ?\d+ ?[a-z]+)+)$/.exec(words) ?? /^((?: ?\d+ ?[a-z]+)+) ago$/.exec(words);
  if (ago) {
    let back = 0;
    for (const [, count, word] of ago[1].matchAll(/(\d+) ?([a-z]+)/g)) {
      const unit = UNITS[word] ?? UNITS[word.replace(/s$/, "")];
      if (!unit) return [];
      back += Number(count) * unit;
    }
    return now - back > 0 ? [{ at: now - back, whole: false }] : [];
  }
  const today = wall(now, zone).day, moments = [];
  const add = (which, when) => {
    for (const day of which) {
      if (when === null) moments.push({ at: momentOf(dayOf(numberOf(day) + 1), "00:00:00", zone) - 1, whole: true });
      else for (const time of when) for (const at of shown(day, time, zone)) moments.push({ at, whole: false });
    }
  };
  const alone = times(words), whole = days(words, today);
  if (whole) add(whole, null);
  if (alone) add([day], alone);
  const parts = words.replace(/^(\d{4}-\d\d?-\d\d?)t(?=\d)/, "$1 ").split(" ");
  for (let cut = 1; cut < parts.length; cut += 1) {
    const [left, right] = [parts.slice(0, cut).join(" "), parts.slice(cut).join(" ")];
    for (const [which, when] of [[left, right], [right, left]]) {
      const some = days(which, today), clock = times(when);
      if (some && clock) add(some, clock);
    }
  }
  return moments.filter(({ at }, index) => moments.findIndex((other) => other.at === at) === index);
}
