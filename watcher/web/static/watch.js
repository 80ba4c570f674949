// Watch: one clip, its player and what can be said of it; a page of its own, or over the grid.

import { Refusal, changed, get, may, mount as api, send, zone } from "./api.js";
import { learn, shows, warn } from "./card.js";
import { button, confirmed, dialog, element, icon, iconButton } from "./elements.js";
import { help, keys, shell } from "./keys.js";
import { loaded } from "./sprite.js";
import { texts } from "./texts.js";
import { length, wall } from "./times.js";

const VOLUME = "watcher-volume", ON = "watcher-on-and-on";
const SPEEDS = [0.25, 0.5, 1, 1.5, 2, 4, 8, 16];
const ADDRESS = 500; // ms: the address follows the position at most so often
const COPY = 1000; // ms between two looks whether a copy is made
const SLOW = 4000; // ms without a picture, after which a copy is offered of a clip whose index is not at its beginning
const DIGITS = 9; // labels that have a key in a review
const SEEN = 0.3; // seconds of a clip after which sound without a picture is taken for a missing decoder

/** The part of a clip's page that can be shown within another one; null if it has none. */
export function part(shown) {
  const content = shown.getElementById("watch");
  if (!content) return null;
  const main = content.querySelector("main"), inner = document.createElement("div");
  inner.className = main.className; // one main part is enough for a page
  inner.append(...main.childNodes);
  main.replaceWith(inner);
  return document.adoptNode(content);
}

/**
 * Let a clip's part of a page work. `back` leaves it, `go` shows another one, `began`: somebody wants it to play,
 * `review` goes on to the next clip of a review, where digits are labels and the address is not the clip's.
 */
export function mount(root, { back, go, began, review = null }) {
  const video = root.querySelector("#player"), undo = [];
  const follow = (rel) => {
    const link = root.querySelector(`.beside a[rel=${rel}]`);
    return link ? (go(link.href), true) : false;
  };
  root.querySelector(".close").addEventListener("click", (event) => { event.preventDefault(); back(); });
  for (const link of root.querySelectorAll(".beside a, .grid.small a")) {
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
      event.preventDefault();
      go(link.href);
    });
  }
  for (const one of root.querySelectorAll(".help")) Object.assign(one, { hidden: false, onclick: help });
  const copy = root.querySelector("#copy");
  const copyLink = async () => {
    const seconds = video && video.currentTime > 0.5 ? Math.floor(video.currentTime * 10) / 10 : null;
    const link = new URL(changed(location.href, { t: seconds }), location.origin).href;
    copy.textContent = await navigator.clipboard?.writeText(link).then(() => texts.copied, () => link);
  };
  Object.assign(copy, { hidden: !navigator.clipboard, onclick: copyLink });
  warn(root);
  const labels = about(root, review ?? back, review !== null);
  const player = video ? play(root, video, { began, next: review ?? (() => follow("next")), place: !review }) : null;
  if (player) undo.push(player.close);
  undo.push(keys(review ? texts.review : texts.watch, [
    ...(review ? [...labels, [["Enter"], "the next clip", () => { review(); }]] : []),
    ...(player?.keys ?? []),
    ...(review ? [] : [
      [["Shift+N"], "the next clip", () => follow("next")],
      [["Shift+P"], "the clip before", () => follow("prev")],
    ]),
    [["c"], "copy the link", copyLink],
    [["h"], "hold: never remove it", () => root.querySelector("#actions button.holding")?.click()],
    [["Escape"], "back to the clips", () => back()],
  ], { alone: root.closest("dialog") !== null }));
  root.querySelector(".close").focus({ preventScroll: true });
  return () => undo.forEach((one) => one());
}

// — the player —

function play(root, video, { began, next, place }) {
  const notice = root.querySelector("#notice"), clock = root.querySelector("#clock"), screen = root.querySelector("#screen");
  const started = Date.parse(root.dataset.at), fps = Number(video.dataset.fps) || 25;
  const loop = { from: null, to: null };
  let posterAt = Number(video.dataset.posterAt) || 0; // seconds into the clip: what its poster shows until it plays
  let wanted = (place && Number(new URLSearchParams(location.search).get("t"))) || 0, telling = null, closed = false;
  const tell = (text) => {
    if ([...notice.querySelectorAll("p")].some((line) => line.textContent === text)) return;
    notice.append(element("p", "told", {}, text));
    notice.hidden = false;
    notice.classList.remove("calm");
  };

  video.controls = false;
  const toggle = iconButton("play", texts.play, () => flip(), { "aria-keyshortcuts": "Space k" });
  const seek = element("input", "seek", { type: "range", min: 0, max: 1, step: 0.01, value: 0, "aria-label": texts.position });
  const bubble = element("span", "bubble", { hidden: true });
  const time = element("span", "time");
  const speed = element("select", "", { "aria-label": texts.speed, onchange: () => { video.playbackRate = Number(speed.value); } },
    ...SPEEDS.map((rate) => element("option", "", { value: rate, selected: rate === 1 }, `${rate}×`)));
  const sound = iconButton("sound", texts.mute, () => hush(!video.muted), { "aria-keyshortcuts": "m" });
  const loops = button(texts.loop, () => mark(loop.from === null ? "from" : loop.to === null ? "to" : null), { "aria-keyshortcuts": "a b" });
  const controls = root.querySelector("#controls");
  controls.hidden = false;
  controls.replaceChildren(
    element("span", "track", {}, seek, bubble),
    element("span", "row", {}, toggle,
      button(texts.back5, () => by(-5), { "aria-keyshortcuts": "ArrowLeft" }), button(texts.on5, () => by(5), { "aria-keyshortcuts": "ArrowRight" }),
      time, speed, sound, loops,
      iconButton("frame", texts.frame, () => saveFrame(), { "aria-keyshortcuts": "s" }),
      iconButton("zoom", texts.zoom, () => zoomed(), { "aria-keyshortcuts": "z" }),
      ...(document.pictureInPictureEnabled ? [iconButton("inset", texts.inset, () => inset(), { "aria-keyshortcuts": "i" })] : []),
      iconButton("full", texts.full, () => full(), { "aria-keyshortcuts": "f" })),
  );

  const seekable = () => Number.isFinite(video.duration) ? video.duration : 0;
  const to = (seconds) => { video.currentTime = Math.min(seekable(), Math.max(0, seconds)); show(); };
  const by = (seconds) => to(video.currentTime + seconds);
  const flip = () => (video.paused ? start() : video.pause());
  const flips = () => {
    toggle.replaceChildren(icon(video.paused ? "play" : "pause"));
    toggle.ariaLabel = toggle.title = video.paused ? texts.play : texts.pause;
  };
  const hush = (muted) => {
    video.muted = muted;
    sound.replaceChildren(icon(muted ? "silence" : "sound"));
    sound.ariaLabel = sound.title = muted ? texts.unmute : texts.mute;
    sound.hidden = !video.dataset.sound;
    localStorage.setItem(VOLUME, JSON.stringify([muted, video.volume]));
  };
  const louder = (step) => { video.volume = Math.min(1, Math.max(0, video.volume + step)); hush(false); };
  const faster = (step) => {
    const index = Math.min(SPEEDS.length - 1, Math.max(0, SPEEDS.indexOf(Number(speed.value)) + step));
    speed.value = SPEEDS[index];
    video.playbackRate = SPEEDS[index];
  };
  const mark = (which) => {
    if (which === null) Object.assign(loop, { from: null, to: null });
    else loop[which] = video.currentTime;
    loops.textContent = loop.from === null ? texts.loop : loop.to === null ? texts.loopTo : `${length(loop.from)}–${length(loop.to)} ✕`;
    loops.setAttribute("aria-pressed", String(loop.from !== null));
  };
  const inset = () => (document.pictureInPictureElement ? document.exitPictureInPicture() : video.requestPictureInPicture()).catch(() => {});
  const full = () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else if (screen.requestFullscreen) screen.requestFullscreen().catch(() => {});
    else video.webkitEnterFullscreen?.(); // an iPhone knows only the video's own
  };
  const zoomed = () => {
    screen.classList.toggle("zoomed");
    if (!screen.classList.contains("zoomed")) video.style.transformOrigin = "";
  };
  screen.addEventListener("pointermove", (event) => {
    if (!screen.classList.contains("zoomed")) return;
    const box = screen.getBoundingClientRect();
    video.style.transformOrigin = `${100 * (event.clientX - box.left) / box.width}% ${100 * (event.clientY - box.top) / box.height}%`;
  });
  const saveFrame = () => {
    if (!video.videoWidth) return;
    const canvas = element("canvas", "", { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d").drawImage(video, 0, 0);
    canvas.toBlob((blob) => {
      const shown = wall(started + video.currentTime * 1000, zone()), url = URL.createObjectURL(blob);
      element("a", "", { href: url, download: `${root.dataset.camera} ${shown.day} ${shown.time.replaceAll(":", ".")}.jpg` }).click();
      setTimeout(() => URL.revokeObjectURL(url), 1000);
    }, "image/jpeg", 0.92);
  };

  const start = () => video.play().catch(async (reason) => {
    if (reason.name !== "NotAllowedError" || closed) return; // what cannot be played is told by its own event
    hush(true);
    await video.play().catch(() => screen.classList.add("waits"));
  });
  const show = () => {
    const at = video.currentTime, pictured = at || posterAt;
    const timeOf = (seconds) => wall(started + seconds * 1000, zone()).time;
    if (!dragging) seek.value = seekable() ? at / seekable() : 0;
    seek.setAttribute("aria-valuetext", `${length(at)}, ${timeOf(at)}`);
    time.textContent = `${length(at)} / ${length(seekable())}`;
    clock.hidden = false;
    clock.textContent = `${timeOf(pictured)}.${Math.floor((pictured % 1) * 10)}`;
    if (loop.from !== null && loop.to > loop.from && at >= loop.to) video.currentTime = loop.from;
    if (video.dataset.picture === "yes" && video.videoWidth === 0 && at > SEEN) silent();
    telling ??= setTimeout(() => {
      telling = null;
      const now = video.currentTime;
      if (!closed && place) history.replaceState(history.state, "", changed(location.href, { t: now > 0.5 ? Math.floor(now * 10) / 10 : null }));
    }, ADDRESS);
  };
  // Without a decoder the sound plays, time runs on, and no error is reported: only the width tells.
  const silent = () => {
    tell(texts.noDecoder(video.dataset.codec));
    seen(false);
    offerCopy();
  };
  // A copy that every browser plays: shown where there is one, offered where it can be made.
  let offered = false;
  const showCopy = (address) => {
    const goes = !video.paused || began;
    wanted ||= video.currentTime;
    delete video.dataset.asked; // what is seen now teaches nothing about the clip's own codec
    delete video.dataset.slow;
    clearTimeout(patience);
    video.dataset.codec = "H.264";
    video.dataset.sound &&= "AAC";
    notice.replaceChildren();
    tell(texts.copyShown);
    notice.classList.add("calm");
    video.src = address;
    if (goes) start();
  };
  const offerCopy = () => {
    if (offered || !root.dataset.copy) return;
    offered = true;
    if (root.dataset.proxy) { showCopy(root.dataset.proxy); return; }
    const address = `${api}/clips/${root.dataset.id}/proxy`;
    const follow = async (said) => {
      while (!closed && said.state === "waiting") {
        line.replaceChildren(texts.copyWaits(said.before, said.progress));
        await new Promise((resolve) => setTimeout(resolve, COPY));
        if (!closed) said = await get(address);
      }
      if (closed) return;
      if (said.state === "ready") showCopy(said.url);
      else line.replaceChildren(texts.copyFailed(said.error));
    };
    const ask = button(texts.makeCopy, () => {
      send("POST", address).then(follow).catch((reason) => { if (!closed) line.replaceChildren(reason.message); });
    });
    const line = element("p", "copy", {}, ask);
    notice.append(line);
    notice.hidden = false;
  };
  // Where the link is slow, an index at the end, or none, costs what a copy has at its beginning.
  let patience = null;
  const hope = () => {
    clearTimeout(patience);
    if (!video.dataset.slow) return;
    patience = setTimeout(() => {
      if (closed || offered) return;
      tell(texts.slowStart);
      offerCopy();
    }, SLOW);
  };
  const seen = (yes) => { if (video.dataset.asked) learn(video.dataset.asked, yes); };
  let dragging = false;
  seek.addEventListener("input", () => { dragging = true; to(seek.value * seekable()); });
  seek.addEventListener("change", () => { dragging = false; });
  seek.addEventListener("keydown", (event) => { if (/^(Arrow|Home|End|Page)/.test(event.key)) event.preventDefault(); }); // the screen's keys move it
  skimBar(root, seek, bubble, seekable);

  const on = (name, handler) => video.addEventListener(name, handler);
  on("loadedmetadata", () => {
    if (video.dataset.picture === "yes" && video.videoWidth === 0) silent();
    if (video.seekable.length && video.seekable.end(0) === 0 && video.duration > 0) tell(texts.noRange);
    if (wanted) to(Math.min(wanted, Math.max(0, seekable() - 0.1)));
    wanted = 0;
    show();
  });
  on("playing", () => {
    screen.classList.remove("waits");
    if (video.videoWidth > 0) seen(true);
    const bytes = video.webkitAudioDecodedByteCount;
    if (video.dataset.sound && bytes === 0) setTimeout(() => {
      if (!closed && !video.paused && video.currentTime > 1 && video.webkitAudioDecodedByteCount === 0) {
        tell(texts.noSound(video.dataset.sound));
        offerCopy();
      }
    }, 1500);
  });
  for (const name of ["timeupdate", "seeked", "durationchange"]) on(name, show);
  on("seeking", hope);
  for (const name of ["loadeddata", "seeked", "error"]) on(name, () => clearTimeout(patience));
  for (const name of ["play", "pause"]) on(name, flips);
  for (const name of ["play", "seeking"]) on(name, () => { posterAt = 0; }); // it is covered
  on("click", flip);
  on("dblclick", full);
  on("ended", () => { if (onward.checked && place) next(); }); // in a review a person says when
  on("error", async () => {
    if (closed) return;
    if (video.error?.code === 3) return tell(texts.damaged(length(video.currentTime)));
    // The element's error is the same for a missing, a forbidden and a damaged clip: ask which.
    const answer = await fetch(video.src, { method: "HEAD" }).catch(() => null);
    if (closed) return;
    if (answer === null) tell(texts.noAnswer);
    else if (answer.status === 404) tell(texts.gone);
    else if (!answer.ok) tell(texts.refused(answer.status));
    else {
      tell(texts.cannotPlay(video.dataset.codec));
      seen(false);
      offerCopy();
    }
  });
  const box = root.querySelector("#on-and-on"), onward = box.querySelector("input");
  box.hidden = false;
  onward.checked = localStorage.getItem(ON) === "yes";
  onward.onchange = () => localStorage.setItem(ON, onward.checked ? "yes" : "no");
  const [muted, volume] = JSON.parse(localStorage.getItem(VOLUME) ?? "[true, 1]");
  video.volume = volume;
  hush(muted);
  swipe(screen, next, () => { if (place) root.querySelector(".beside a[rel=prev]")?.click(); });
  if (root.dataset.proxy && video.dataset.asked && !shows(video.dataset.asked)) offerCopy();
  else if (video.readyState >= 1) video.dispatchEvent(new Event("loadedmetadata"));
  if (video.readyState < 2) hope();
  if (video.error) video.dispatchEvent(new Event("error"));
  show();
  if (began) start();

  return {
    close() {
      closed = true;
      video.pause();
      video.removeAttribute("src"); // the browser keeps loading what nobody sees
      video.load();
    },
    keys: [
      [[" ", "k"], "play, pause", flip],
      [["ArrowLeft"], "5 seconds back", () => by(-5)],
      [["ArrowRight"], "5 seconds on", () => by(5)],
      [["j"], "10 seconds back", () => by(-10)],
      [["l"], "10 seconds on", () => by(10)],
      [[","], "a picture back", () => { video.pause(); by(-1 / fps); }],
      [["."], "a picture on", () => { video.pause(); by(1 / fps); }],
      [["<"], "slower", () => faster(-1)],
      [[">"], "faster", () => faster(1)],
      [["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], "a tenth of it", (event) => to(seekable() * Number(event.key) / 10)],
      [["Home"], "its beginning", () => to(0)],
      [["End"], "its end", () => to(seekable())],
      [["ArrowUp"], "louder", () => louder(0.1)],
      [["ArrowDown"], "quieter", () => louder(-0.1)],
      [["m"], "mute", () => hush(!video.muted)],
      [["f"], "full screen", full],
      [["i"], "picture in picture", inset],
      [["a"], "loop from here", () => mark("from")],
      [["b"], "loop to here", () => mark(loop.from === null ? null : "to")],
      [["s"], "save this picture", saveFrame],
      [["z"], "zoom", zoomed],
    ],
  };
}

/** What the seek bar shows above the pointer: the time there, and its picture. */
function skimBar(root, seek, bubble, seekable) {
  let sprite = null, asked = false;
  seek.addEventListener("pointermove", async (event) => {
    const box = seek.getBoundingClientRect(), share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    bubble.hidden = false;
    bubble.style.left = `${share * 100}%`;
    const words = length(share * seekable());
    if (!asked && root.dataset.sprite) {
      asked = true;
      sprite = await loaded(root.dataset.sprite);
    }
    sprite?.at(share);
    bubble.replaceChildren(...(sprite ? [sprite.shown] : []), words);
  });
  seek.addEventListener("pointerleave", () => { bubble.hidden = true; });
}

/** A swipe over the picture is the next clip, or the one before. */
function swipe(screen, next, previous) {
  let from = null;
  screen.addEventListener("touchstart", (event) => { from = event.touches.length === 1 ? event.touches[0] : null; }, { passive: true });
  screen.addEventListener("touchend", (event) => {
    const end = event.changedTouches[0];
    if (!from || Math.abs(end.clientX - from.clientX) < 60 || Math.abs(end.clientY - from.clientY) > 40) return;
    if (end.clientX < from.clientX) next();
    else previous();
  });
}

// — what can be said of a clip —

/** Returns the keys that put labels on. */
function about(root, back, review) {
  const address = `${api}/clips/${root.dataset.id}`, part = root.querySelector("#labels");
  const trouble = element("p", "trouble", { role: "alert", hidden: true });
  const known = part.dataset.known.split("\n").filter(Boolean);
  let names = [...part.querySelectorAll("li[data-label]")].map((one) => one.dataset.label);
  let held = root.dataset.held === "yes";
  const attempt = async (act) => {
    trouble.hidden = true;
    try {
      return await act();
    } catch (reason) {
      if (!(reason instanceof Refusal) && reason.name !== "TypeError") throw reason;
      trouble.textContent = reason.message;
      trouble.hidden = false;
      return undefined;
    }
  };
  const shown = (clip) => {
    if (!clip) return;
    names = clip.labels.map((label) => label.name);
    for (const one of numbered) one.setAttribute("aria-pressed", String(names.includes(one.value)));
    part.querySelector("ul").replaceChildren(...(names.length ? names.map(chip) : [element("li", "none", {}, "none yet")]));
  };
  const put = (name, on) => attempt(async () => {
    shown(await send(on ? "PUT" : "DELETE", `${address}/labels/${encodeURIComponent(name)}`));
    return true;
  });
  const numbered = !review ? [] : known.slice(0, DIGITS).map((name, index) => button(element("kbd", "", {}, index + 1), () => put(name, !names.includes(name)),
    { value: name, "aria-pressed": String(names.includes(name)), "aria-keyshortcuts": index + 1 }));
  for (const one of numbered) one.append(` ${one.value}`);
  const chip = (name) => element("li", "", { "data-label": name }, name, " ",
    button("✕", () => put(name, false), { "aria-label": texts.without(name) }));
  const actions = root.querySelector("#actions");
  actions.hidden = false;
  if (may("label")) {
    part.querySelectorAll("li[data-label]").forEach((one) => one.replaceWith(chip(one.dataset.label)));
    const input = element("input", "", { required: true, maxLength: 100, placeholder: texts.addLabel, "aria-label": texts.addLabel, autocomplete: "off" });
    const list = element("datalist", "", { id: "known-labels" }, ...known.map((value) => element("option", "", { value })));
    input.setAttribute("list", list.id);
    const add = async (event) => {
      event.preventDefault();
      const name = input.value.trim();
      if (name && await put(name, true)) input.value = "";
    };
    if (numbered.length) part.append(element("div", "numbered", {}, ...numbered));
    part.append(element("form", "row", { onsubmit: add }, input, list, element("button", "", {}, texts.add)));
    const hold = button(held ? texts.release : texts.hold, () => attempt(async () => {
      held = (await send("PATCH", address, { held: !held })).held;
      hold.textContent = held ? texts.release : texts.hold;
      hold.setAttribute("aria-pressed", String(held));
    }), { className: "holding", "aria-keyshortcuts": "h", "aria-pressed": String(held), title: texts.held });
    actions.append(hold);
  }
  if (root.querySelector("#player")) {
    actions.append(button(texts.share, () => attempt(async () => {
      const { url } = await send("POST", `${address}/share`, { expires_in_seconds: 86400 });
      const link = element("input", "", { readOnly: true, value: new URL(url, location.origin).href, "aria-label": texts.shared });
      dialog(texts.shared, element("form", "row", { method: "dialog" }, link, element("button", "", {}, texts.close)));
      link.select();
      await navigator.clipboard?.writeText(link.value).catch(() => {});
    })));
  }
  if (root.querySelector("#player")) {
    const line = element("p", "film", { role: "status", hidden: true });
    actions.append(button(texts.film, () => askFilm((minutes) => attempt(async () => {
      line.hidden = false;
      await film(root, minutes, line);
    }))));
    actions.after(line);
  }
  const binned = root.querySelector("#binned");
  if (may("admin") && binned) {
    binned.append(button(texts.restore, () => attempt(async () => {
      let clip = await send("POST", `${address}/restore`);
      while (clip.state === "missing") { // until the ingester has seen its file
        await new Promise((resolve) => setTimeout(resolve, 200));
        clip = await get(address);
      }
      location.reload();
    })));
  }
  if (may("admin") && root.querySelector("#player")) {
    actions.append(button(texts.remove, async () => {
      if (!await confirmed(texts.askRemove(1, document.documentElement.dataset.bin), texts.remove, texts.cancel)) return;
      if (await attempt(async () => { await send("DELETE", address); return true; })) back();
    }, { className: "danger" }));
  }
  part.append(trouble);
  strip(root).catch(() => {}); // a help to find one's way, no more
  return numbered.length ? [[numbered.map((_, index) => String(index + 1)), "a label on, or off", (event) => numbered[Number(event.key) - 1].click()]] : [];
}

/** Asks how much before and after the clip is to be in a film. */
function askFilm(done) {
  const input = element("input", "", { type: "number", min: 0, max: 720, value: 5, required: true, "aria-label": texts.minutes });
  const form = element("form", "row", { onsubmit: (event) => { event.preventDefault(); asked.close(); done(Number(input.value)); } },
    input, texts.minutes, element("button", "primary", {}, texts.film));
  const asked = dialog(texts.askFilm, form);
  input.select();
}

/** One film of the clips around this one: asked for, waited for, offered in a line of the page. */
async function film(root, minutes, line) {
  const around = minutes * 60000, start = Date.parse(root.dataset.at), end = Date.parse(root.dataset.until);
  const time = (at) => new Date(at).toISOString();
  let said = await send("POST", `${api}/exports`, { cameras: [root.dataset.camera], from: time(start - around), to: time(end + around), cut: "key" });
  while (root.isConnected && ["waiting", "working"].includes(said.state)) {
    line.replaceChildren(texts.filmWaits(said.progress));
    await new Promise((resolve) => setTimeout(resolve, COPY));
    said = await get(`${api}/exports/${said.id}`);
  }
  line.replaceChildren(...(said.error ? [texts.filmFailed(said.error)] : said.files.flatMap((file) =>
    [element("a", "button", { href: file.url, download: "" }, texts.fetchFilm(length(file.duration_seconds))), " "])));
}

/** The camera's day below the picture: where clips are, and which is this one. */
async function strip(root) {
  const at = Date.parse(root.dataset.at), camera = root.dataset.camera, { day } = wall(at, zone());
  const question = new URLSearchParams([["bucket", "quarter"], ["camera", camera], ["tz", zone()],
    ["from", new Date(at - 86400000).toISOString()], ["to", new Date(at + 86400000).toISOString()]]);
  const { buckets } = await get(`${api}/timeline?${question}`);
  const today = buckets.filter((bucket) => wall(bucket.start, zone()).day === day);
  const place = (moment) => { const [h, m, s] = wall(moment, zone()).time.split(":").map(Number); return (h * 3600 + m * 60 + s) / 864; };
  const most = Math.max(...today.map((bucket) => bucket.clips));
  const bar = element("a", "strip", { href: root.querySelector(".facts a[href*='/day/']").href, "aria-label": `${camera}, ${day}: ${texts.timeline}` });
  for (const bucket of today) {
    const mark = element("i");
    mark.style.left = `${place(bucket.start)}%`;
    mark.style.opacity = 0.35 + 0.65 * bucket.clips / most;
    bar.append(mark);
  }
  const here = element("b");
  here.style.left = `${place(at)}%`;
  bar.append(here);
  root.querySelector(".beside").before(bar);
}

if (document.querySelector("body > #watch")) {
  shell();
  const root = document.getElementById("watch"), leave = root.querySelector(".close").href;
  mount(root, { back: () => location.assign(leave), go: (address) => location.assign(address), began: false });
}
