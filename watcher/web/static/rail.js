// The rail: clips per day under the filter, over all the time there is, to jump by. Its label and the jump come from
// the same number.

import { countDays, filterIn, get, mount, zone } from "./api.js";
import { element } from "./elements.js";
import { texts } from "./texts.js";
import { dayTitle, momentOf, monthShort, wall } from "./times.js";

const MOST_DAYS = 4900; // of one answer
const ANSWERS_MOST = 10; // for one rail: what lies before is not counted
const DAY = 86400000, DAY_MOST = 26, NAME_LEAST = 28; // ms; pixels; pixels between two names of months
const NARROW = 40; // pixels of width in which no name has room

/** The days from the last clip of a filter's cameras to their first, newest first; none is counted. */
async function daysOf(filter) {
  const cameras = filter.getAll("camera"), known = (await get(`${mount}/cameras`)).cameras.filter((row) => !cameras.length || cameras.includes(row.camera));
  const edge = (name, most) => most(...known.map((row) => row[name]).filter(Boolean).map(Date.parse));
  const last = edge("last_started_at", Math.max), first = Math.max(edge("first_started_at", Math.min), last - MOST_DAYS * DAY), days = [];
  if (!Number.isFinite(last) || !Number.isFinite(first)) return days;
  const noon = (moment) => Date.parse(`${wall(moment, zone()).day}T12:00:00Z`);
  for (let at = noon(last); at >= noon(first); at -= DAY) days.push({ day: dayOf(at), clips: null });
  return days;
}

/** Count days from one on, as far as one answer goes; where the next one begins. */
async function count(filter, days, from) {
  const answer = await countDays(filter, days[from].day, days.length - from), counts = new Map(answer.days.map((entry) => [entry.day, entry]));
  let next = from;
  for (; days[next]?.day >= answer.counted_from; next += 1) Object.assign(days[next], { clips: 0 }, counts.get(days[next].day));
  return next;
}

/** How many clips a filter finds, as far as one answer counts them; `more`: there may be others. */
export async function total(filter) {
  const days = await daysOf(filter), counted = days.length && await count(filter, days, 0);
  return { clips: days.reduce((sum, day) => sum + day.clips, 0), more: counted < days.length || days.length > MOST_DAYS || days.some((day) => day.more) };
}

export class Rail {
  /** In an element, for a list's question; `jump` is called with the moment at which a day ends. */
  constructor(place, question, jump) {
    Object.assign(this, { place, jump, filter: filterIn(question), days: [], index: 0, going: 0, closed: false });
    this.canvas = element("canvas", "", { "aria-hidden": "true" });
    this.bubble = element("span", "bubble", { hidden: true });
    this.slider = element("div", "slider", { role: "slider", tabIndex: 0, "aria-label": texts.rail, "aria-orientation": "vertical" }, this.canvas);
    place.replaceChildren(this.slider, this.bubble);
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.slider);
    this.slider.addEventListener("pointerdown", (event) => {
      this.slider.setPointerCapture(event.pointerId);
      this.point(event);
    });
    this.slider.addEventListener("pointermove", (event) => this.point(event));
    this.slider.addEventListener("pointerleave", () => { this.bubble.hidden = true; });
    this.slider.addEventListener("pointerup", (event) => {
      if (!this.point(event)) return;
      this.bubble.hidden = true;
      this.go(this.index);
    });
    this.slider.addEventListener("keydown", (event) => this.key(event));
  }

  close() {
    this.closed = true;
    this.resized.disconnect();
  }

  /** Count the days; `told` is called whenever more of them are known. */
  async load(told) {
    this.days = await daysOf(this.filter);
    if (!this.days.length) return;
    this.place.classList.toggle("shown", this.days.length > 1);
    this.slider.setAttribute("aria-valuemin", 0);
    this.slider.setAttribute("aria-valuemax", this.days.length - 1);
    for (let answers = 0, counted = 0; counted < this.days.length && answers < ANSWERS_MOST && !this.closed; answers += 1) {
      counted = await count(this.filter, this.days, counted);
      this.tell(this.index);
      told();
    }
  }

  /** Show where the grid is. */
  at(day) {
    const index = this.days.findIndex((entry) => entry.day <= day);
    if (index >= 0 && index !== this.index && !this.going) this.tell(index);
  }

  tell(index) {
    this.index = index;
    this.slider.setAttribute("aria-valuenow", index);
    this.slider.setAttribute("aria-valuetext", this.words(index));
    this.draw();
  }

  /** A day and how many clips it has, where that is known. */
  words(index) {
    const { day, clips, more } = this.days[index];
    return clips === null ? dayTitle(day) : texts.clipsOn(dayTitle(day), clips, more);
  }

  /** The nearest day that has clips, or may have. */
  nearest(index) {
    for (let distance = 0; distance < this.days.length; distance += 1) {
      for (const other of [index - distance, index + distance]) if (this.days[other] && this.days[other].clips !== 0) return other;
    }
    return index;
  }

  point(event) {
    const box = this.slider.getBoundingClientRect();
    const share = (event.clientY - box.top) / this.tall(box.height);
    if (!this.days.length || share < -0.05 || event.clientY > box.bottom) return false;
    const index = this.nearest(Math.min(this.days.length - 1, Math.max(0, Math.floor(share * this.days.length))));
    this.bubble.hidden = false;
    this.bubble.style.top = `${Math.min(box.height - 24, Math.max(0, event.clientY - box.top - 12))}px`;
    this.bubble.textContent = this.words(index);
    if (event.buttons || event.type === "pointerup") this.tell(index);
    return true;
  }

  /** Jump to a day: what comes first there is its latest clip. */
  async go(index) {
    this.tell(index);
    this.going += 1; // what is in sight until it is there does not count
    const next = dayOf(Date.parse(`${this.days[index].day}T12:00:00Z`) + DAY);
    await this.jump(index === 0 ? null : new Date(momentOf(next, "00:00:00", zone()) - 1).toISOString()).finally(() => { this.going -= 1; });
  }

  /** The next day with clips in one direction: 1 is older. */
  step(direction) {
    for (let index = this.index + direction; this.days[index]; index += direction) {
      if (this.days[index].clips !== 0) return this.go(index);
    }
    return null;
  }

  key(event) {
    const steps = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, PageDown: 30, PageUp: -30 };
    const last = this.days.length - 1;
    let day = null;
    if (event.key in steps) day = this.index + steps[event.key];
    if (event.key === "Home") day = 0;
    if (event.key === "End") day = last;
    if (day === null || !this.days.length) return;
    event.preventDefault();
    event.stopPropagation();
    if (Math.abs(steps[event.key] ?? 30) === 1) this.step(steps[event.key]);
    else this.go(this.nearest(Math.min(last, Math.max(0, day))));
  }

  /** How much of its height the days take, in pixels: a few days are no tower. */
  tall(height) { return Math.min(height, this.days.length * DAY_MOST); }

  draw() {
    const { width, height: whole } = this.slider.getBoundingClientRect(), height = this.tall(whole), ratio = devicePixelRatio;
    if (!width || !this.days.length) return;
    Object.assign(this.canvas, { width: width * ratio, height: whole * ratio });
    const pen = this.canvas.getContext("2d"), style = getComputedStyle(this.slider);
    const rows = Math.max(1, Math.min(this.days.length, Math.floor(height / 2))), sums = new Array(rows).fill(0);
    this.days.forEach((entry, index) => { sums[Math.floor(index * rows / this.days.length)] += entry.clips; });
    const most = Math.max(...sums), tall = height / rows;
    pen.scale(ratio, ratio);
    const room = width < NARROW ? width : width / 2;
    pen.fillStyle = style.getPropertyValue("--bar");
    sums.forEach((sum, row) => {
      const long = Math.max(3, room * Math.sqrt(sum / most));
      if (sum) pen.fillRect(width - long, row * tall, long, Math.max(1, tall - (tall > 3 ? 1 : 0)));
    });
    pen.fillStyle = style.getPropertyValue("--accent");
    pen.fillRect(0, (this.index + 0.5) * height / this.days.length - 1.5, width, 3);
    this.months(pen, width, height, style);
  }

  /** A line and a name where a month begins, or, where months have no room, a year. */
  months(pen, width, height, style) {
    const day = height / this.days.length, em = parseFloat(style.fontSize) / 16, least = NAME_LEAST * em, length = day * 30 < least ? 4 : 7; // of "2026-11-21"
    pen.font = `${11 * em}px ${style.fontFamily}`;
    let free = 0;
    this.days.forEach((entry, index) => {
      const y = index * day;
      if (entry.day.slice(0, length) === this.days[index - 1]?.day.slice(0, length) || y < free) return;
      free = y + least;
      pen.fillStyle = style.getPropertyValue("--line");
      if (index) pen.fillRect(0, y, width, 1);
      if (width < NARROW || y + 16 > height) return;
      const name = length === 4 ? entry.day.slice(0, 4) : monthShort(entry.day);
      pen.fillStyle = style.getPropertyValue("--page");
      pen.fillRect(0, y + 3, pen.measureText(name).width + 3, 12 * em);
      pen.fillStyle = style.getPropertyValue("--quiet");
      pen.fillText(name, 0, y + 1 + 12 * em);
    });
  }
}

const dayOf = (moment) => new Date(moment).toISOString().slice(0, 10);
