// Timeline: one day's clips in lanes on a canvas, which is decoration; a slider beside it speaks. On a phone one
// camera at a time, and the day runs down the page, which scrolls as any other does.

import { changed, filterOf, get, zone } from "./api.js";
import { button, element } from "./elements.js";
import { keys, shell } from "./keys.js";
import { texts } from "./texts.js";
import { momentOf, wall } from "./times.js";

const HOUR = 3600000, MOST = 20000; // ms; clips of a day
const SPANS = [["24 h", 24 * HOUR], ["6 h", 6 * HOUR], ["1 h", HOUR], ["5 min", HOUR / 12]];
const TALL = 640, NEAR = 14; // pixels: of what is shown of a day that runs down the page; that a finger may miss by
const LANE = 34, HEAD = 22, NAME = 110; // pixels

const main = document.getElementById("main");
const start = Date.parse(main.dataset.start), end = Date.parse(main.dataset.end);
const names = [...document.querySelectorAll("#lane-list b")].map((one) => one.textContent);
const clips = [];
const view = { from: start, span: end - start, at: null };

const lanes = document.getElementById("lanes");
const overview = element("canvas", "overview-strip", { "aria-hidden": "true" });
const canvas = element("canvas", "", { "aria-hidden": "true" });
const column = element("div", "column", { "aria-hidden": "true" });
const slider = element("div", "slider", { role: "slider", tabIndex: 0, "aria-label": texts.timeline, "aria-valuemin": 0, "aria-valuemax": 0, "aria-valuenow": 0, "aria-valuetext": texts.nothingChosen }, canvas, column);
const bubble = element("div", "bubble", { hidden: true });
const choice = element("select", "", { "aria-label": texts.camera, onchange: () => { view.lane = Number(choice.value); draw(); } },
  ...names.map((name, index) => element("option", "", { value: index }, name)));
const upright = matchMedia("(max-width: 40rem)");
const said = element("output", "readout");
const dock = element("div", "dock");
lanes.replaceChildren(choice, overview, slider, bubble, said, dock);
lanes.hidden = !names.length;
document.getElementById("lane-list").classList.add("hidden");

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const x = (moment) => NAME + (moment - view.from) / view.span * (slider.clientWidth - NAME);
const moment = (px) => view.from + (px - NAME) / (slider.clientWidth - NAME) * view.span;

function look(from, span, keep = true) {
  view.span = clamp(span, HOUR / 12, end - start);
  view.from = clamp(from, start, end - view.span);
  draw();
  if (keep) history.replaceState(null, "", changed(location.href, { at: view.at ? new Date(view.at).toISOString() : null, span: view.span < end - start ? `${Math.round(view.span / 60000)}m` : null }));
}

const tickStep = (room) => [HOUR / 60, HOUR / 12, HOUR / 4, HOUR, 3 * HOUR].find((one) => one / view.span * room > 64) ?? 6 * HOUR;

/** The day down the page, for one camera; what is looked at stays where it is. */
function drawUpright() {
  const share = (at) => (at - start) / (end - start), top = slider.getBoundingClientRect().top, before = slider.clientHeight;
  view.lane ??= 0;
  choice.value = view.lane;
  column.style.height = `${Math.round(TALL * (end - start) / view.span)}px`;
  const marks = [], step = tickStep(TALL), shown = current();
  for (let tick = start; tick < end; tick += step) {
    const mark = element("b", "", {}, wall(tick, zone()).time.slice(0, 5));
    mark.style.top = `${100 * share(tick)}%`;
    marks.push(mark);
  }
  for (const clip of clips.filter((one) => one.lane === view.lane)) {
    const mark = element("i", clip === shown ? "chosen" : clip.state);
    mark.style.top = `${100 * share(clip.start)}%`;
    mark.style.height = `${100 * (share(Math.min(end, clip.end)) - share(clip.start))}%`;
    marks.push(mark);
  }
  column.replaceChildren(...marks);
  if (before && top < 0 && slider.clientHeight !== before) scrollBy(0, -top * (slider.clientHeight / before - 1));
}

function draw() {
  lanes.classList.toggle("upright", upright.matches);
  if (upright.matches) return drawUpright();
  const width = slider.clientWidth, height = HEAD + LANE * names.length, ratio = devicePixelRatio;
  if (!width) return undefined;
  canvas.style.height = `${height}px`;
  Object.assign(canvas, { width: width * ratio, height: height * ratio });
  const style = getComputedStyle(lanes), colour = (name) => style.getPropertyValue(name);
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.font = "12px system-ui, sans-serif";
  const step = tickStep(width - NAME);
  for (let tick = start + Math.ceil((view.from - start) / step) * step; tick <= view.from + view.span; tick += step) {
    pen.fillStyle = colour("--line");
    pen.fillRect(x(tick), HEAD, 1, height - HEAD);
    pen.fillStyle = colour("--quiet");
    pen.fillText(wall(tick, zone()).time.slice(0, 5), x(tick) + 3, 14);
  }
  names.forEach((name, lane) => {
    pen.fillStyle = colour("--text");
    pen.fillText(name, 4, HEAD + LANE * lane + 20, NAME - 10);
    pen.fillStyle = colour("--line");
    pen.fillRect(0, HEAD + LANE * (lane + 1) - 1, width, 1);
  });
  for (const clip of clips) {
    const left = x(clip.start), right = Math.max(left + 3, x(clip.end));
    if (right < NAME || left > width) continue;
    pen.fillStyle = clip === current() ? colour("--accent") : clip.state === "broken" ? colour("--bad") : colour("--bar");
    pen.fillRect(Math.max(NAME, left), HEAD + LANE * clip.lane + 6, right - Math.max(NAME, left), LANE - 12);
  }
  if (view.at !== null) {
    pen.fillStyle = colour("--accent");
    pen.fillRect(x(view.at), HEAD, 2, height - HEAD);
  }
  small(colour);
  return undefined;
}

/** The whole day above the lanes, with the part that is shown. */
function small(colour) {
  const width = overview.clientWidth, height = 28;
  Object.assign(overview, { width, height });
  const pen = overview.getContext("2d"), place = (at) => (at - start) / (end - start) * width;
  const counts = new Array(width).fill(0);
  for (const clip of clips) counts[clamp(Math.floor(place(clip.start)), 0, width - 1)] += 1;
  const most = Math.max(1, ...counts);
  pen.fillStyle = colour("--bar");
  counts.forEach((count, column) => { if (count) pen.fillRect(column, height - 6 - (height - 8) * count / most, 2, 6 + (height - 8) * count / most); });
  pen.strokeStyle = colour("--accent");
  pen.lineWidth = 2;
  pen.strokeRect(place(view.from) + 1, 1, Math.max(4, place(view.from + view.span) - place(view.from) - 2), height - 2);
}

const current = () => (view.at === null ? null : clips.find((clip) => clip.start <= view.at && view.at <= clip.end && (view.lane === undefined || clip.lane === view.lane)) ?? null);

/** Go to a moment, and say what is there. */
function to(at, lane) {
  view.at = clamp(at, start, end - 1);
  if (lane !== undefined) view.lane = lane;
  if (view.at < view.from || view.at > view.from + view.span) view.from = clamp(view.at - view.span / 2, start, end - view.span);
  const clip = current(), shown = wall(view.at, zone()).time;
  const words = clip ? texts.now(shown, [clip.camera, ...clip.labels].join(", "), clips.indexOf(clip) + 1, clips.length) : texts.noClipAt(shown);
  slider.setAttribute("aria-valuemax", Math.max(0, clips.length - 1));
  slider.setAttribute("aria-valuenow", clip ? clips.indexOf(clip) : 0);
  slider.setAttribute("aria-valuetext", words);
  said.replaceChildren(...(clip ? [element("a", "", { href: clip.page }, words)] : [words]));
  show(clip);
  look(view.from, view.span);
}

/** Where the day runs down the page: scroll to what was asked for. */
function reveal() {
  if (!upright.matches || view.at === null) return;
  const box = column.getBoundingClientRect();
  scrollBy(0, box.top + (view.at - start) / (end - start) * box.height - innerHeight * 0.6);
}

/** The chosen clip below the lanes, at the moment that was chosen. */
function show(clip) {
  const shown = dock.querySelector("video");
  if (!clip) return dock.replaceChildren();
  const seconds = (view.at - clip.start) / 1000;
  if (shown?.getAttribute("src") === clip.url) {
    shown.currentTime = seconds;
    return;
  }
  const video = element("video", "", { controls: true, muted: true, playsInline: true, preload: "metadata", src: clip.url, ...(clip.poster ? { poster: clip.poster } : {}) });
  video.addEventListener("loadedmetadata", () => { if (seconds > 0) video.currentTime = seconds; }, { once: true });
  dock.replaceChildren(video);
}

/** The next clip in one direction, in the lane that was chosen, if one was. */
function step(direction) {
  const there = view.lane === undefined ? clips : clips.filter((clip) => clip.lane === view.lane);
  const now = current(), at = view.at ?? (direction > 0 ? start - 1 : end);
  const index = there.indexOf(now);
  const next = index >= 0 ? there[index + direction] : direction > 0 ? there.find((clip) => clip.start > at) : there.findLast((clip) => clip.end < at);
  return next ? to(next.start, view.lane === undefined ? undefined : next.lane) : false;
}

function lane(direction) {
  view.lane = clamp((view.lane ?? (direction > 0 ? -1 : names.length)) + direction, 0, names.length - 1);
  const near = clips.filter((clip) => clip.lane === view.lane).toSorted((a, b) => Math.abs(a.start - (view.at ?? start)) - Math.abs(b.start - (view.at ?? start)))[0];
  if (near) to(near.start, near.lane);
}

function zoom(factor, around = view.at ?? view.from + view.span / 2) {
  const span = clamp(view.span * factor, HOUR / 12, end - start);
  look(around - (around - view.from) * span / view.span, span);
}

function under(event) {
  const box = slider.getBoundingClientRect(), at = moment(event.clientX - box.left), row = Math.floor((event.clientY - box.top - HEAD) / LANE);
  const near = 4 * view.span / (slider.clientWidth - NAME); // pixels: thin bars are to be hit as well
  return { at, row, left: event.clientX - box.left, clip: clips.find((clip) => clip.lane === row && clip.start - near <= at && at <= clip.end + near) };
}

/** The clip at a place of the column, or the one that a finger missed. */
slider.addEventListener("click", (event) => {
  if (!upright.matches) return;
  const box = column.getBoundingClientRect(), scale = (end - start) / box.height, at = start + (event.clientY - box.top) * scale;
  const apart = (clip) => Math.max(clip.start - at, at - clip.end, 0);
  const near = clips.filter((clip) => clip.lane === view.lane).toSorted((a, b) => apart(a) - apart(b))[0];
  const hit = near && apart(near) <= NEAR * scale ? near : null;
  if (hit && hit === current()) location.assign(hit.page);
  else if (hit) to(apart(hit) || (hit.end - hit.start) / scale < NEAR ? hit.start : at, view.lane); // too small to aim within
  else to(at, view.lane);
});

let drag = null;
slider.addEventListener("pointerdown", (event) => {
  if (upright.matches) return;
  drag = { x: event.clientX, from: view.from, moved: false };
  slider.setPointerCapture(event.pointerId);
});
slider.addEventListener("pointermove", (event) => {
  if (upright.matches) return;
  if (drag) {
    if (Math.abs(event.clientX - drag.x) > 4) drag.moved = true;
    if (drag.moved) look(drag.from - (event.clientX - drag.x) / (slider.clientWidth - NAME) * view.span, view.span, false);
  }
  const { at, clip, left } = under(event);
  bubble.hidden = at < start || at > end || left < NAME;
  bubble.style.left = `${clamp(left, 90, slider.clientWidth - 90)}px`;
  const words = wall(at, zone()).time;
  bubble.replaceChildren(...(clip?.poster ? [element("img", "", { src: clip.poster, alt: "", width: 160, height: 90 })] : []),
    element("span", "", {}, clip ? `${words} · ${clip.camera}` : words));
});
slider.addEventListener("pointerleave", () => { bubble.hidden = true; });
slider.addEventListener("pointerup", (event) => {
  if (upright.matches) return;
  const { at, row, clip } = under(event), moved = drag?.moved;
  drag = null;
  if (moved) return look(view.from, view.span);
  if (clip && clip === current()) location.assign(clip.page);
  else to(clip ? clamp(at, clip.start, clip.end) : at, names[row] === undefined ? undefined : row);
});
slider.addEventListener("wheel", (event) => {
  if (upright.matches) return;
  if (!event.ctrlKey && !event.shiftKey && Math.abs(event.deltaX) < Math.abs(event.deltaY)) return; // the page scrolls
  event.preventDefault();
  if (event.ctrlKey) zoom(event.deltaY > 0 ? 1.25 : 0.8, under(event).at);
  else look(view.from + (event.deltaX || event.deltaY) / (slider.clientWidth - NAME) * view.span, view.span, false);
}, { passive: false });
overview.addEventListener("pointerdown", (event) => {
  const box = overview.getBoundingClientRect();
  look(start + (event.clientX - box.left) / box.width * (end - start) - view.span / 2, view.span);
});
new ResizeObserver(draw).observe(slider);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

const zooms = document.getElementById("zooms"), form = document.getElementById("go-to");
form.hidden = !names.length;
zooms.append(...SPANS.map(([name, span]) => button(name, () => { look((view.at ?? view.from + view.span / 2) - span / 2, span); reveal(); })));
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const { value } = form.elements.time;
  if (!upright.matches) delete view.lane; // whichever camera
  if (value) to(momentOf(main.dataset.day, value.length === 5 ? `${value}:00` : value, zone()));
  reveal();
});

shell();
keys(texts.timeline, [
  [["ArrowLeft"], "the clip before", () => step(-1)],
  [["ArrowRight"], "the next clip", () => step(1)],
  [["Shift+ArrowLeft"], "earlier", () => look(view.from - view.span / 4, view.span)],
  [["Shift+ArrowRight"], "later", () => look(view.from + view.span / 4, view.span)],
  [["ArrowUp"], "the camera above", () => lane(-1)],
  [["ArrowDown"], "the camera below", () => lane(1)],
  [["+", "="], "closer", () => zoom(0.5)],
  [["-"], "further", () => zoom(2)],
  [["t"], "type a time", () => form.elements.time.focus()],
  [["["], "the day before", () => document.querySelector(".day-head [rel=prev]").click()],
  [["]"], "the next day", () => document.querySelector(".day-head [rel=next]").click()],
  [["Enter"], "watch", () => (current() ? location.assign(current().page) : false)],
]);

async function load() {
  for (let address = main.dataset.question; address && clips.length < MOST;) {
    const answer = await get(address);
    for (const clip of answer.clips) {
      clips.push({ start: Date.parse(clip.started_at), end: Date.parse(clip.ended_at), lane: names.indexOf(clip.camera), camera: clip.camera, state: clip.state,
        labels: clip.labels.map((label) => label.name), poster: clip.poster_url, url: clip.url, page: main.dataset.watch.replace(/0$/, clip.id) + filterOf(location.search) });
    }
    draw();
    address = answer.next;
  }
}

const wanted = new URLSearchParams(location.search);
const span = Number((wanted.get("span") ?? "").replace(/m$/, "")) * 60000 || end - start;
view.span = clamp(span, HOUR / 12, end - start);
draw();
load().then(() => { if (wanted.get("at")) { to(Date.parse(wanted.get("at"))); reveal(); } }, () => { said.textContent = texts.cannotLoad("this day’s"); });
