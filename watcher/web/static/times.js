// Moments as people read them, in a zone that is named. Pure: nothing here looks at the page.

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
  return { day: `${part.year}-${part.month}-${part.day}`, time: `${part.hour}:${part.minute}:${part.second}` };
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

/** A day as a heading: "Saturday, 21 November 2026". */
export function dayTitle(day) {
  const [year, month, date] = day.split("-").map(Number);
  const at = new Date(Date.UTC(year, month - 1, date, 12));
  const name = (options) => at.toLocaleDateString("en-GB", { ...options, timeZone: "UTC" });
  return `${name({ weekday: "long" })}, ${date} ${name({ month: "long" })} ${year}`;
}

/** The heading of a group of clips: a day's, or an hour's of a day ("2026-11-21T14"). */
export const groupTitle = (key) => dayTitle(key.slice(0, 10)) + (key.length > 10 ? `, ${key.slice(11)}:00` : "");

/** Seconds as players write them: "0:12", "1:01:11". */
export function length(seconds) {
  const whole = Math.floor(seconds), minutes = Math.floor(whole / 60), two = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(minutes / 60);
  return (hours ? `${hours}:${two(minutes % 60)}` : `${minutes}`) + `:${two(whole % 60)}`;
}

const short = (moment, zone, options) => new Date(moment).toLocaleDateString("en-GB", { ...options, timeZone: zone });

/** A moment as a button says it: "Sat 28 Nov · 16:31", with the year where it is another one than now's. */
export function momentTitle(moment, zone) {
  const year = wall(moment, zone).day.slice(0, 4) === wall(Date.now(), zone).day.slice(0, 4) ? "" : ` ${wall(moment, zone).day.slice(0, 4)}`;
  return `${short(moment, zone, { weekday: "short" })} ${short(moment, zone, { day: "numeric" })} ${short(moment, zone, { month: "short" })}${year} · ${wall(moment, zone).time.slice(0, 5)}`;
}

/** "November 2026" of "2026-11". */
export const monthTitle = (month) => short(`${month}-15T12:00:00Z`, "UTC", { month: "long", year: "numeric" });

/** What a zone's clock is called at a moment: "CEST", "GMT+1". */
export const zoneName = (moment, zone) => new Intl.DateTimeFormat("en-GB", { timeZone: zone, timeZoneName: "short" }).formatToParts(new Date(moment)).find((part) => part.type === "timeZoneName").value;

/** A time span in words: "33 minutes". */
export function spanTitle(ms) {
  for (const [unit, size] of [["day", 86400000], ["hour", 3600000], ["minute", 60000], ["second", 1000]]) {
    const count = Math.round(ms / size);
    if (ms >= size || unit === "second") return `${count} ${unit}${count === 1 ? "" : "s"}`;
  }
  return "";
}
