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
  const wanted = Date.parse(`${day}T${time}Z`);
  let guess = wanted;
  for (let turn = 0; turn < 3; turn += 1) {
    const shown = wall(guess, zone);
    guess += wanted - Date.parse(`${shown.day}T${shown.time}Z`);
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
