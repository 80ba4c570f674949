// The player: one video element, with controls over the picture, into which one clip after another is loaded. What
// belongs to it (speed, volume, full screen, zoom, the picture in picture) so outlives the clip.

import { changed, zone } from "./api.js";
import { learn, shows } from "./card.js";
import { Controls } from "./controls.js";
import { element, hint, icon, iconButton } from "./elements.js";
import { Copy } from "./made.js";
import { SeekBar } from "./seek.js";
import { _, texts } from "./texts.js";
import { clock as clockOf, length, wall } from "./times.js";

const ON = "watcher-on-and-on", ZOOMED = "watcher-zoomed";
const SPEEDS = [0.25, 0.5, 1, 1.5, 2, 4, 8, 16];
const ADDRESS = 500; // ms: the address follows the position at most so often
const SLOW = 4000; // ms without a picture, after which a copy is offered of a clip whose index is not at its beginning
const SOUNDLESS = 1500; // ms of playing, after which sound of which nothing was decoded is missed
const LATE = 600; // ms after its beginning is there, at which WebKit knows a picture's size too
const SEEN = 1; // seconds of a clip after which sound without a picture is taken for a missing decoder
const WATCHED = 3; // seconds of a clip, or half of a shorter one, after which it counts as seen
const AHEAD = 8; // seconds by the clock before the end, at which the next clip's beginning is fetched
const NEAR = 2.5; // times: as near as a press draws the picture
const SKIP = 2000; // ms that a clip which cannot be played stands there, where one watches all

export class Player {
  /**
   * Let the video of a clip's part of a page play. `next` goes on to the next clip, `ahead` fetches its beginning, `seen` hears
   * that this one counts as seen; `place`: the address says where one is in it.
   */
  constructor(root, video, does) {
    Object.assign(this, { root, video, does, screen: root.querySelector("#screen"), loop: { from: null, to: null } });
    this.clip = null; // what is loaded: an answer that comes after another clip was is not wanted
    video.controls = false;
    this.seek = new SeekBar({ to: (share) => this.to(share * this.seconds), seconds: () => this.seconds, sprite: () => root.dataset.sprite });
    this.time = element("span", "time");
    this.onward = element("input", "", { type: "checkbox", checked: localStorage.getItem(ON) === "yes", onchange: () => localStorage.setItem(ON, this.onward.checked ? "yes" : "no") });
    this.loops = iconButton("loop", texts.loop, () => this.mark(this.loop.from === null ? "from" : this.loop.to === null ? "to" : null), { "aria-keyshortcuts": "a b", className: "rare" });
    const bar = root.querySelector("#controls");
    this.controls = new Controls({ moves: root, hides: this.screen, bar, full: document.documentElement, video: () => video }, SPEEDS, { // all is full: the next picture shall have it too
      flip: () => this.flip(),
      paced: (rate) => { video.defaultPlaybackRate = video.playbackRate = rate; }, // the default is what another source begins with
      heard: (muted, volume) => {
        Object.assign(video, { muted, volume });
        this.controls.sound.hidden = this.controls.volume.hidden = !video.dataset.sound;
      },
    });
    bar.hidden = false;
    bar.replaceChildren(this.seek.shown, this.row());
    this.listen();
    this.controls.pace(this.controls.rate);
    if (sessionStorage.getItem(ZOOMED)) this.zoom();
    if (navigator.maxTouchPoints) import("./fingers.js").then(({ fingers }) => fingers(this.screen, {
      next: does.next,
      previous: () => { if (does.place) root.querySelector(".beside a[rel=prev]")?.click(); },
      skip: (direction) => { this.flip(); this.by(10 * direction); }, // the first of two taps was a press
      times: () => this.times,
      zoom: (times, x, y) => this.zoom(times, x, y),
      look: (x, y) => this.look(x, y),
    }), () => {}); // without them there are buttons
  }

  row() {
    const { controls } = this, rare = (name, words, key, press) => iconButton(name, words, press, { "aria-keyshortcuts": key, className: "rare" });
    return element("span", "row", {}, controls.toggle,
      iconButton("back", texts.back5, () => this.by(-5), { "aria-keyshortcuts": "ArrowLeft" }), iconButton("on", texts.on5, () => this.by(5), { "aria-keyshortcuts": "ArrowRight" }),
      this.time, ...(this.does.place ? [element("label", "tick", { id: "on-and-on", title: texts.onward }, this.onward, icon("onward"), element("span", "", {}, texts.onward))] : []), controls.speed, controls.sound, controls.volume, this.loops,
      rare("frame", texts.frame, "s", () => this.saveFrame()), rare("zoom", texts.zoom, "z", () => this.zoom()),
      ...(document.pictureInPictureEnabled ? [rare("inset", texts.inset, "i", () => this.inset())] : []), controls.full);
  }

  listen() {
    const { video, screen, controls } = this, on = (names, handler) => { for (const name of names) video.addEventListener(name, handler); };
    on(["loadedmetadata"], () => this.opened());
    on(["loadeddata"], () => { const { clip } = this; setTimeout(() => { if (clip && this.clip === clip) this.pictured(); }, LATE); });
    on(["playing"], () => this.began());
    on(["timeupdate", "seeked", "durationchange", "progress"], () => this.show());
    on(["seeking"], () => this.hope());
    on(["loadeddata", "seeked", "error"], () => clearTimeout(this.patience));
    on(["play", "pause"], () => controls.show(!video.paused));
    on(["play", "seeking"], () => { if (this.clip) this.clip.posterAt = 0; }); // it is covered
    on(["click"], () => this.flip());
    on(["dblclick"], () => controls.fill());
    on(["ended"], () => { if (this.goesOn) this.does.next(); });
    on(["error"], () => { this.failed(); });
    on(["loadeddata", "error"], () => this.uncover());
    screen.addEventListener("pointermove", (event) => {
      if (event.pointerType === "touch" || !screen.classList.contains("zoomed")) return;
      const box = screen.getBoundingClientRect();
      this.look((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    });
  }

  /** How long it is: where the element does not know, the catalog does. */
  get seconds() { return Number.isFinite(this.video.duration) && this.video.duration > 0 ? this.video.duration : Number(this.video.dataset.seconds) || 0; }

  /** Whether the next clip comes by itself; in a review a person says when, and it would take away what somebody is writing beside this one. */
  get goesOn() { return this.does.place && this.onward.checked && !this.root.querySelector(".about :is(textarea, input):focus"); }

  // — what a press does —

  flip() { if (this.video.paused) this.start(); else this.video.pause(); }

  to(seconds) {
    this.video.currentTime = Math.min(this.seconds, Math.max(0, seconds));
    this.show();
  }

  by(seconds) { this.to(this.video.currentTime + seconds); }

  /** Loop from or to here; null: no loop. */
  mark(which) {
    const { loop, loops } = this;
    if (which === null) Object.assign(loop, { from: null, to: null });
    else loop[which] = this.video.currentTime;
    const words = loop.from === null ? texts.loop : loop.to === null ? texts.loopTo : `${length(loop.from)}–${length(loop.to)} ✕`;
    loops.replaceChildren(icon("loop"), ...(loop.from === null ? [] : [words]));
    loops.ariaLabel = words;
    loops.title = hint(words, "a b");
    loops.setAttribute("aria-pressed", String(loop.from !== null));
  }

  inset() { (document.pictureInPictureElement ? document.exitPictureInPicture() : this.video.requestPictureInPicture()).catch(() => {}); }

  /** How near the picture is drawn; 1: as a whole. */
  get times() { return this.screen.classList.contains("zoomed") ? Number(this.screen.style.getPropertyValue("--times")) || NEAR : 1; }

  /** Draw it so near, around a place (shares of its width and height); without a number: near, or whole again. */
  zoom(times = this.times > 1 ? 1 : NEAR, x = null, y = null) {
    const { classList, style } = this.screen, near = times > 1;
    classList.toggle("zoomed", near);
    sessionStorage.setItem(ZOOMED, near ? "yes" : "");
    style.setProperty("--times", times);
    if (!near) style.removeProperty("--eye");
    else if (x !== null) this.look(x, y);
  }

  /** Which place of a picture that is drawn near is seen. */
  look(x, y) { this.screen.style.setProperty("--eye", `${100 * x}% ${100 * y}%`); }

  saveFrame() {
    const { video } = this;
    if (!video.videoWidth) return;
    picture(video).toBlob((blob) => {
      const shown = wall(this.started + video.currentTime * 1000, zone()), url = URL.createObjectURL(blob);
      element("a", "", { href: url, download: `${this.root.dataset.camera} ${shown.day} ${shown.time.replaceAll(":", ".")}.jpg` }).click();
      setTimeout(() => URL.revokeObjectURL(url), 1000);
    }, "image/jpeg", 0.92);
  }

  start() {
    this.video.play().catch(async (reason) => {
      if (reason.name !== "NotAllowedError" || !this.clip) return; // what cannot be played is told by its own event
      this.controls.hush(true);
      await this.video.play().catch(() => this.screen.classList.add("waits"));
    });
  }

  // — what is shown —

  tell(text) {
    const { notice } = this;
    if ([...notice.querySelectorAll("p")].some((line) => line.textContent === text)) return;
    notice.append(element("p", "told", {}, text));
    notice.hidden = false;
    notice.classList.remove("calm");
  }

  show() {
    const { video, clip, seconds, loop, clock } = this;
    if (!clip) return;
    const at = video.currentTime, pictured = at || clip.posterAt, got = video.buffered;
    const timeOf = (second, tenth = "") => clockOf(wall(this.started + second * 1000, zone()).time + tenth);
    this.seek.show(seconds ? Math.min(1, at / seconds) : 0, got.length && seconds ? got.end(got.length - 1) / seconds : 0, `${length(at)}, ${timeOf(at)}`);
    this.time.textContent = `${length(at)} / ${length(seconds)}`;
    clock.hidden = false;
    clock.textContent = timeOf(pictured, `.${Math.floor((pictured % 1) * 10)}`);
    if (loop.from !== null && loop.to > loop.from && at >= loop.to) video.currentTime = loop.from;
    if (at > SEEN) this.pictured();
    this.count(at, seconds);
    this.follow();
  }

  /** What comes of how far it was watched: it counts as seen; near its end the next one's beginning is fetched. */
  count(at, seconds) {
    const { video, clip, does } = this;
    if (!clip.seen && watched(video) >= Math.min(WATCHED, seconds / 2 || WATCHED)) {
      clip.seen = true;
      does.seen(this.root.dataset.id);
    }
    if (!clip.ahead && !video.paused && (seconds - at) / video.playbackRate < AHEAD) {
      clip.ahead = true;
      does.ahead();
    }
  }

  /** The address follows. */
  follow() {
    this.following ??= setTimeout(() => {
      this.following = null;
      const now = this.video.currentTime;
      if (this.clip && this.does.place) history.replaceState(history.state, "", changed(location.href, { t: now > 0.5 ? Math.floor(now * 10) / 10 : null }));
    }, ADDRESS);
  }

  // — what the element says —

  opened() {
    const { video, clip } = this;
    if (video.seekable.length && video.seekable.end(0) === 0 && video.duration > 0) this.tell(texts.noRange);
    if (clip.from) this.to(Math.min(clip.from, Math.max(0, this.seconds - 0.1)));
    clip.from = 0;
    this.show();
  }

  began() {
    const { video, clip } = this;
    this.screen.classList.remove("waits");
    if (video.videoWidth > 0) this.learn(true);
    if (!video.dataset.sound || video.webkitAudioDecodedByteCount !== 0) return;
    setTimeout(() => {
      if (this.clip !== clip || video.paused || video.currentTime <= 1 || video.webkitAudioDecodedByteCount !== 0) return;
      this.tell(texts.noSound(video.dataset.sound));
      clip.copy.offer();
    }, SOUNDLESS);
  }

  async failed() {
    const { video, clip } = this;
    if (!clip || !video.error) return;
    if (this.goesOn) setTimeout(() => { if (this.clip === clip && video.error) this.does.next(); }, SKIP);
    if (video.error.code === MediaError.MEDIA_ERR_DECODE) { this.tell(texts.damaged(length(video.currentTime))); return; }
    // The element's error is the same for a missing, a forbidden and a damaged clip: ask which.
    const answer = await fetch(video.src, { method: "HEAD" }).catch(() => null);
    if (this.clip !== clip) return;
    if (answer === null) this.tell(texts.noAnswer);
    else if (answer.status === 404) this.tell(texts.gone);
    else if (!answer.ok) this.tell(texts.refused(answer.status));
    else this.undecoded(texts.cannotPlay(video.dataset.codec));
  }

  /** Without a decoder the sound plays, time runs on, and no error is reported: only the width tells. */
  pictured() {
    const { video } = this;
    if (video.dataset.picture === "yes" && video.videoWidth === 0 && video.readyState >= 2) this.undecoded(texts.noDecoder(video.dataset.codec));
  }

  undecoded(words) {
    this.tell(words);
    this.learn(false);
    this.clip.copy.offer();
  }

  /** What this browser decodes, for the cards of other clips. */
  learn(decoded) { if (this.video.dataset.decoder) learn(this.video.dataset.decoder, decoded); }

  /** Where the link is slow, an index at the end, or none, costs what a copy has at its beginning. */
  hope() {
    clearTimeout(this.patience);
    if (!this.video.dataset.slow) return;
    this.patience = setTimeout(() => {
      if (!this.clip || this.clip.copy.offered) return;
      this.tell(texts.slowStart);
      this.clip.copy.offer();
    }, SLOW);
  }

  showCopy(address) {
    const { video, clip, notice } = this, goes = !video.paused || clip.began;
    clip.from ||= video.currentTime;
    delete video.dataset.decoder; // what is seen now teaches nothing about the clip's own codec
    delete video.dataset.slow;
    clearTimeout(this.patience);
    video.dataset.codec = "H.264";
    video.dataset.sound &&= "AAC";
    notice.replaceChildren();
    this.tell(texts.copyShown);
    notice.classList.add("calm");
    video.src = address;
    if (goes) this.start();
  }

  // — one clip after another —

  /** Play what the part of the page says now. `began`: somebody wants it to play; `all`: and what comes after it. */
  load({ began, all = false }) {
    const { root, video } = this;
    clearTimeout(this.patience);
    this.clip?.copy.close();
    [this.notice, this.clock, this.started] = [root.querySelector("#notice"), root.querySelector("#clock"), Date.parse(root.dataset.at)];
    this.clip = { began, seen: false, ahead: false,
      copy: new Copy(root.dataset, this.notice, (address) => this.showCopy(address)),
      from: (this.does.place && Number(new URLSearchParams(location.search).get("t"))) || 0,
      posterAt: Number(video.dataset.posterAt) || 0 }; // seconds into the clip: what its poster shows until it plays
    if (all) this.onward.checked = true;
    if (this.loop.from !== null) this.mark(null);
    this.seek.begin();
    this.controls.hush(this.controls.muted);
    // What this browser cannot show, or what no browser can, is not tried first: there is a copy, or one can be made.
    const shown = !video.dataset.decoder || shows(video.dataset.decoder);
    if (shown || !root.dataset.proxy) for (const name of ["loadedmetadata", "loadeddata"].slice(0, video.readyState)) video.dispatchEvent(new Event(name));
    if (!shown) this.clip.copy.offer();
    if (video.readyState < 2) this.hope();
    if (video.error) video.dispatchEvent(new Event("error"));
    this.show();
    if (began) this.start();
  }

  /** Hold the last picture over the video until the next clip's first one is there: no black between them. */
  cover() {
    const { video } = this;
    if (!video.videoWidth || video.readyState < 2) return;
    this.uncover();
    video.after(Object.assign(picture(video), { className: "cover", ariaHidden: "true" }));
  }

  uncover() { for (const cover of this.screen.querySelectorAll(".cover")) cover.remove(); }

  /** Words over the picture for a while: what was left out between two clips. */
  say(words) {
    const line = element("output", "bubble gap", {}, words);
    this.screen.append(line);
    setTimeout(() => line.remove(), SKIP);
  }

  close() {
    this.clip?.copy.close();
    this.clip = null;
    this.controls.close();
    this.uncover();
    this.video.pause();
    this.video.removeAttribute("src"); // the browser keeps loading what nobody sees
    this.video.load();
  }

  get keys() {
    const { controls, loop, video } = this, step = (pictures) => { video.pause(); this.by(pictures / (Number(video.dataset.fps) || 25)); };
    return [
      [[" ", "k"], _("play, pause"), () => this.flip()],
      [["ArrowLeft"], _("5 seconds back"), () => this.by(-5)],
      [["ArrowRight"], _("5 seconds on"), () => this.by(5)],
      [["j"], _("10 seconds back"), () => this.by(-10)],
      [["l"], _("10 seconds on"), () => this.by(10)],
      [[","], _("a picture back"), () => step(-1)],
      [["."], _("a picture on"), () => step(1)],
      [["<"], _("slower"), () => controls.faster(-1)],
      [[">"], _("faster"), () => controls.faster(1)],
      [["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], _("a tenth of it"), (event) => this.to(this.seconds * Number(event.key) / 10)],
      [["Home"], _("its beginning"), () => this.to(0)],
      [["End"], _("its end"), () => this.to(this.seconds)],
      [["ArrowUp"], _("louder"), () => controls.louder(0.1)],
      [["ArrowDown"], _("quieter"), () => controls.louder(-0.1)],
      [["m"], _("mute"), () => controls.hush(!controls.muted)],
      [["f"], _("full screen"), () => controls.fill()],
      [["i"], _("picture in picture"), () => this.inset()],
      [["a"], _("loop from here"), () => this.mark("from")],
      [["b"], _("loop to here"), () => this.mark(loop.from === null ? null : "to")],
      [["s"], _("save this picture"), () => this.saveFrame()],
      [["z"], _("zoom"), () => this.zoom()],
    ];
  }
}

/** How many seconds of it were played. */
function watched({ played }) {
  let seconds = 0;
  for (let part = 0; part < played.length; part += 1) seconds += played.end(part) - played.start(part);
  return seconds;
}

/** What a video shows, as a canvas of its own size. */
function picture(video) {
  const canvas = element("canvas", "", { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  return canvas;
}
