// The rail: clips per day over the whole catalog, to jump by. Its label and the jump come from the same number.

import { get, mount, zone } from "./api.js";
import { element } from "./elements.js";
import { texts } from "./texts.js";
import { dayTitle, momentOf, wall } from "./times.js";

const MOST_DAYS = 4900; // of one answer of the timeline
const DAY = 86400000, DAY_MOST = 26; // ms; pixels

export class Rail {
  /** In an element, for the cameras of a question; `jump` is called with the moment at which a day ends. */
  constructor(place, question, jump) {
    Object.assign(this, { place, jump, days: [], index: 0 });
    this.cameras = new URL(question, "http://host").searchParams.getAll("camera");
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
    this.slider.addEventListener("pointerup", (event) => { if (this.point(event)) this.go(this.index); });
    this.slider.addEventListener("keydown", (event) => this.key(event));
  }

  close() { this.resized.disconnect(); }

  async load() {
    const known = (await get(`${mount}/cameras`)).cameras.filter((row) => !this.cameras.length || this.cameras.includes(row.camera));
    const edge = (name, most) => known.map((row) => row[name]).filter(Boolean).map(Date.parse).reduce((a, b) => most(a, b), most === Math.max ? -Infinity : Infinity);
    const last = edge("last_started_at", Math.max), first = Math.max(edge("first_started_at", Math.min), last - MOST_DAYS * DAY);
    if (!Number.isFinite(last) || !Number.isFinite(first)) return;
    const question = new URLSearchParams([["bucket", "day"], ["tz", zone()], ["from", new Date(first).toISOString()],
      ["to", new Date(last + 1).toISOString()], ...this.cameras.map((camera) => ["camera", camera])]);
    const counts = new Map();
    for (const bucket of (await get(`${mount}/timeline?${question}`)).buckets) {
      const day = wall(bucket.start, zone()).day;
      counts.set(day, (counts.get(day) ?? 0) + bucket.clips);
    }
    const days = [], end = wall(first, zone()).day;
    for (let noon = Date.parse(`${wall(last, zone()).day}T12:00:00Z`); ; noon -= DAY) {
      const day = new Date(noon).toISOString().slice(0, 10);
      days.push({ day, clips: counts.get(day) ?? 0 });
      if (day <= end) break;
    }
    this.days = days;
    this.place.classList.toggle("shown", days.length > 1);
    this.slider.setAttribute("aria-valuemin", 0);
    this.slider.setAttribute("aria-valuemax", days.length - 1);
    this.draw();
    this.tell(this.index);
  }

  /** Show where the grid is. */
  at(day) {
    const index = this.days.findIndex((entry) => entry.day <= day);
    if (index >= 0 && index !== this.index) this.tell(index);
  }

  tell(index) {
    this.index = index;
    const { day, clips } = this.days[index];
    this.slider.setAttribute("aria-valuenow", index);
    this.slider.setAttribute("aria-valuetext", texts.clipsOn(dayTitle(day), clips));
    this.draw();
  }

  /** The nearest day that has clips. */
  nearest(index) {
    for (let distance = 0; distance < this.days.length; distance += 1) {
      for (const other of [index - distance, index + distance]) if (this.days[other]?.clips) return other;
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
    this.bubble.textContent = texts.clipsOn(dayTitle(this.days[index].day), this.days[index].clips);
    if (event.buttons || event.type === "pointerup") this.tell(index);
    return true;
  }

  /** Jump to a day: what comes first there is its latest clip. */
  go(index) {
    this.tell(index);
    const next = new Date(Date.parse(`${this.days[index].day}T12:00:00Z`) + DAY).toISOString().slice(0, 10);
    return this.jump(index === 0 ? null : new Date(momentOf(next, "00:00:00", zone()) - 1).toISOString());
  }

  /** The next day with clips in one direction: 1 is older. */
  step(direction) {
    for (let index = this.index + direction; this.days[index]; index += direction) {
      if (this.days[index].clips) return this.go(index);
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
    pen.fillStyle = style.getPropertyValue("--bar");
    sums.forEach((sum, row) => {
      if (sum) pen.fillRect(0, row * tall, Math.max(3, width * Math.sqrt(sum / most)), Math.max(1, tall - (tall > 3 ? 1 : 0)));
    });
    pen.fillStyle = style.getPropertyValue("--accent");
    pen.fillRect(0, (this.index + 0.5) * height / this.days.length - 1.5, width, 3);
  }
}

