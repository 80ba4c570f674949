// Side by side: two to four cameras at one moment, in step; a strip of each below, where one seeks, and one set of controls.

import { QUARTER, clamp } from "./axis.js";
import { changed, entitle, mount, nameOf, titleOf, zone } from "./api.js";
import { askMoment } from "./calendar.js";
import { Controls } from "./controls.js";
import { button, dialog, element, icon, iconButton } from "./elements.js";
import { Footage } from "./footage.js";
import { Group, stretch } from "./group.js";
import { keys, shell } from "./keys.js";
import { Live } from "./live.js";
import { clockOf, forButton, minuteOf } from "./pane.js";
import { _, ngettext, texts } from "./texts.js";
import { momentTitle } from "./times.js";

const says = {
  cannotLoadThese: _("Couldn’t load these clips"),
  nextThen: (time) => `${_("Nothing at this moment")} · ${_("next clip %(time)s", { time })}`,
  soundOf: (camera) => _("Sound of %(camera)s", { camera }),
  openOf: (camera) => _("Open the clip of %(camera)s", { camera }),
  withoutCamera: (camera) => _("Without %(camera)s", { camera }),
  ofThem: (time, some, all) => ngettext("%(time)s, %(some)s of %(count)s camera", "%(time)s, %(some)s of %(count)s cameras", all, { time, some }),
  noneLater: _("No later clip of these cameras"),
  noneEarlier: _("No earlier clip of these cameras"),
};

const SPEEDS = [0.25, 0.5, 1, 1.5, 2, 4, 8, 16];
const AROUND = QUARTER, AHEAD = 300000; // ms: what is loaded around a moment; how long before its end more is
const PAUSE = 2000; // ms of a gap that takes its time; a longer one is left out
const SETTLED = 500, SAID = 2600; // ms: the address follows at most so often; words stand
const FRAME = 40; // ms of a picture, as most cameras have 25 a second

const main = document.getElementById("main"), place = document.getElementById("panes"), deck = document.getElementById("deck");
const boxes = [...document.querySelectorAll("#cameras input")], fewest = Number(main.dataset.fewest), most = Number(main.dataset.most);
const sound = new URLSearchParams(location.search).get("sound");
let cameras = [...place.querySelectorAll("[data-camera]")].map((pane) => pane.dataset.camera), heard = cameras.includes(sound) ? sound : cameras[0];
let span = { from: 0, to: 1 }, anchor = 0, settled = 0, dragging = false, turn = 0;

const footage = new Footage("", () => "none", () => { measure(); group.run(); }, (moment) => {
  const start = Math.floor(moment / QUARTER) * QUARTER;
  return { name: start, start, end: start + QUARTER };
});
const group = new Group({
  at: (camera, moment) => footage.at(moment, [camera]),
  next: (camera, moment) => footage.next(moment, [camera]),
  absent(camera, moment) {
    const next = footage.next(moment, [camera]), last = footage.next(moment + 1, [camera], -1);
    return { last, words: next ? says.nextThen(clockOf(next.start)) : last ? texts.lastThen(minuteOf(last.start)) : texts.nothingThen(null) };
  },
  moved,
  nothing: overGap,
  refused: () => controls.hush(true),
});
const page = document.documentElement;
const controls = new Controls({ moves: page, hides: page, bar: deck, full: page, video: () => place.querySelector("video.shown") }, SPEEDS, {
  flip,
  paced: (rate) => { group.rate = rate; group.run(); },
  heard: (muted, loud) => { group.hear(heard, muted, loud); mark(); },
});

// — what stands below the pictures —

const seek = element("input", "", { type: "range", min: 0, max: 1, step: "any", value: 0, "aria-label": texts.position });
const strips = element("div", "strips", { "aria-hidden": "true" }), names = element("div", "strip-names", { "aria-hidden": "true" });
const head = element("i", "playhead", { "aria-hidden": "true" }), bubble = element("span", "bubble", { hidden: true, "aria-hidden": "true" });
const time = element("b", "time"), following = element("span", "quiet"), gap = element("output", "bubble gap", { hidden: true });
deck.replaceChildren(
  element("div", "seeking", {}, names, element("div", "stretch", {}, strips, head, seek, bubble)),
  element("div", "row", {},
    iconButton("left", texts.clipBefore, () => step(-1), { "aria-keyshortcuts": "Shift+P" }),
    iconButton("back", texts.back5, () => by(-5), { "aria-keyshortcuts": "ArrowLeft" }), controls.toggle,
    iconButton("on", texts.on5, () => by(5), { "aria-keyshortcuts": "ArrowRight" }),
    iconButton("right", texts.clipAfter, () => step(1), { "aria-keyshortcuts": "Shift+N" }),
    time, following, controls.speed, controls.sound, controls.volume, controls.full));
place.after(gap);

const tools = new Map(); // of each picture: {sound, open, away}
function dress(pane) {
  if (tools.has(pane)) return;
  const { camera } = pane;
  const sound = iconButton("sound", says.soundOf(nameOf(camera)), () => hear(camera), { className: "ic" });
  const open = element("a", "button ic", { "aria-label": says.openOf(nameOf(camera)), title: says.openOf(nameOf(camera)) }, icon("info"));
  for (const name of ["pointerdown", "focus", "click"]) open.addEventListener(name, () => { open.href = pageOf(pane); }, { capture: true });
  const away = iconButton("close", says.withoutCamera(nameOf(camera)), () => { choose(cameras.filter((other) => other !== camera)); boxes[0]?.closest("details").querySelector("summary").focus(); }, { className: "ic" });
  pane.root.append(element("span", "pane-tools", {}, sound, open, away));
  pane.root.dataset.camera = camera;
  tools.set(pane, { sound, open, away });
}

/** The page of a clip, at the second that is shown. */
const pageOf = ({ clip }) => (clip ? changed(main.dataset.watch.replace(/0$/, clip.id), { t: Math.max(0, Math.round((group.at - clip.start) / 100) / 10) }) : "");

/** Say which picture is heard, and which have a clip to open. */
function mark() {
  let some = false;
  for (const pane of group.panes) {
    const { sound, open, away } = tools.get(pane), loud = !group.muted && pane.camera === heard, can = pane.clip?.sound ?? false;
    some ||= can;
    if (sound.ariaPressed !== String(loud)) {
      sound.ariaPressed = String(loud);
      sound.replaceChildren(icon(loud ? "sound" : "silence"));
    }
    sound.hidden = !can;
    open.hidden = !pane.clip;
    if (pane.clip && open.dataset.id !== String(pane.clip.id)) {
      open.dataset.id = pane.clip.id;
      open.href = pageOf(pane);
    }
    away.hidden = cameras.length <= Math.min(fewest, boxes.length);
  }
  controls.sound.hidden = controls.volume.hidden = !some;
}

// — which cameras, and when —

function choose(names) {
  cameras = names.slice(0, most);
  if (!cameras.includes(heard)) heard = cameras[0];
  for (const box of boxes) {
    box.checked = cameras.includes(box.value);
    box.disabled = box.checked ? cameras.length <= fewest : cameras.length >= most;
  }
  const question = new URL(main.dataset.question, location.href);
  for (const camera of cameras) question.searchParams.append("camera", camera);
  footage.question = question.pathname + question.search;
  footage.parts.clear(); // of another question
  group.choose(cameras);
  group.panes.forEach(dress);
  for (const pane of [...tools.keys()]) if (!group.panes.includes(pane)) tools.delete(pane);
  place.replaceChildren(...group.panes.map((pane) => pane.root));
  place.dataset.count = cameras.length;
  group.hear(heard, controls.muted, controls.loud);
  mark();
  load();
  settle();
}

function hear(camera) {
  const same = camera === heard && !controls.muted;
  heard = camera;
  controls.hush(same);
  settle();
}

/** What is around a moment is asked for, and more where one plays on to its end. */
function load() {
  const at = group.at;
  footage.need(at - AROUND, at + AROUND).then(() => { if (gap.dataset.failed) say(null); measure(); group.run(); }, () => {
    say(says.cannotLoadThese, button(texts.retry, load));
    gap.dataset.failed = "yes";
  });
}

/** The stretch that the bar spans, which stays while one is within it; and in it the clips of each camera. */
function measure() {
  if (group.at < span.from || group.at > span.to) anchor = group.at;
  span = stretch(footage.of(cameras), anchor);
  const wide = span.to - span.from, part = (at) => 100 * clamp((at - span.from) / wide, 0, 1);
  names.replaceChildren(...cameras.map((camera) => Object.assign(entitle(element("span"), camera), { title: titleOf(camera) })));
  strips.replaceChildren(...cameras.map((camera) => element("div", "", {}, ...footage.within(camera, span.from, span.to).map((clip) => {
    const bar = element("i", "", { "data-label": clip.labels[0] ?? "" });
    bar.style.left = `${part(clip.start)}%`;
    bar.style.width = `${part(clip.end) - part(clip.start)}%`;
    return bar;
  }))));
}

function go(at) {
  group.go(at);
  load();
  if (at < span.from || at > span.to) measure();
  settle();
}

const by = (seconds) => go(group.at + seconds * 1000);
function flip() { play(!group.playing); }
function play(on) {
  group.play(on);
  controls.show(on);
}

/** The clip of any of the cameras that begins next, or began before. */
async function step(direction) {
  turn += 1;
  const mine = turn, { at } = group, near = footage.next(direction > 0 ? at : at - 500, cameras, direction);
  const known = near && footage.has(direction > 0 ? at : near.start), clip = known ? near : await footage.further(direction > 0 ? Math.max(at + 1, span.to) : span.from, direction).catch(() => null);
  if (mine !== turn) return;
  if (clip) go(clip.start);
  else say(direction > 0 ? says.noneLater : says.noneEarlier);
}

/** Where no camera has a clip, the next one that begins is gone to. */
let over = false;
async function overGap() {
  if (over) return;
  over = true;
  const from = group.at;
  try {
    const next = footage.next(from, cameras) ?? await footage.further(from, 1).catch(() => null);
    if (!group.playing || footage.at(group.at, cameras)) return;
    if (!next || next.start <= group.at) {
      const last = footage.next(group.at + 1, cameras, -1);
      play(false);
      if (last && group.at - last.end < AROUND) go(last.end - 1); // its last picture stays
      say(says.noneLater);
    } else if (next.start - group.at > PAUSE) {
      say(texts.gap(minuteOf(group.at), minuteOf(next.start)));
      go(next.start);
    }
  } finally {
    over = false;
  }
}

function say(words, ...more) {
  clearTimeout(gap.gone);
  delete gap.dataset.failed;
  gap.hidden = words === null;
  gap.replaceChildren(...(words === null ? [] : [words, " ", ...more]));
  if (words !== null && !more.length) gap.gone = setTimeout(() => { gap.hidden = true; }, SAID);
}

function moved() {
  const { at } = group;
  if (at < span.from || at > span.to) measure();
  const share = (at - span.from) / (span.to - span.from), some = cameras.filter((camera) => footage.at(at, [camera])).length;
  if (!dragging) seek.value = share;
  head.style.left = `${100 * clamp(share, 0, 1)}%`;
  const now = clockOf(at), next = footage.next(at, cameras);
  seek.setAttribute("aria-valuetext", says.ofThem(now, some, cameras.length));
  if (time.textContent !== now) {
    time.textContent = now;
    document.getElementById("when").textContent = momentTitle(at, zone());
  }
  const words = next ? texts.then(clockOf(next.start), nameOf(next.camera)) : "";
  if (following.textContent !== words) following.textContent = words;
  mark();
  if (group.playing) {
    settle();
    if (!gap.dataset.failed && !footage.has(at + AHEAD)) load();
  }
}

/** The address says where one is, so that it can be opened again, and by others. */
function settle() {
  settled ||= setTimeout(() => {
    settled = 0;
    history.replaceState(null, "", here());
    document.title = `${minuteOf(group.at)} ${cameras.map(nameOf).join(", ")} – watcher`;
    for (const id of ["close", "timeline"]) {
      const link = document.getElementById(id), to = new URL(link.href);
      to.search = new URLSearchParams([...cameras.map((camera) => ["camera", camera]), ["at", new Date(Math.round(group.at)).toISOString()]]);
      link.href = to.href;
    }
  }, SETTLED);
}

function here() {
  const url = new URL(location.href), { searchParams } = url;
  url.hash = "";
  for (const name of ["camera", "sound"]) searchParams.delete(name);
  for (const camera of cameras) searchParams.append("camera", camera);
  searchParams.set("at", new Date(Math.round(group.at)).toISOString());
  if (heard !== cameras[0]) searchParams.set("sound", heard);
  return url.href;
}

const toMoment = () => askMoment(document.getElementById("moment"), group.at, footage.question, async ({ at }) => {
  await footage.need(at - AROUND, at + AROUND).catch(() => {});
  if (footage.at(at, cameras)) return go(at);
  const neighbours = await Promise.all([-1, 1].map((direction) => footage.further(at, direction).catch(() => null)));
  const near = footage.nearest(at, cameras) ?? neighbours.find(Boolean);
  return go(near ? clamp(at, near.start, Math.max(near.start, near.end - 1000)) : at);
});

async function copy() {
  const link = here(), label = document.querySelector("#copy span");
  if (await navigator.clipboard?.writeText(link).then(() => true, () => false)) label.textContent = texts.copied;
  else {
    const shown = element("input", "", { readOnly: true, value: link, "aria-label": texts.copyLink });
    dialog(texts.copyLink, element("form", "row", { method: "dialog" }, shown, element("button", "primary", {}, texts.close)));
    shown.select();
  }
}

/** To where one came from, if that was here; else to the Timeline. */
function back() {
  if (document.referrer.startsWith(location.origin + mount) && history.length > 1) history.back();
  else location.assign(document.getElementById("close").href);
}

// — hands and keys —

const whereIn = (event) => { const box = seek.getBoundingClientRect(); return clamp((event.clientX - box.left) / box.width, 0, 1); };
seek.addEventListener("input", () => { dragging = true; go(span.from + seek.value * (span.to - span.from)); });
seek.addEventListener("change", () => { dragging = false; });
seek.addEventListener("pointermove", (event) => {
  const share = whereIn(event), at = span.from + share * (span.to - span.from), there = cameras.filter((camera) => footage.at(at, [camera]));
  bubble.hidden = false;
  bubble.style.left = `clamp(4rem, ${100 * share}%, 100% - 4rem)`;
  bubble.textContent = [clockOf(at), ...there].join(" · ");
});
seek.addEventListener("pointerleave", () => { bubble.hidden = true; });
place.addEventListener("click", (event) => { if (!forButton(event)) flip(); });
place.addEventListener("dblclick", (event) => { if (!forButton(event)) controls.fill(); });
document.getElementById("close").addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  back();
});
document.getElementById("moment").onclick = toMoment;
document.getElementById("copy").onclick = copy;
for (const box of boxes) box.addEventListener("change", () => choose(box.checked ? [...cameras, box.value] : cameras.filter((camera) => camera !== box.value)));

const tenth = (event) => go(span.from + Number(event.key) / 10 * (span.to - span.from));
shell([], () => group.at);
keys(texts.sideBySide, [
  [[" ", "k"], _("play, pause"), flip],
  [["ArrowLeft"], _("5 seconds back"), () => by(-5)],
  [["ArrowRight"], _("5 seconds on"), () => by(5)],
  [["j"], _("10 seconds back"), () => by(-10)],
  [["l"], _("10 seconds on"), () => by(10)],
  [[","], _("a picture back"), () => { play(false); by(-FRAME / 1000); }],
  [["."], _("a picture on"), () => { play(false); by(FRAME / 1000); }],
  [["<"], _("slower"), () => controls.faster(-1)],
  [[">"], _("faster"), () => controls.faster(1)],
  [["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], _("a tenth of what the bar spans"), tenth],
  [["Home"], _("its beginning"), () => go(span.from)],
  [["End"], _("its end"), () => go(span.to - 1)],
  [["Shift+N"], _("the next clip of any of them"), () => { step(1); }],
  [["Shift+P"], _("the clip before"), () => { step(-1); }],
  [["ArrowUp"], _("louder"), () => controls.louder(0.1)],
  [["ArrowDown"], _("quieter"), () => controls.louder(-0.1)],
  [["m"], _("mute"), () => controls.hush(!controls.muted)],
  [["o"], _("the sound of the next picture"), () => { heard = cameras[(cameras.indexOf(heard) + 1) % cameras.length]; controls.hush(false); settle(); }],
  [["f"], _("full screen"), () => controls.fill()],
  [["a"], _("which cameras"), () => { const choice = document.querySelector("#choosing details"); if (!choice) return false; choice.open = true; return choice.querySelector("input:enabled")?.focus(); }],
  [["d"], _("go to a date or time"), toMoment],
  [["c"], _("copy the link"), () => { copy(); }],
  [["Enter"], _("open the clip that is heard"), () => { const pane = group.panes.find((pane) => pane.camera === heard && pane.clip) ?? group.panes.find((pane) => pane.clip); return pane ? location.assign(pageOf(pane)) : false; }],
  [["Escape"], _("back"), back],
]);
new Live((clips) => {
  for (const clip of clips) {
    if (!cameras.includes(clip.camera) || !footage.has(Date.parse(clip.started_at))) continue;
    if (["ready", "broken"].includes(clip.state)) footage.put(clip);
    else footage.drop(clip.id);
  }
  measure();
  group.run();
}, () => location.reload());

if (cameras.length) {
  group.rate = controls.rate;
  group.at = Date.parse(main.dataset.at);
  controls.hush(controls.muted);
  choose(cameras);
  if (location.hash === "#play") play(true);
} else deck.hidden = true;
