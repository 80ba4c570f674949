// Timeline: all cameras on one axis, the picture above them, a playhead through both. Without scripts it is a list of links.

import { HOUR, MINUTE, apart, bounded, clamp, xOf, zoomed } from "./axis.js";
import { byOrder, changed, filterOf, get, isHidden, may, nameOf, zone } from "./api.js";
import { askMoment } from "./calendar.js";
import { button, element } from "./elements.js";
import { Footage, KINDS, dayOf } from "./footage.js";
import { hands } from "./hands.js";
import { keys, shell } from "./keys.js";
import { Lanes } from "./lanes.js";
import { Live } from "./live.js";
import { Names } from "./names.js";
import { clockOf } from "./pane.js";
import { Span } from "./span.js";
import { Stage } from "./stage.js";
import { _, ngettext, texts } from "./texts.js";
import { dayTitle, momentOf, momentTitle, wall } from "./times.js";

const says = {
  cannotLoadDay: _("Couldn’t load this day’s clips"),
  now: (time, camera, count, all) => _("%(time)s, %(camera)s, clip %(count)s of %(all)s", { time, camera, count, all }),
  nothingChosen: _("no clip chosen"),
  noClipAt: (time) => _("%(time)s, no clip", { time }),
  nearest: (far, later) => (later ? _("The nearest clip, %(span)s later:", { span: far }) : _("The nearest clip, %(span)s earlier:", { span: far })),
  onDay: (count) => ngettext("%(count)s clip on this day", "%(count)s clips on this day", count),
  emptyDay: _("No clips on this day"),
  legend: _("What colours and shapes mean"),
  mark: _("Mark"),
  markHow: _("Drag over the lanes to mark a span (or hold Shift; i and o mark from here to here)"),
};

const SPANS = [["24 h", 24 * HOUR], ["4 h", 4 * HOUR], ["1 h", HOUR], ["5 min", 5 * MINUTE]];
const SETTLED = 500, EDGE = 0.9, NEAR = 14; // ms: the address follows at most so often; share of the view where it turns over; pixels that a finger may miss by
const BESIDE = 4, NAMED = 3; // cameras side by side; labels of one colour that are named
const NOW = 0.92; // where now stands in the view that follows it

const main = document.getElementById("main"), place = document.getElementById("lanes"), address = new URLSearchParams(location.search);
const ahead = Date.parse(main.dataset.now) - Date.now(), now = () => Date.now() + ahead; // the service's clock, not the viewer's
const all = [...document.querySelectorAll("#lane-list [data-camera]")].map((item) => item.dataset.camera);
const state = { view: { from: 0, span: 24 * HOUR }, pinned: null, live: false, steered: false, day: dayOf(Date.parse(main.dataset.start)), settled: 0 };

const boxes = [...document.querySelectorAll("#cameras input")];
const shown = () => { const some = boxes.filter((box) => box.checked).map((box) => box.value); return all.filter(some.length ? (camera) => some.includes(camera) : (camera) => address.has("hidden") || !isHidden(camera)); };
const followed = () => (state.pinned ? [state.pinned] : shown());
const of = () => (state.pinned || shown().length < all.length ? followed() : null); // for footage: all of them are null

// — what there is —

const lanes = new Lanes(place, () => draw());
const footage = new Footage(main.dataset.question, (name) => lanes.kindOf(name), () => { legend(); total(); draw(); });
const names = new Names({ all, shown, pick: (camera) => pin(camera === state.pinned ? null : camera), drawn: () => draw(), say: (words) => readout.replaceChildren(words) });
const slider = element("div", "slider", { role: "slider", tabIndex: 0, "aria-label": texts.timeline, "aria-valuemin": 0, "aria-valuemax": 0, "aria-valuenow": 0, "aria-valuetext": says.nothingChosen });
const head = element("div", "playhead", { hidden: true, "aria-hidden": "true" }, element("span"));
const frame = element("div", "window", { "aria-hidden": "true" });
const bubble = element("div", "bubble", { hidden: true, "aria-hidden": "true" });
const above = element("div", "over", {}, lanes.overview, frame);
const readout = element("output", "readout"), kinds = element("ul", "legend", { "aria-label": says.legend });
const span = new Span({
  within: (from, to) => followed().flatMap((camera) => footage.within(camera, from, to)).toSorted((a, b) => a.start - b.start),
  play: (from, to) => { state.until = to; const first = span.clips[0]; go(Math.max(from, first.start), { clip: first, play: true }); },
  put: (clip) => { if (clip) footage.put(clip); draw(); },
  changed: () => draw(),
  get labels() { return [...document.querySelectorAll("#labels input")].map((box) => box.value); },
});
slider.append(lanes.canvas, span.mark, head, bubble);
place.append(names.root, above, slider);
place.after(element("div", "below", {}, kinds, readout));
const stage = new Stage(document.getElementById("stage"), {
  at: (moment, cameras = followed()) => footage.at(moment, cameras),
  next: (moment, but = null) => { const next = footage.next(moment, followed()); return next && next === but ? footage.next(next.start, followed()) : next; },
  last: (moment, camera) => footage.next(moment, camera ? [camera] : followed(), -1),
  get cameras() { return shown(); },
  get camera() { return state.pinned; },
  page: (clip) => main.dataset.watch.replace(/0$/, clip.id) + filterOf(location.search),
  beside,
  step,
  moved,
  further: (moment) => { further(moment, 1).then((clip) => { if (clip) stage.go(clip.start, clip); else stage.pause(); }, () => stage.pause()); return true; },
});

// — what is looked at —

let drawing = null;
function draw() { drawing ??= requestAnimationFrame(() => { drawing = null; paint(); }); }

function paint() {
  const { view } = state, cameras = shown();
  lanes.draw({ view, footage, cameras, current: stage.clip, now: now(), day: state.day, at: stage.at });
  const { width } = lanes, x = stage.at === null ? -1 : xOf(view, stage.at, width);
  head.hidden = x < 0 || x > width;
  head.style.transform = `translateX(${x}px)`;
  const label = head.firstChild, words = stage.at === null ? "" : clockOf(stage.at), other = label.textContent.length !== words.length;
  label.textContent = words;
  if (other || !state.half) state.half = label.offsetWidth / 2; // by twelve hours it is longer
  label.style.transform = `translateX(calc(-50% + ${clamp(0, state.half + 2 - x, width - state.half - 2 - x)}px))`;
  span.place(view, width);
  const part = (at) => clamp(100 * (at - state.day.start) / (state.day.end - state.day.start), 0, 100);
  frame.style.left = `${part(view.from)}%`;
  frame.style.width = `${Math.max(0.4, part(view.from + view.span) - part(view.from))}%`;
  const tall = lanes.tall(cameras);
  main.style.setProperty("--lanes", `${lanes.height(cameras)}px`);
  names.draw(cameras, tall, state.pinned);
}

/** Look at a stretch; what is not here yet is loaded. */
function look(view, { steered = true } = {}) {
  state.view = bounded(view, Date.parse(main.dataset.first) || now(), dayOf(now()).end);
  if (steered) Object.assign(state, { steered: true, live: false });
  today();
  for (const zoom of zooms.children) zoom.setAttribute("aria-pressed", String(Math.abs(zoom.value / state.view.span - 1) < 0.05));
  live.setAttribute("aria-pressed", String(state.live));
  load();
  draw();
  settle();
}

function load() {
  const { from, span: wide } = state.view;
  footage.need(from, Math.min(from + wide, Math.max(now(), from + 1))).then(() => { if (readout.dataset.failed) speak(); }, () => {
    readout.dataset.failed = "yes";
    readout.replaceChildren(says.cannotLoadDay, " ", button(texts.retry, load));
  });
}

function settle() {
  state.settled ||= setTimeout(() => {
    state.settled = 0;
    const { view, day } = state;
    const values = { at: stage.at === null ? null : new Date(Math.round(stage.at)).toISOString(), span: `${Math.max(1, Math.round(view.span / MINUTE))}m` };
    history.replaceState(null, "", changed(location.href.replace(/\/day\/[^/?]+/, `/day/${day.name}`), values));
  }, SETTLED);
}

function title() {
  const words = dayTitle(state.day.name);
  document.title = `${words} – watcher`;
  document.getElementById("title").textContent = words;
  when();
  document.getElementById("later").toggleAttribute("hidden", state.day.end > now());
  document.getElementById("as-list").href = changed(main.dataset.list, { from: state.day.name, to: state.day.name }) + (filterOf(location.search).replace("?", "&"));
  total();
}

function total() {
  const { start, end } = state.day, count = shown().reduce((sum, camera) => sum + footage.within(camera, start, end).length, 0);
  document.getElementById("total").textContent = count || !footage.has(start) ? says.onDay(count) : says.emptyDay;
}

/** The day that is named and drawn above the lanes: the playhead's while it is in sight; until somebody moves the one that was opened, or now's; else what is looked at. */
function today() {
  const { view, day } = state, end = view.from + view.span;
  const seen = stage.at !== null && view.from <= stage.at && stage.at <= end;
  if (!seen && !state.live && !state.steered && view.from < day.end && day.start < end) return;
  enter(dayOf(seen ? stage.at : state.live ? now() : view.from + view.span / 2));
}

function enter(day) {
  if (state.day.name === day.name) return;
  state.day = day;
  title();
}

/** A day, at the same time by the clock. */
async function toDay(day) {
  const at = momentOf(day.name, stage.at === null ? "12:00:00" : wall(stage.at, zone()).time, zone());
  Object.assign(state, { live: false, steered: false });
  await footage.need(day.start, day.end).catch(() => {});
  const near = footage.nearest(at, followed()), there = near && near.end > day.start && near.start < day.end ? near : null;
  go(there ? clamp(at, there.start, there.end - 1) : at, { clip: there, play: false, turn: false });
  look({ from: at - state.view.span / 2, span: state.view.span }, { steered: false });
}

const otherDay = (direction) => toDay(dayOf(direction < 0 ? state.day.start - 1 : state.day.end));

/** Ask for a moment: the nearest clip is found, of a whole day one at the time that one is at. */
function toMoment() {
  const some = shown(), cameras = some.length < all.length ? some.map((camera) => `&camera=${encodeURIComponent(camera)}`) : [];
  askMoment(moment, around(), main.dataset.question + cameras.join(""), ({ at, whole }) => (whole ? toDay(dayOf(at)) : toTime(at)));
}

/** The moment that one is at, in the row above. */
function when() {
  const words = stage.at === null ? momentTitle(state.day.start, zone()).replace(/ · .*/, "") : momentTitle(stage.at, zone()), label = document.getElementById("when");
  if (label.textContent !== words) label.textContent = words;
}

/** Which labels have which colour and shape, the most frequent ones first, and what other signs mean; as far as they are here. */
function legend() {
  const here = new Set(), labels = new Map(KINDS.map((kind) => [kind, new Map()]));
  for (const clip of footage.of(of())) {
    if (clip.kind === "none") here.add("none");
    if (clip.held) here.add("kept");
    if (clip.state === "broken") here.add("broken");
    const counts = labels.get(clip.kind);
    for (const name of clip.labels) if (lanes.kindOf(name) === clip.kind) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const named = [...labels.values()].filter((counts) => counts.size).map((counts) => [...counts.keys()].toSorted((a, b) => counts.get(b) - counts.get(a)));
  const signs = Object.entries(texts.kinds).filter(([kind]) => here.has(kind)), state = JSON.stringify([named, signs]);
  if (kinds.dataset.shown === state) return;
  kinds.dataset.shown = state;
  kinds.replaceChildren(
    ...named.map((some) => element("li", "tag", { "data-label": some[0], title: some.join(", ") }, some.slice(0, NAMED).join(", ") + (some.length > NAMED ? " …" : ""))),
    ...signs.map(([kind, words]) => element("li", "tag", { "data-kind": kind }, words)),
  );
}

// — where one is —

/** Go to a moment, and to a clip that is there. */
function go(at, { clip = footage.at(at, followed()), play = stage.playing, turn = true } = {}) {
  Object.assign(state, { steered: false });
  stage.playing = play;
  stage.controls.show(play);
  stage.go(at, clip);
  if (turn && (at < state.view.from || at > state.view.from + state.view.span)) look({ from: at - state.view.span / 2, span: state.view.span }, { steered: false });
  speak();
  settle();
  draw();
}

/** Say what is there. */
function speak(before = "") {
  delete readout.dataset.failed;
  const { clip, at } = stage, clips = footage.of(of());
  const time = at === null ? "" : clockOf(at);
  const words = at === null ? says.nothingChosen : clip ? says.now(time, [nameOf(clip.camera), ...clip.labels].join(", "), clips.indexOf(clip) + 1, clips.length) : says.noClipAt(time);
  slider.setAttribute("aria-valuemax", Math.max(0, clips.length - 1));
  slider.setAttribute("aria-valuenow", clip ? clips.indexOf(clip) : 0);
  slider.setAttribute("aria-valuetext", words);
  readout.replaceChildren(before, words);
}

let spoken = null;
function moved() {
  if (state.until && stage.at >= state.until) {
    state.until = null;
    stage.pause();
  }
  if (spoken !== stage.clip) {
    spoken = stage.clip;
    speak();
  }
  const { view } = state, x = (stage.at - view.from) / view.span;
  if (stage.playing && !state.steered && (x > EDGE || x < 0)) look({ from: stage.at - view.span * (1 - EDGE), span: view.span }, { steered: false });
  if (stage.playing) settle();
  today();
  when();
  draw();
}

function pin(camera) {
  state.pinned = camera;
  const near = camera && stage.at !== null && stage.clip?.camera !== camera ? footage.nearest(stage.at, [camera]) : null;
  if (near) go(clamp(stage.at, near.start, near.end - 1), { clip: near });
  else speak();
  draw();
}

/** The picture's camera and others, at this moment on a screen of their own. */
function beside(playing) {
  const first = stage.clip?.camera, cameras = [...(first ? [first] : []), ...stage.pick(shown().filter((camera) => camera !== first), BESIDE - (first ? 1 : 0))];
  return `${main.dataset.side}?${new URLSearchParams([...cameras.map((camera) => ["camera", camera]), ["at", new Date(Math.round(stage.at)).toISOString()]])}${playing ? "#play" : ""}`;
}

const onlyNext = (direction) => {
  const cameras = shown(), index = cameras.indexOf(state.pinned);
  pin(cameras[clamp(index < 0 ? (direction > 0 ? 0 : cameras.length - 1) : index + direction, 0, cameras.length - 1)] ?? null);
};

/** The next clip that there is in one direction, of those that are followed, however many empty days lie between; null for none. */
function further(at, direction) {
  const cameras = followed();
  return footage.further(at, direction, cameras.length === all.length ? [] : cameras);
}

async function step(direction) {
  const at = stage.at ?? (direction > 0 ? state.view.from : state.view.from + state.view.span);
  const here = stage.clip ? stage.clip.start : at, next = footage.next(here, followed(), direction);
  const gap = next && !footage.has(direction > 0 ? here : next.start);
  const other = next && !gap ? next : await further(direction > 0 ? dayOf(here).end : dayOf(here).start, direction).catch(() => null);
  if (other) go(other.start, { clip: other });
}

/** The clip nearest to a typed moment, and how far it is from there. */
async function toTime(at) {
  await footage.need(at - 6 * HOUR, at + 6 * HOUR).catch(() => {}); // it may be on the other side of midnight
  const clip = footage.nearest(at, followed()) ?? await further(at, 1).catch(() => null) ?? await further(at, -1).catch(() => null);
  if (!clip) return go(at, { clip: null });
  const off = at < clip.start ? clip.start - at : at >= clip.end ? clip.end - at : 0;
  go(off ? clip.start : at, { clip, turn: true });
  if (off) speak(`${says.nearest(apart(off), off > 0)} `);
  return undefined;
}

function toNow() {
  Object.assign(state, { live: true, steered: false });
  const wide = Math.min(state.view.span, 4 * HOUR), newest = footage.next(now(), followed(), -1);
  if (newest) go(newest.start, { clip: newest, turn: false });
  look({ from: now() - wide * NOW, span: wide }, { steered: false });
}
setInterval(() => { if (state.live && !document.hidden) look({ from: now() - state.view.span * NOW, span: state.view.span }, { steered: false }); }, 1000);

// — by hand —

const placeOf = (event) => { const box = slider.getBoundingClientRect(); return { x: event.clientX - box.left, y: event.clientY - box.top }; };
hands(slider, above, {
  get view() { return state.view; },
  get day() { return state.day; },
  get width() { return lanes.width; },
  get marks() { return marking.ariaPressed === "true"; },
  look,
  mark: (from, to) => span.set(from, to),
  press,
  hover,
});

/** A press plays the moment that was meant. */
function press(event) {
  const { x, y } = placeOf(event), { at, camera, clip } = lanes.under(x, y, event.pointerType === "touch" ? NEAR : 3);
  if (state.pinned && camera) state.pinned = camera;
  const near = clip ?? (camera && footage.nearest(at, [camera])), reach = NEAR * state.view.span / lanes.width;
  state.until = null;
  if (near && (clip || Math.max(near.start - at, at - near.end) <= reach)) {
    const small = (near.end - near.start) / state.view.span * lanes.width < NEAR;
    go(small || at > near.end ? near.start : Math.max(at, near.start), { clip: near, play: true, turn: false });
  } else go(at, { clip: footage.at(at, followed()), turn: false });
}

/** What is under the pointer, above it; nothing for null. */
function hover(event) {
  bubble.hidden = event === null;
  if (event === null) return;
  const { x, y } = placeOf(event), { at, clip } = lanes.under(x, y);
  bubble.style.transform = `translate(calc(-50% + ${clamp(x, 90, lanes.width - 90)}px), ${y}px)`;
  const words = [clockOf(at), ...(clip ? [nameOf(clip.camera), ...clip.labels] : [])].join(" · ");
  if (bubble.dataset.words === words) return;
  bubble.dataset.words = words;
  bubble.replaceChildren(...(clip?.poster ? [element("img", "", { src: clip.poster, alt: "" })] : []), element("span", "", {}, words));
}
new ResizeObserver(draw).observe(slider);
for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) matchMedia(query).addEventListener("change", () => { lanes.colours = null; draw(); });

// — the row above —

const zooms = document.getElementById("zooms");
const around = () => stage.at ?? state.view.from + state.view.span / 2;
const whole = () => ({ from: state.day.start, span: state.day.end - state.day.start }); // which may have 23 hours, or 25
zooms.append(...SPANS.map(([words, wide]) => button(words, () => look(wide < 24 * HOUR ? { from: around() - wide / 2, span: wide } : whole()), { value: wide, className: "chip" })));
const marking = button(says.mark, () => marking.setAttribute("aria-pressed", String(marking.ariaPressed !== "true")), { className: "chip", "aria-pressed": "false", title: says.markHow });
zooms.append(marking);
for (const [rel, direction] of [["prev", -1], ["next", 1]]) document.querySelector(`.days [rel=${rel}]`).addEventListener("click", (event) => { event.preventDefault(); otherDay(direction); });
const live = document.getElementById("now");
live.hidden = false;
live.onclick = toNow;
const moment = document.getElementById("day-moment");
moment.onclick = toMoment;
for (const box of boxes) box.addEventListener("change", () => { refilter(); draw(); });
const otherwise = document.getElementById("otherwise"); // hidden cameras too, or not
otherwise?.addEventListener("click", () => { otherwise.href = changed(location.href, { hidden: otherwise.dataset.to || null }); });
for (const box of document.querySelectorAll("#labels input")) box.addEventListener("change", () => { refilter(); location.reload(); });
function refilter() {
  const url = new URL(location.href);
  for (const [name, part] of [["camera", "#cameras"], ["label", "#labels"]]) {
    url.searchParams.delete(name);
    for (const box of document.querySelectorAll(`${part} input:checked`)) url.searchParams.append(name, box.value);
  }
  clearTimeout(state.settled);
  state.settled = 0;
  history.replaceState(null, "", url.pathname + url.search);
}

shell([], () => stage.at);
keys(texts.timeline, [
  [[" ", "k"], _("play, pause"), () => stage.flip()],
  [["ArrowLeft"], _("the clip before"), () => { step(-1); }],
  [["ArrowRight"], _("the next clip"), () => { step(1); }],
  [["j"], _("10 seconds back"), () => go(stage.at - 10000)],
  [["l"], _("10 seconds on"), () => go(stage.at + 10000)],
  [["Shift+ArrowLeft"], _("look earlier"), () => look({ from: state.view.from - state.view.span / 4, span: state.view.span })],
  [["Shift+ArrowRight"], _("look later"), () => look({ from: state.view.from + state.view.span / 4, span: state.view.span })],
  [["ArrowUp"], _("only the camera above"), () => onlyNext(-1)],
  [["ArrowDown"], _("only the camera below"), () => onlyNext(1)],
  [["a"], _("all cameras"), () => pin(null)],
  ...(may("admin") ? [[["Alt+ArrowUp", "Alt+ArrowDown"], _("the camera whose name has the focus stands higher or lower"), () => false]] : []), // its name hears them itself
  [["+", "="], _("closer"), () => look(zoomed(state.view, 0.5, around()))],
  [["-"], _("further"), () => look(zoomed(state.view, 2, around()))],
  [["<"], _("slower"), () => stage.controls.faster(-1)],
  [[">"], _("faster"), () => stage.controls.faster(1)],
  [["v"], _("cameras side by side, on a screen of their own"), () => { if (stage.at === null) return false; stage.side.click(); return true; }],
  [["b"], _("cameras beside each other, or one"), () => stage.group(!stage.together)],
  [["i"], _("a span from here"), () => span.set(stage.at, span.to)],
  [["o"], _("a span to here"), () => span.set(span.from, stage.at)],
  [["n"], _("now"), toNow],
  [["t", "d"], _("go to a date or time"), toMoment],
  [["m"], _("mute"), () => stage.controls.hush(!stage.controls.muted)],
  [["f"], _("full screen"), () => stage.controls.fill()],
  [["["], _("the day before"), () => document.querySelector(".day-head [rel=prev]").click()],
  [["]"], _("the next day"), () => document.querySelector(".day-head [rel=next]:not([hidden])")?.click()],
  [["Enter"], _("open the clip"), () => (stage.clip ? location.assign(stage.open.href) : false)],
  [["Escape"], _("no span"), () => (span.from === null ? false : span.set(null, null))],
]);

// — what happens meanwhile, and how it begins —

new Live(async (clips) => {
  for (const clip of clips) {
    const at = Date.parse(clip.started_at), here = footage.has(at) && ["ready", "broken"].includes(clip.state);
    if (!here) footage.drop(clip.id);
    else if (main.dataset.plain || footage.clips.has(clip.id)) arrived(footage.put(clip));
    else await ask(clip, at); // whether it is meant is the server's to say
  }
  legend();
  total();
  draw();
}, () => location.reload(), () => { all.sort(byOrder); names.forget(); legend(); total(); draw(); });

async function ask({ id }, at) {
  const { clips } = await get(changed(main.dataset.question, { from: new Date(at).toISOString(), to: new Date(at + 1).toISOString() }));
  const row = clips.find((clip) => clip.id === id);
  if (row) arrived(footage.put(row));
}

function arrived(clip) {
  if (!all.includes(clip.camera)) { all.push(clip.camera); all.sort(byOrder); }
  if (state.live && !stage.playing && clip.start > (stage.at ?? 0)) go(clip.start, { clip, play: true, turn: false });
}

const at = Date.parse(address.get("at") ?? ""), minutes = Number((address.get("span") ?? "").replace(/m$/, ""));
const recent = state.day.end > now();
const wide = minutes ? minutes * MINUTE : recent || at ? 4 * HOUR : 24 * HOUR;
place.hidden = !all.length;
title();
look(minutes || recent || at ? { from: (at || (recent ? now() - wide * (NOW - 0.5) : (state.day.start + state.day.end) / 2)) - wide / 2, span: wide } : whole(), { steered: false });
footage.need(state.day.start, Math.min(state.day.end, now())).then(() => {
  if (stage.at !== null) return;
  if (at) return void toTime(at);
  const last = footage.next(state.day.end, followed(), -1);
  if (last && last.end > state.day.start) go(last.start, { clip: last, play: false });
}, () => {});
