// The pictures above the lanes: one camera at a moment, or up to four in step. One clock leads, the others are held to it.

import { get, mount, send, zone } from "./api.js";
import { shows } from "./card.js";
import { button, element } from "./elements.js";
import { texts } from "./texts.js";
import { wall } from "./times.js";

const DRIFT = 0.04, TOO_FAR = 0.7; // seconds: corrected by the speed; beyond that by a jump
const READY = 2; // HAVE_CURRENT_DATA
const FASTEST = 16; // what browsers play
const LOOK = 1000; // ms between two looks whether a copy is made
const CODECS = { hevc: "H.265", h264: "H.264", av1: "AV1", mjpeg: "MJPEG", mpeg4: "MPEG-4" };

/** One camera's picture. Two videos take turns: the next clip is shown when its picture is there, never a black one. */
export class Pane {
  constructor(camera, failed) {
    const video = () => element("video", "", { muted: true, playsInline: true, preload: "auto" });
    Object.assign(this, { camera, failed, clip: null, wanted: null, videos: [video(), video()] });
    this.title = element("b");
    this.clock = element("span", "clock");
    this.says = element("div", "says", { hidden: true });
    this.poster = element("img", "", { alt: "", hidden: true });
    this.root = element("figure", "pane", {}, ...this.videos, this.poster, element("figcaption", "title", {}, this.title, this.clock), this.says);
    this.name(camera);
    for (const one of this.videos) {
      one.addEventListener("error", () => this.refused(one));
      one.addEventListener("loadedmetadata", () => { if (one.clip?.film && one.videoWidth === 0) this.refused(one); });
    }
  }

  name(camera) {
    this.camera = camera;
    this.title.textContent = camera ?? "";
    this.title.title = camera ?? "";
  }

  get video() { return this.videos[0]; }

  /** Whether what is wanted is what is shown, and can go on. */
  get ready() { return this.clip !== null && this.clip === this.wanted && this.video.readyState >= READY && !this.broken; }

  /** The moment that its picture is of; null while there is none. */
  get moment() { return this.ready ? this.clip.start + this.video.currentTime * 1000 : null; }

  /** Show a clip at some seconds; `then` when its picture is there. */
  show(clip, seconds, then = () => {}) {
    if (clip === this.wanted && clip === this.clip) {
      if (Math.abs(this.video.currentTime - seconds) > 0.01) this.video.currentTime = seconds;
      return then();
    }
    this.name(clip.camera);
    this.root.classList.remove("past");
    this.root.classList.add("loading");
    this.wanted = clip;
    this.broken = false;
    this.tell(null);
    this.poster.hidden = !clip.poster || this.clip !== null;
    if (clip.poster) this.poster.src = clip.poster;
    const next = this.prepare(clip), mine = () => this.wanted === clip && next.clip === clip;
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
      if (Math.abs(next.currentTime - seconds) < 0.02) swap();
      else {
        next.addEventListener("seeked", swap, { once: true });
        next.currentTime = seconds;
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
    this.wanted = this.clip = null;
    this.last = last;
    this.broken = false;
    for (const one of this.videos) {
      one.pause();
      one.classList.remove("shown");
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
    if (!clip || clip !== this.wanted) return;
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
    let said = await send("POST", address);
    while (said.state === "waiting") {
      line.textContent = texts.copyWaits(said.before, said.progress);
      await new Promise((resolve) => setTimeout(resolve, LOOK));
      said = await get(address);
    }
    if (said.state !== "ready") line.textContent = texts.copyFailed(said.error);
    else if (clip === this.wanted) {
      clip.proxy = said.url;
      const seconds = this.at ?? 0;
      this.wanted = null;
      for (const one of this.videos) if (one.clip === clip) one.clip = null;
      this.show(clip, seconds);
    }
  }

  /** Be where the leading clock is: a small drift is made good by the speed, a large one by a jump. */
  follow(clip, at, rate, playing, last) {
    if (!clip) {
      if (this.wanted || this.says.hidden || this.last !== last) this.empty(last ? texts.lastThen(clockOf(last.start).slice(0, 5)) : texts.nothingThen(null), last);
      return;
    }
    const seconds = (at - clip.start) / 1000, { video } = this;
    this.at = seconds;
    if (clip !== this.wanted) return void this.show(clip, seconds, () => this.go(playing, rate));
    if (!this.ready || video.seeking) return;
    const drift = video.currentTime - seconds;
    if (Math.abs(drift) > TOO_FAR * Math.max(1, rate) || (!playing && Math.abs(drift) > DRIFT)) video.currentTime = seconds;
    this.go(playing, Math.abs(drift) > DRIFT ? Math.max(0.1, rate * (1 - Math.max(-0.5, Math.min(0.5, drift)))) : rate);
  }

  go(playing, rate) {
    const { video } = this;
    if (video.playbackRate !== Math.min(FASTEST, rate)) video.playbackRate = Math.min(FASTEST, rate);
    if (playing && video.paused && !video.ended) video.play().catch(() => {}); // muted it may; what cannot be played says so by its error
    else if (!playing && !video.paused) video.pause();
  }

  close() { this.empty(null); for (const one of this.videos) { one.clip = null; one.removeAttribute("src"); one.load(); } }
}

/** The time over a picture. */
export const clockOf = (at) => wall(at, zone()).time;
