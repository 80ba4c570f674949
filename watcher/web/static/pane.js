// A camera's picture at a moment, held to a clock that others share.

import { entitle, get, mount, send, titleOf, zone } from "./api.js";
import { clamp } from "./axis.js";
import { shows } from "./card.js";
import { button, element } from "./elements.js";
import { texts } from "./texts.js";
import { clock, wall } from "./times.js";

const STILL = 0.01; // seconds that a picture which stands may be off
const DRIFT = 0.025, TOO_FAR = 0.35; // seconds of a viewer's, whatever the speed: corrected by the speed; beyond that by a jump
const PULL = 2, MOST = 0.5; // of a second's drift, the share by which the speed differs; at most
const CALM = 1000; // ms between two jumps
const READY = 2; // HAVE_CURRENT_DATA
const FASTEST = 16, SLOWEST = 0.0625; // what browsers play
const LOOK = 1000; // ms between two looks whether a copy is made
const CODECS = { hevc: "H.265", h264: "H.264", av1: "AV1", mjpeg: "MJPEG", mpeg4: "MPEG-4" };

/** One camera's picture. Two videos take turns: the next clip is shown when its picture is there, never a black one. */
export class Pane {
  /** `failed` hears of a clip that cannot be shown, `refused` that sound may not play by itself. */
  constructor(camera, failed, refused = () => {}) {
    const video = () => element("video", "", { muted: true, playsInline: true, preload: "auto" });
    Object.assign(this, { camera, failed, silenced: refused, clip: null, target: null, videos: [video(), video()], turn: 0, cost: 0.1, jumped: -CALM });
    this.title = element("b");
    this.clock = element("span", "clock");
    this.says = element("div", "says", { hidden: true });
    this.poster = element("img", "", { alt: "", hidden: true });
    this.root = element("figure", "pane", {}, ...this.videos, this.poster, element("figcaption", "title", {}, this.title, this.clock), this.says);
    this.name(camera);
    for (const video of this.videos) {
      video.addEventListener("error", () => this.refused(video));
      video.addEventListener("seeked", () => { if (video.leapt) this.cost = (this.cost + Math.min(1, (performance.now() - video.leapt) / 1000)) / 2; video.leapt = 0; });
      video.addEventListener("loadedmetadata", () => { if (video.clip?.film && video.videoWidth === 0) this.refused(video); });
    }
  }

  name(camera) {
    this.camera = camera;
    if (camera) entitle(this.title, camera).title = titleOf(camera);
  }

  get video() { return this.videos[0]; }

  /** Whether what is wanted is what is shown, and can go on. */
  get ready() { return this.clip !== null && this.clip === this.target && this.video.readyState >= READY && !this.broken; }

  /** The moment that its picture is of; null while there is none. */
  get moment() { return this.ready ? this.clip.start + this.video.currentTime * 1000 : null; }

  /** Whether its time runs, so that others can be held to it. */
  get plays() {
    const { video } = this;
    return this.ready && !video.seeking && !video.paused && !video.ended && video.readyState > READY;
  }

  /** Since when (ms) it has no picture of what is wanted, but may get one; null where it has. */
  late(now) {
    const late = this.target !== null && !this.broken && (!this.ready || this.video.seeking);
    this.since = late ? this.since ?? now : null;
    return late ? now - this.since : null;
  }

  /** Be heard, or not. */
  hear(on, loud) {
    for (const video of this.videos) {
      if (video.muted === on) video.muted = !on;
      if (video.volume !== loud) video.volume = loud;
    }
  }

  /** Show a clip at some seconds; `then` when its picture is there. */
  show(clip, seconds, then = () => {}) {
    this.at = seconds;
    if (clip === this.target && clip === this.clip) {
      if (Math.abs(this.video.currentTime - seconds) > 0.01) this.video.currentTime = seconds;
      return then();
    }
    this.name(clip.camera);
    this.root.classList.remove("past");
    this.root.classList.add("loading");
    this.target = clip;
    this.broken = false;
    this.tell(null);
    this.poster.hidden = !clip.poster || this.clip !== null;
    if (clip.poster) this.poster.src = clip.poster;
    this.turn += 1;
    const next = this.prepare(clip), turn = this.turn, mine = () => this.turn === turn && this.target === clip && next.clip === clip;
    const swap = () => {
      if (!mine()) return;
      this.videos.reverse();
      next.classList.add("shown");
      this.videos[1].classList.remove("shown");
      this.videos[1].pause();
      this.clip = clip;
      this.poster.hidden = true;
      this.root.classList.remove("loading");
      then();
    };
    const place = () => {
      if (!mine()) return;
      if (Math.abs(next.currentTime - this.at) < 0.02) swap();
      else {
        next.addEventListener("seeked", swap, { once: true });
        next.currentTime = this.at;
      }
    };
    if (next.error) this.refused(next);
    else if (next.readyState >= READY) place();
    else next.addEventListener("loadeddata", place, { once: true });
    return undefined;
  }

  /** Let a clip's beginning be fetched before it is wanted. */
  prepare(clip) {
    const next = this.videos[1];
    if (next.clip !== clip) {
      next.clip = clip;
      next.copy = Boolean(clip.proxy && (!clip.codec || !shows(clip.codec)));
      next.src = next.copy ? clip.proxy : clip.url;
    }
    return next;
  }

  /** Nothing is there: words say so, over the last picture that was. */
  empty(words, last = null) {
    this.target = this.clip = null;
    Object.assign(this, { last, words });
    this.broken = false;
    for (const video of this.videos) {
      video.pause();
      video.classList.remove("shown");
    }
    this.poster.hidden = !last?.poster;
    if (last?.poster) this.poster.src = last.poster;
    this.root.classList.remove("loading");
    this.root.classList.add("past");
    this.tell(words);
  }

  tell(words, ...more) {
    this.says.hidden = words === null;
    this.says.replaceChildren(...(words === null ? [] : [element("p", "", {}, words), ...more]));
  }

  /** A clip that cannot be shown says why, and offers the copy that plays here. */
  refused(video) {
    const clip = video.clip;
    if (!clip || clip !== this.target) return;
    if (!video.copy && clip.proxy) {
      video.copy = true;
      video.src = clip.proxy;
      return;
    }
    this.broken = true;
    this.root.classList.remove("loading");
    const codec = CODECS[clip.film] ?? clip.film.toUpperCase();
    const words = clip.error ? texts.brokenClip(clip.error) : video.error ? texts.cannotPlay(codec) : texts.noDecoder(codec);
    const ask = button(texts.makeCopy, () => this.copied(clip, ask).catch((reason) => ask.replaceWith(reason.message)));
    this.poster.hidden = !clip.poster;
    this.tell(words, ...(clip.error ? [] : [ask]));
    this.failed(this);
  }

  async copied(clip, ask) {
    const address = `${mount}/clips/${clip.id}/proxy`, line = element("p", "", { role: "status" });
    ask.replaceWith(line);
    let copy = await send("POST", address);
    while (copy.state === "waiting") {
      line.textContent = texts.copyWaits(copy.before, copy.progress);
      await new Promise((resolve) => setTimeout(resolve, LOOK));
      copy = await get(address);
    }
    if (copy.state !== "ready") line.textContent = texts.copyFailed(copy.error);
    else if (clip === this.target) {
      clip.proxy = copy.url;
      const seconds = this.at ?? 0;
      this.target = null;
      for (const video of this.videos) if (video.clip === clip) video.clip = null;
      this.show(clip, seconds);
    }
  }

  /**
   * Be where the leading clock is: a small drift is made good by the speed, a large one by a jump. Without a clip the words
   * that `absent` gives, `{words, last}`, lie over the last picture that was.
   */
  follow(clip, at, rate, playing, absent) {
    if (!clip) {
      const { words, last } = absent();
      if (this.target || this.says.hidden || this.last !== last || this.words !== words) this.empty(words, last);
      return;
    }
    const seconds = (at - clip.start) / 1000, { video } = this;
    if (clip !== this.target) return void this.show(clip, seconds); // and it goes on with the next turn
    this.at = seconds;
    if (!this.ready || video.seeking) return;
    const behind = (seconds - video.currentTime) / rate, over = video.ended && behind > 0; // nothing is left of it to play
    if (!playing) {
      const stops = !video.paused; // what it shows then may be ahead of the time that it says
      this.go(false, rate);
      if ((stops || Math.abs(behind * rate) > STILL) && !over) video.currentTime = seconds;
    } else if (Math.abs(behind) > TOO_FAR && !over && performance.now() - this.jumped > CALM) {
      this.jumped = video.leapt = performance.now();
      video.currentTime = seconds + Math.max(0, this.cost * rate); // where the clock will be by then
    } else this.go(true, Math.abs(behind) > DRIFT ? rate * (1 + clamp(behind * PULL, -MOST, MOST)) : rate);
  }

  go(playing, rate) {
    const { video } = this, pace = clamp(rate, SLOWEST, FASTEST);
    if (Math.abs(video.playbackRate / pace - 1) > 0.01) video.playbackRate = pace;
    if (playing && video.paused && !video.ended) video.play().catch((reason) => { if (reason.name === "NotAllowedError") this.silenced(); }); // else its error says why
    else if (!playing && !video.paused) video.pause();
  }

  close() { this.empty(null); for (const video of this.videos) { video.clip = null; video.removeAttribute("src"); video.load(); } }
}

/** Whether an event is for a button or a link, which may be gone by now. */
export const forButton = (event) => event.composedPath().some((node) => node.matches?.("button, a"));

/** The time over a picture, or in a sentence: without its seconds. */
export const clockOf = (at) => clock(wall(at, zone()).time);
export const minuteOf = (at) => clock(wall(at, zone()).time.slice(0, 5));
