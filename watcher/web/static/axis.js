// The axis of the Timeline: which moment is where, where hours are written, what fits. Pure: nothing here looks at the page.

import { amount, twelve } from "./texts.js";
import { clock, wall } from "./times.js";

export const MINUTE = 60000, HOUR = 60 * MINUTE, QUARTER = 15 * MINUTE; // ms
const STEPS = [MINUTE / 4, MINUTE, 5 * MINUTE, QUARTER, HOUR / 2, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR];
const APART = twelve ? 88 : 76; // pixels between two hours that are written, of which one may be a day
const CLOSEST = MINUTE, WIDEST = 25 * HOUR; // what can be looked at at once: a day whose clocks go back has 25 hours
const offsets = new Map();

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** How far a zone's clock is ahead of UTC (ms). Since 1972 it changes only at whole quarters of an hour (IANA). */
export function offset(at, zone) {
  const quarter = Math.floor(at / QUARTER), name = `${zone} ${quarter}`;
  if (!offsets.has(name)) {
    const { day, time } = wall(quarter * QUARTER, zone);
    offsets.set(name, Date.parse(`${day}T${time}Z`) - quarter * QUARTER);
  }
  return offsets.get(name);
}

/** What is looked at: {from, span} in ms. */
export const xOf = (view, at, width) => (at - view.from) / view.span * width;
export const momentAt = (view, x, width) => view.from + x / width * view.span;

/** Closer or further by a factor; the moment under the pointer stays under it. */
export function zoomed(view, factor, around) {
  const span = clamp(view.span * factor, CLOSEST, WIDEST);
  return { span, from: around - (around - view.from) * span / view.span };
}

/** Within what there is: from a view before the first clip to a little after the last moment. */
export function bounded(view, first, last) {
  const span = clamp(view.span, CLOSEST, WIDEST);
  return { span, from: clamp(view.from, Math.min(first, last - span) - span, last - span * 7 / 8) };
}

/** The local times written along a view: [{at, time, day}], `day` where one begins, an offset where a time comes twice. */
export function ticks(view, width, zone) {
  const end = view.from + view.span, step = STEPS.find((length) => length / view.span * width >= APART) ?? STEPS.at(-1);
  const changes = offset(view.from - 3 * HOUR, zone) !== offset(end + 3 * HOUR, zone);
  const marks = [];
  for (let at = following(view.from - step, step, zone); at < end; at = following(at, step, zone)) {
    if (at < view.from) continue;
    const { day, time } = wall(at, zone);
    const shown = clock(step < MINUTE ? time : time.slice(0, 5));
    marks.push({ at, time: changes && twice(at, zone) ? `${shown} ${named(offset(at, zone))}` : shown, day: time === "00:00:00" ? day : null });
  }
  return marks;
}

/** The next moment at which a zone's clock shows a whole step. */
function following(at, step, zone) {
  const here = offset(at, zone), over = (moment) => (((moment + offset(moment, zone)) % step) + step) % step;
  const next = at + step - over(at), moved = offset(next, zone) - here;
  if (!over(next)) return next;
  if (next - moved > at && !over(next - moved)) return next - moved; // clocks were changed in between
  return next + step - over(next);
}

/** Whether a zone's clock shows the same time once more, an hour before or later. */
export function twice(at, zone) {
  const back = offset(at - 3 * HOUR, zone) - offset(at + 3 * HOUR, zone);
  if (back <= 0) return false;
  const here = offset(at, zone);
  return offset(at + back, zone) === here - back || offset(at - back, zone) === here + back;
}

/** An offset as it is written beside a time: "+02", "-03:30". */
export function named(ms) {
  const minutes = Math.abs(ms) / MINUTE, two = (n) => String(n).padStart(2, "0");
  return `${ms < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}${minutes % 60 ? `:${two(minutes % 60)}` : ""}`;
}

/** A span of time in words: "5 s", "12 min", "3 h", "2 days". */
export function apart(ms) {
  const seconds = Math.round(Math.abs(ms) / 1000);
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 129600 ? `${Math.round(seconds / 3600)} h` : amount(Math.round(seconds / 86400), "day");
}

/** Which of some pictures fit side by side: each begins at its `x` and takes `wide` pixels. */
export function fitting(places, wide, narrow) {
  const fits = [];
  let end = -Infinity;
  places.forEach((place, index) => {
    const room = Math.min(wide(place), (places[index + 1]?.x ?? Infinity) - place.x - 2);
    if (place.x < end || room < narrow) return;
    fits.push([place, room]);
    end = place.x + room;
  });
  return fits;
}
