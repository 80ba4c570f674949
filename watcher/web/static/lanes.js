// The lanes of the Timeline on a canvas, which is decoration: a slider beside it speaks, and names are buttons of their own.

import { HOUR, fitting, momentAt, offset, ticks, xOf } from "./axis.js";
import { zone } from "./api.js";
import { element } from "./elements.js";
import { dayShort } from "./times.js";

const AXIS = 28, HEAD = 42, LEAST = 3, EDGE = 3, PAD = 5, BAR = 4; // pixels: of the axis; beside the playhead, where its time stands; of the shortest clip; of its coloured edge; around it; of the bar that is as long as it is
const TALL = [[4, 58], [8, 50], [12, 42], [Infinity, 34]]; // how many lanes there are, how tall each is
const POSTERS = 6 * HOUR, NARROW = 28; // ms beyond which no pictures are drawn; pixels
const COLUMN = 4, DENSE = 3; // pixels: of a column where clips are added up; between clips, below which they are
const KEPT = 400, AT_ONCE = 3; // pictures in memory; on their way
const COLOURS = ["person", "vehicle", "animal", "parcel", "other", "none", "bad", "star", "line", "quiet", "text", "accent", "tile", "raised", "bar"];

export class Lanes {
  constructor(place, again) {
    Object.assign(this, { place, again, pictures: new Map(), queue: [], loading: 0, drawn: [] });
    this.overview = element("canvas", "overview-strip", { "aria-hidden": "true" });
    this.canvas = element("canvas", "", { "aria-hidden": "true" });
    this.probe = element("span", "probe", { "aria-hidden": "true" });
    place.append(this.probe);
  }

  /** Which of the five kinds a label is of: the style sheet knows. */
  kindOf(name) {
    this.kinds ??= new Map();
    if (!this.kinds.has(name)) {
      this.probe.dataset.label = name;
      this.kinds.set(name, getComputedStyle(this.probe).getPropertyValue("--kind").trim());
    }
    return this.kinds.get(name);
  }

  /** Colours as they are now: light, dark, or those of the person's system. */
  colour() {
    delete this.probe.dataset.label;
    this.colours = Object.fromEntries(COLOURS.map((name) => {
      this.probe.style.color = `var(--${{ other: "quiet", none: "bar" }[name] ?? name})`;
      return [name, getComputedStyle(this.probe).color];
    }));
  }

  get width() { return this.canvas.clientWidth; }
  tall(cameras) { return Math.round(TALL.find(([most]) => cameras.length <= most)[1] * Math.min(1.8, Math.max(1, innerHeight / 1100))); }
  height(cameras) { return AXIS * this.em + this.tall(cameras) * cameras.length; }

  /** How much larger letters are than elsewhere, and with them all that is drawn: on very wide screens. */
  get em() { return parseFloat(getComputedStyle(this.place).fontSize) / 16; }

  draw({ view, footage, cameras, current, now, day, at: head }) {
    const { em } = this, width = this.width / em, ratio = devicePixelRatio * em, tall = this.tall(cameras) / em, height = this.height(cameras) / em;
    if (!width) return;
    if (!this.colours) this.colour();
    this.canvas.style.height = `${height * em}px`;
    Object.assign(this.canvas, { width: width * ratio, height: height * ratio });
    const pen = this.canvas.getContext("2d");
    pen.scale(ratio, ratio);
    Object.assign(this, { view, cameras, drawn: [], queue: [] });
    const x = (at) => xOf(view, at, width), { colours } = this;
    pen.font = "600 11.5px system-ui, sans-serif";
    if (x(now) < width) {
      pen.globalAlpha = 0.4;
      pen.fillStyle = colours.tile;
      pen.fillRect(Math.max(0, x(now)), AXIS, width, height);
      pen.globalAlpha = 1;
    }
    for (const { at, time, day: begins } of ticks(view, width, zone())) {
      pen.fillStyle = colours.line;
      pen.fillRect(Math.round(x(at)), begins ? 0 : AXIS - 5, begins ? 2 : 1, height);
      pen.fillStyle = begins ? colours.text : colours.quiet;
      const words = begins ? dayShort(begins) : time, left = x(at) + 5;
      if (head === null || left > x(head) + HEAD || left + pen.measureText(words).width < x(head) - HEAD) pen.fillText(words, left, 18);
    }
    this.changed(pen, x, height);
    cameras.forEach((camera, row) => {
      const top = AXIS + row * tall;
      pen.fillStyle = colours.line;
      pen.fillRect(0, top - (row ? 0 : 1), width, 1);
      this.lane(pen, footage.within(camera, view.from, view.from + view.span), x, { row, top, tall, current });
    });
    this.strip(footage, cameras, day);
    this.fetch();
  }

  /** Where a clock is put on or back. */
  changed(pen, x, height) {
    const { from, span } = this.view, step = HOUR / 4, before = offset(from, zone());
    if (offset(from + span, zone()) === before) return;
    let at = Math.ceil(from / step) * step;
    while (offset(at, zone()) === before) at += step;
    pen.fillStyle = this.colours.accent;
    for (let y = 0; y < height; y += 6) pen.fillRect(x(at), y, 1.5, 3);
    const moved = (offset(at, zone()) - before) / HOUR;
    pen.fillText(`${moved > 0 ? "+" : "−"}${Math.abs(moved)} h`, x(at) - 32, 18);
  }

  lane(pen, clips, x, { row, top, tall, current }) {
    const { colours, view } = this, high = tall - 2 * PAD, pictured = high - BAR - 2;
    const places = clips.map((clip) => ({ clip, x: x(clip.start), end: Math.max(x(clip.start) + LEAST, x(clip.end)) }));
    const dense = places.length > 40 && places.filter((place, index) => places[index + 1]?.x - place.x < DENSE).length > places.length / 3;
    if (dense) return this.density(pen, places, top, tall);
    const pictures = new Map();
    if (view.span <= POSTERS && tall > 40) {
      for (const [place, room] of fitting(places, ({ clip }) => (clip.poster ? this.ratio(clip) * pictured + EDGE : 0), NARROW)) pictures.set(place.clip, room);
    }
    for (const { clip, x: left, end } of places) {
      const colour = clip.state === "broken" ? colours.bad : colours[clip.kind], room = pictures.get(clip) ?? 0;
      const wide = Math.max(end - left, room);
      pen.fillStyle = colour;
      pen.globalAlpha = end - left > 2 * LEAST ? 0.3 : 1;
      pen.beginPath();
      pen.roundRect(left, top + PAD, end - left, high, Math.min(5, (end - left) / 2));
      pen.fill();
      pen.globalAlpha = 1;
      if (room) this.poster(pen, clip, left + EDGE, top + PAD, room - EDGE, pictured);
      pen.fillStyle = colour;
      pen.fillRect(left, top + PAD, EDGE, high);
      pen.fillRect(left, top + tall - PAD - BAR, end - left, BAR); // below a picture, which says nothing of its length
      if (wide > 20) this.shape(pen, clip, left + EDGE + 9, top + PAD + pictured - 9, colour);
      if (clip.held && wide > 20) this.glyph(pen, "★", left + wide - 11, top + PAD + 15, colours.star);
      if (clip.state === "broken" && wide > 20) this.glyph(pen, "✕", left + wide - 11, top + PAD + 15, "#fff");
      if (clip === current) {
        pen.strokeStyle = colours.accent;
        pen.lineWidth = 2.5;
        pen.strokeRect(left - 1, top + PAD - 2, wide + 2, (room ? pictured : high) + 3);
      }
      this.drawn.push({ row, clip, left, end: left + wide });
    }
    return undefined;
  }

  /** So many clips that each has no pixel of its own: how many there are, by height, and of what kind most are. */
  density(pen, places, top, tall) {
    const columns = new Map();
    for (const { clip, x } of places) {
      const column = Math.floor(x / COLUMN), sum = columns.get(column) ?? { count: 0, kinds: {} };
      sum.count += 1;
      sum.kinds[clip.kind] = (sum.kinds[clip.kind] ?? 0) + (clip.kind === "none" ? 0.5 : 1);
      columns.set(column, sum);
    }
    const most = Math.max(...[...columns.values()].map((sum) => sum.count));
    for (const [column, { count, kinds }] of columns) {
      pen.fillStyle = this.colours[Object.entries(kinds).toSorted((a, b) => b[1] - a[1])[0][0]];
      const high = Math.max(4, (tall - 2 * PAD) * Math.sqrt(count / most));
      pen.fillRect(column * COLUMN, top + tall - PAD - high, COLUMN - 1, high);
    }
  }

  ratio(clip) {
    const image = this.pictures.get(clip.poster);
    return image?.naturalWidth ? image.naturalWidth / image.naturalHeight : 16 / 9;
  }

  poster(pen, clip, left, top, wide, high) {
    const image = this.pictures.get(clip.poster);
    if (!image) { if (left < this.width && left + wide > 0) this.queue.push(clip.poster); return; }
    if (!image.naturalWidth) return;
    this.pictures.delete(clip.poster); // the last used is the last to go
    this.pictures.set(clip.poster, image);
    const part = Math.min(1, wide / (high * image.naturalWidth / image.naturalHeight)), cut = image.naturalWidth * part;
    pen.save();
    pen.beginPath();
    pen.roundRect(left, top, wide, high, [0, 5, 5, 0]);
    pen.clip();
    pen.drawImage(image, (image.naturalWidth - cut) / 2, 0, cut, image.naturalHeight, left, top, wide, high);
    pen.restore();
  }

  /** The pictures that are missing, some at a time, so that the film comes first. */
  fetch() {
    while (this.loading < AT_ONCE && this.queue.length) {
      const url = this.queue.shift(), image = new Image();
      this.loading += 1;
      this.pictures.set(url, image);
      if (this.pictures.size > KEPT) this.pictures.delete(this.pictures.keys().next().value);
      image.onload = image.onerror = () => { this.loading -= 1; this.again(); };
      image.fetchPriority = "low";
      image.src = url;
    }
  }

  /** The kind of a clip by its shape, so that colour does not stand alone. */
  shape(pen, { kind }, x, y, colour) {
    if (kind === "none") return;
    pen.fillStyle = this.colours.raised;
    pen.beginPath();
    pen.arc(x, y, 7, 0, 7);
    pen.fill();
    pen.fillStyle = pen.strokeStyle = colour;
    pen.lineWidth = 2;
    pen.beginPath();
    if (kind === "vehicle") pen.rect(x - 3.5, y - 3.5, 7, 7);
    else if (kind === "animal") { pen.moveTo(x, y - 4.5); pen.lineTo(x + 4.5, y + 3.5); pen.lineTo(x - 4.5, y + 3.5); }
    else if (kind === "parcel") { pen.moveTo(x, y - 5); pen.lineTo(x + 5, y); pen.lineTo(x, y + 5); pen.lineTo(x - 5, y); }
    else pen.arc(x, y, kind === "other" ? 3 : 4, 0, 7);
    pen[kind === "other" ? "stroke" : "fill"]();
  }

  glyph(pen, text, x, y, colour) {
    pen.fillStyle = "rgb(8 10 14 / .6)";
    pen.beginPath();
    pen.arc(x, y - 4, 8, 0, 7);
    pen.fill();
    pen.fillStyle = colour;
    pen.textAlign = "center";
    pen.fillText(text, x, y);
    pen.textAlign = "start";
  }

  /** The whole day above the lanes: how much there is when. */
  strip(footage, cameras, day) {
    const canvas = this.overview, width = canvas.clientWidth, height = canvas.clientHeight, ratio = devicePixelRatio;
    Object.assign(canvas, { width: width * ratio, height: height * ratio });
    const pen = canvas.getContext("2d"), count = Math.max(1, Math.floor(width / COLUMN)), sums = new Array(count).fill(0);
    pen.scale(ratio, ratio);
    for (const camera of cameras) for (const clip of footage.within(camera, day.start, day.end)) {
      const column = Math.floor((clip.start - day.start) / (day.end - day.start) * count);
      if (column >= 0 && column < count) sums[column] += 1;
    }
    const most = Math.max(1, ...sums);
    pen.fillStyle = this.colours.bar;
    sums.forEach((sum, column) => {
      const high = sum ? Math.max(3, (height - 10) * Math.sqrt(sum / most)) : 0;
      pen.fillRect(column * COLUMN, height - 5 - high, COLUMN - 2, high);
    });
  }

  /** What lies at a place of the canvas: the moment, the lane, and the clip that is drawn there or beside it. */
  under(x, y, near = 3) {
    const { em } = this, at = momentAt(this.view, x, this.width), row = Math.floor((y - AXIS * em) / this.tall(this.cameras));
    const mine = this.drawn.filter((mark) => mark.row === row && mark.left * em - near <= x && x <= mark.end * em + near);
    const apart = (mark) => Math.max(mark.clip.start - at, at - mark.clip.end, 0);
    return { at, row, camera: y < AXIS * em ? undefined : this.cameras[row], clip: mine.toSorted((a, b) => apart(a) - apart(b))[0]?.clip ?? null };
  }
}
