// The player: one video element, with controls over the picture, into which one clip after another is loaded. What
// belongs to it (speed, volume, full screen, zoom, the picture in picture) so outlives the clip.

import { changed, get, mount as api, send, zone } from "./api.js";
import { learn, shows } from "./card.js";
import { Controls } from "./controls.js";
import { button, element, hint, icon, iconButton } from "./elements.js";
import { loaded } from "./sprite.js";
import { texts } from "./texts.js";
import { length, wall } from "./times.js";

const ON = "watcher-on-and-on", ZOOMED = "watcher-zoomed";
const SPEEDS = [0.25, 0.5, 1, 1.5, 2, 4, 8, 16];
const ADDRESS = 500; // ms: the address follows the position at most so often
const COPY = 1000; // ms between two looks whether a copy is made
const SLOW = 4000; // ms without a picture, after which a copy is offered of a clip whose index is not at its beginning
const SEEN = 0.3; // seconds of a clip after which sound without a picture is taken for a missing decoder
const WATCHED = 3; // seconds of a clip, or half of a shorter one, after which it counts as seen
const AHEAD = 8; // seconds by the clock before the end, at which the next clip's beginning is fetched
const SKIP = 2000; // ms that a clip which cannot be played stands there, where one watches all

/**
 * Let the video of a clip's part of a page play. `next` goes on to the next clip, `ahead` fetches its beginning, `seen` hears
 * that this one counts as seen; `place`: the address says where one is in it.
 */
export function play(root, video, { next, ahead, seen: counted, place }) {
  const screen = root.querySelector("#screen"), loop = { from: null, to: null };
  let notice, clock, started, fps, telling = null, patience = null, dragging = false;
  let clip = null; // what is loaded: an answer that comes after another clip was is not wanted
  const tell = (text) => {
    if ([...notice.querySelectorAll("p")].some((line) => line.textContent === text)) return;
    notice.append(element("p", "told", {}, text));
    notice.hidden = false;
    notice.classList.remove("calm");
  };

  video.controls = false;
  const seek = element("input", "seek", { type: "range", min: 0, max: 1, step: 0.001, value: 0, "aria-label": texts.position });
  const bubble = element("span", "bubble", { hidden: true });
  const time = element("span", "time");
  const loops = iconButton("loop", texts.loop, () => mark(loop.from === null ? "from" : loop.to === null ? "to" : null), { "aria-keyshortcuts": "a b", className: "rare" });
  const onward = element("input", "", { type: "checkbox", checked: localStorage.getItem(ON) === "yes", onchange: () => localStorage.setItem(ON, onward.checked ? "yes" : "no") });
  const bar = root.querySelector("#controls"), flip = () => (video.paused ? start() : video.pause());
  const controls = new Controls({ moves: root, hides: screen, bar, full: document.documentElement, video: () => video }, SPEEDS, { // all is full: the next picture shall have it too
    flip,
    paced: (rate) => { video.defaultPlaybackRate = video.playbackRate = rate; }, // the default is what another source begins with
    heard(muted, loud) {
      Object.assign(video, { muted, volume: loud });
      controls.sound.hidden = controls.volume.hidden = !video.dataset.sound;
    },
  });
  bar.hidden = false;
  bar.replaceChildren(
    element("span", "track", {}, seek, element("span", "sights", { ariaHidden: "true" }), bubble),
    element("span", "row", {}, controls.toggle,
      iconButton("back", texts.back5, () => by(-5), { "aria-keyshortcuts": "ArrowLeft" }), iconButton("on", texts.on5, () => by(5), { "aria-keyshortcuts": "ArrowRight" }),
      time, ...(place ? [element("label", "tick", { id: "on-and-on" }, onward, texts.onward)] : []), controls.speed, controls.sound, controls.volume, loops,
      iconButton("frame", texts.frame, () => saveFrame(), { "aria-keyshortcuts": "s", className: "rare" }),
      iconButton("zoom", texts.zoom, () => zoomed(), { "aria-keyshortcuts": "z", className: "rare" }),
      ...(document.pictureInPictureEnabled ? [iconButton("inset", texts.inset, () => inset(), { "aria-keyshortcuts": "i", className: "rare" })] : []),
      controls.full),
  );

  // Where the element does not know how long it is, the catalog does.
  const seekable = () => (Number.isFinite(video.duration) && video.duration > 0 ? video.duration : Number(video.dataset.seconds) || 0);
  const to = (seconds) => { video.currentTime = Math.min(seekable(), Math.max(0, seconds)); show(); };
  const by = (seconds) => to(video.currentTime + seconds);
  const mark = (which) => {
    if (which === null) Object.assign(loop, { from: null, to: null });
    else loop[which] = video.currentTime;
    const words = loop.from === null ? texts.loop : loop.to === null ? texts.loopTo : `${length(loop.from)}–${length(loop.to)} ✕`;
    loops.replaceChildren(icon("loop"), ...(loop.from === null ? [] : [words]));
    loops.ariaLabel = words;
    loops.title = hint(words, "a b");
    loops.setAttribute("aria-pressed", String(loop.from !== null));
  };
  const inset = () => (document.pictureInPictureElement ? document.exitPictureInPicture() : video.requestPictureInPicture()).catch(() => {});
  const zoomed = () => {
    screen.classList.toggle("zoomed");
    sessionStorage.setItem(ZOOMED, screen.classList.contains("zoomed") ? "yes" : "");
    if (!screen.classList.contains("zoomed")) screen.style.removeProperty("--eye");
  };
  screen.addEventListener("pointermove", (event) => {
    if (!screen.classList.contains("zoomed")) return;
    const box = screen.getBoundingClientRect();
    screen.style.setProperty("--eye", `${100 * (event.clientX - box.left) / box.width}% ${100 * (event.clientY - box.top) / box.height}%`);
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
    if (reason.name !== "NotAllowedError" || !clip) return; // what cannot be played is told by its own event
    controls.hush(true);
    await video.play().catch(() => screen.classList.add("waits"));
  });
  const show = () => {
    if (!clip) return;
    const at = video.currentTime, pictured = at || clip.posterAt;
    const timeOf = (seconds) => wall(started + seconds * 1000, zone()).time;
    const share = seekable() ? Math.min(1, at / seekable()) : 0, got = video.buffered;
    if (!dragging) seek.value = share;
    seek.style.setProperty("--at", share);
    seek.style.setProperty("--got", got.length && seekable() ? got.end(got.length - 1) / seekable() : 0);
    seek.setAttribute("aria-valuetext", `${length(at)}, ${timeOf(at)}`);
    time.textContent = `${length(at)} / ${length(seekable())}`;
    clock.hidden = false;
    clock.textContent = `${timeOf(pictured)}.${Math.floor((pictured % 1) * 10)}`;
    if (loop.from !== null && loop.to > loop.from && at >= loop.to) video.currentTime = loop.from;
    if (video.dataset.picture === "yes" && video.videoWidth === 0 && at > SEEN) silent();
    if (!clip.seen && watched() >= Math.min(WATCHED, seekable() / 2 || WATCHED)) {
      clip.seen = true;
      counted(root.dataset.id);
    }
    if (!clip.ahead && !video.paused && (seekable() - at) / video.playbackRate < AHEAD) {
      clip.ahead = true;
      ahead();
    }
    telling ??= setTimeout(() => {
      telling = null;
      const now = video.currentTime;
      if (clip && place) history.replaceState(history.state, "", changed(location.href, { t: now > 0.5 ? Math.floor(now * 10) / 10 : null }));
    }, ADDRESS);
  };
  // Without a decoder the sound plays, time runs on, and no error is reported: only the width tells.
  const silent = () => {
    tell(texts.noDecoder(video.dataset.codec));
    seen(false);
    offerCopy();
  };
  // A copy that every browser plays: shown where there is one, offered where it can be made.
  const showCopy = (address) => {
    const goes = !video.paused || clip.began;
    clip.from ||= video.currentTime;
    delete video.dataset.decoder; // what is seen now teaches nothing about the clip's own codec
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
    if (clip.offered || !root.dataset.copy) return;
    clip.offered = true;
    if (root.dataset.proxy) { showCopy(root.dataset.proxy); return; }
    const address = `${api}/clips/${root.dataset.id}/proxy`;
    const mine = clip, closed = () => clip !== mine;
    const follow = async (copy) => {
      while (!closed() && copy.state === "waiting") {
        line.replaceChildren(texts.copyWaits(copy.before, copy.progress));
        await new Promise((resolve) => setTimeout(resolve, COPY));
        if (!closed()) copy = await get(address);
      }
      if (closed()) return;
      if (copy.state === "ready") showCopy(copy.url);
      else line.replaceChildren(texts.copyFailed(copy.error));
    };
    const ask = button(texts.makeCopy, () => {
      send("POST", address).then(follow).catch((reason) => { if (!closed()) line.replaceChildren(reason.message); });
    });
    const line = element("p", "copy", {}, ask);
    notice.append(line);
    notice.hidden = false;
  };
  // Where the link is slow, an index at the end, or none, costs what a copy has at its beginning.
  const hope = () => {
    clearTimeout(patience);
    if (!video.dataset.slow) return;
    patience = setTimeout(() => {
      if (!clip || clip.offered) return;
      tell(texts.slowStart);
      offerCopy();
    }, SLOW);
  };
  const seen = (yes) => { if (video.dataset.decoder) learn(video.dataset.decoder, yes); };
  const watched = () => Array.from({ length: video.played.length }, (_, n) => video.played.end(n) - video.played.start(n)).reduce((sum, part) => sum + part, 0);
  seek.addEventListener("input", () => { dragging = true; to(seek.value * seekable()); });
  seek.addEventListener("change", () => { dragging = false; });
  let skimmed; // the clip's sprite, once it is asked for
  const uncover = () => screen.querySelectorAll(".cover").forEach((cover) => cover.remove());
  seek.addEventListener("pointermove", async (event) => {
    const box = seek.getBoundingClientRect(), share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    bubble.hidden = false;
    bubble.style.left = `${share * 100}%`;
    skimmed ??= root.dataset.sprite ? loaded(root.dataset.sprite) : null;
    const sprite = await skimmed;
    sprite?.at(share);
    bubble.replaceChildren(...(sprite ? [sprite.shown] : []), length(share * seekable()));
  });
  seek.addEventListener("pointerleave", () => { bubble.hidden = true; });

  const on = (name, handler) => video.addEventListener(name, handler);
  on("loadedmetadata", () => {
    if (video.dataset.picture === "yes" && video.videoWidth === 0) silent();
    if (video.seekable.length && video.seekable.end(0) === 0 && video.duration > 0) tell(texts.noRange);
    if (clip.from) to(Math.min(clip.from, Math.max(0, seekable() - 0.1)));
    clip.from = 0;
    show();
  });
  on("playing", () => {
    screen.classList.remove("waits");
    if (video.videoWidth > 0) seen(true);
    const bytes = video.webkitAudioDecodedByteCount;
    const mine = clip;
    if (video.dataset.sound && bytes === 0) setTimeout(() => {
      if (clip === mine && !video.paused && video.currentTime > 1 && video.webkitAudioDecodedByteCount === 0) {
        tell(texts.noSound(video.dataset.sound));
        offerCopy();
      }
    }, 1500);
  });
  for (const name of ["timeupdate", "seeked", "durationchange", "progress"]) on(name, show);
  on("seeking", hope);
  for (const name of ["loadeddata", "seeked", "error"]) on(name, () => clearTimeout(patience));
  for (const name of ["play", "pause"]) on(name, () => controls.show(!video.paused));
  for (const name of ["play", "seeking"]) on(name, () => { if (clip) clip.posterAt = 0; }); // it is covered
  on("click", flip);
  on("dblclick", () => controls.fill());
  const onwards = () => place && onward.checked; // in a review a person says when
  on("ended", () => { if (onwards()) next(); });
  on("error", async () => {
    const mine = clip;
    if (!clip || !video.error) return;
    if (onwards()) setTimeout(() => { if (clip === mine && video.error) next(); }, SKIP);
    if (video.error?.code === 3) return tell(texts.damaged(length(video.currentTime)));
    // The element's error is the same for a missing, a forbidden and a damaged clip: ask which.
    const answer = await fetch(video.src, { method: "HEAD" }).catch(() => null);
    if (clip !== mine) return;
    if (answer === null) tell(texts.noAnswer);
    else if (answer.status === 404) tell(texts.gone);
    else if (!answer.ok) tell(texts.refused(answer.status));
    else {
      tell(texts.cannotPlay(video.dataset.codec));
      seen(false);
      offerCopy();
    }
  });
  for (const name of ["loadeddata", "error"]) on(name, uncover);
  controls.pace(controls.rate);
  if (sessionStorage.getItem(ZOOMED)) zoomed();
  swipe(screen, next, () => { if (place) root.querySelector(".beside a[rel=prev]")?.click(); });

  return {
    /** Play what the part of the page says now. `began`: somebody wants it to play; `all`: and what comes after it. */
    load({ began, all = false }) {
      clearTimeout(patience);
      [notice, clock] = [root.querySelector("#notice"), root.querySelector("#clock")];
      [started, fps] = [Date.parse(root.dataset.at), Number(video.dataset.fps) || 25];
      clip = { began, offered: false, seen: false, ahead: false,
        from: (place && Number(new URLSearchParams(location.search).get("t"))) || 0,
        posterAt: Number(video.dataset.posterAt) || 0 }; // seconds into the clip: what its poster shows until it plays
      if (all) onward.checked = true;
      if (loop.from !== null) mark(null);
      skimmed = undefined;
      controls.hush(controls.muted);
      // What this browser cannot show, or what no browser can, is not tried first: there is a copy, or one can be made.
      if (root.dataset.proxy && video.dataset.decoder && !shows(video.dataset.decoder)) offerCopy();
      else if (video.readyState >= 1) video.dispatchEvent(new Event("loadedmetadata"));
      if (video.dataset.decoder && !shows(video.dataset.decoder)) offerCopy();
      if (video.readyState < 2) hope();
      if (video.error) video.dispatchEvent(new Event("error"));
      show();
      if (began) start();
    },
    /** Hold the last picture over the video until the next clip's first one is there: no black between them. */
    cover() {
      if (!video.videoWidth || video.readyState < 2) return;
      const held = element("canvas", "cover", { width: video.videoWidth, height: video.videoHeight, ariaHidden: "true" });
      held.getContext("2d").drawImage(video, 0, 0);
      uncover();
      video.after(held);
    },
    /** Words over the picture for a while: what was left out between two clips. */
    say(words) {
      const line = element("output", "bubble gap", {}, words);
      screen.append(line);
      setTimeout(() => line.remove(), SKIP);
    },
    close() {
      clip = null;
      controls.close();
      uncover();
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
      [["<"], "slower", () => controls.faster(-1)],
      [[">"], "faster", () => controls.faster(1)],
      [["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], "a tenth of it", (event) => to(seekable() * Number(event.key) / 10)],
      [["Home"], "its beginning", () => to(0)],
      [["End"], "its end", () => to(seekable())],
      [["ArrowUp"], "louder", () => controls.louder(0.1)],
      [["ArrowDown"], "quieter", () => controls.louder(-0.1)],
      [["m"], "mute", () => controls.hush(!controls.muted)],
      [["f"], "full screen", () => controls.fill()],
      [["i"], "picture in picture", inset],
      [["a"], "loop from here", () => mark("from")],
      [["b"], "loop to here", () => mark(loop.from === null ? null : "to")],
      [["s"], "save this picture", saveFrame],
      [["z"], "zoom", zoomed],
    ],
  };
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
