// The picture above the lanes, or up to four in step, and what goes on: a clock that runs through clips and over gaps.

import { nameOf } from "./api.js";
import { Controls } from "./controls.js";
import { element, hint, icon, iconButton } from "./elements.js";
import { Pane, clockOf, forButton, minuteOf } from "./pane.js";
import { _, texts } from "./texts.js";

const says = {
  together: _("Cameras beside each other"),
  skipGaps: _("skip gaps"),
  openClip: _("Open this clip"),
};

const SKIP = "watcher-skip-gaps", TOGETHER = "watcher-together";
const SPEEDS = [0.5, 1, 2, 4, 8, 16, 32, 64];
const TOGETHER_MOST = 4; // pictures
const SOON = 6; // seconds, at the speed that is played, before the end of a clip: the next one is fetched
const WIDE = 1000; // pixels of a window, from which on cameras stand beside each other unless somebody chose

export class Stage {
  /** `site` says what there is: `at(moment)`, `next(moment)`, `cameras`, `moved`, `further` (for what is not here yet). */
  constructor(place, site) {
    Object.assign(this, { place, site, at: null, clip: null, playing: false, seen: 0 });
    this.lead = new Pane(null, () => this.run(), () => this.controls.hush(true)); // what cannot be shown says so for its length, and the next one comes
    this.others = [];
    this.skip = localStorage.getItem(SKIP) !== "no";
    this.together = (localStorage.getItem(TOGETHER) ?? (innerWidth > WIDE ? "yes" : "no")) === "yes";
    this.panes = element("div", "panes", { "data-count": 1 }, this.lead.root);
    const bar = element("div", "controls");
    this.controls = new Controls({ moves: place, hides: place, bar, full: place, video: () => this.lead.video }, SPEEDS, {
      flip: () => this.flip(),
      paced: () => this.run(),
      heard: (muted, loud) => { for (const pane of [this.lead, ...this.others]) pane.hear(!muted && pane === this.lead, loud); },
    });
    this.gaps = element("input", "", { type: "checkbox", checked: this.skip, onchange: () => { this.skip = this.gaps.checked; localStorage.setItem(SKIP, this.skip ? "yes" : "no"); this.site.moved(); } });
    this.grouped = iconButton("browse", says.together, () => this.group(!this.together), { "aria-keyshortcuts": "b" });
    this.following = element("span", "time");
    this.open = element("a", "button ic", { hidden: true, "aria-label": says.openClip, title: hint(says.openClip, "Enter"), "aria-keyshortcuts": "Enter" }, icon("info"));
    this.side = element("a", "button ic", { "aria-label": texts.sideBySide, title: hint(texts.sideBySide, "v"), "aria-keyshortcuts": "v" }, icon("side"));
    for (const name of ["pointerdown", "focus", "click"]) this.side.addEventListener(name, () => { this.side.href = this.site.beside(this.playing); }, { capture: true });
    const { toggle, speed, sound, volume, full } = this.controls;
    bar.append(element("span", "row", {},
      iconButton("left", texts.clipBefore, () => this.site.step(-1), { "aria-keyshortcuts": "ArrowLeft" }), toggle,
      iconButton("right", texts.clipAfter, () => this.site.step(1), { "aria-keyshortcuts": "ArrowRight" }),
      this.following, speed, element("label", "tick", {}, this.gaps, says.skipGaps), sound, volume, this.grouped, this.side, this.open, full));
    place.replaceChildren(this.panes, bar);
    this.panes.addEventListener("click", (event) => { if (!forButton(event)) this.flip(); });
    this.panes.addEventListener("dblclick", () => this.controls.fill());
    this.controls.hush(this.controls.muted);
    this.grouped.setAttribute("aria-pressed", String(this.together));
  }

  get rate() { return this.controls.rate; }

  /** Go to a moment: the clip that is there is shown, and plays on if it did. */
  go(at, clip = this.site.at(at)) {
    this.at = at;
    this.take(clip);
    this.show();
    this.run();
  }

  take(clip) {
    this.clip = clip;
    if (clip) this.lead.show(clip, Math.max(0, (this.at - clip.start) / 1000), () => { this.lead.go(this.playing, this.rate); this.run(); });
    else this.lead.empty(texts.nothingThen(this.site.camera && nameOf(this.site.camera)), this.site.last(this.at, this.site.camera));
    this.open.hidden = !clip;
    if (clip) this.open.href = this.site.page(clip);
    this.side.href = this.site.beside(this.playing);
  }

  flip() { if (this.playing) this.pause(); else this.play(); }

  play() {
    this.playing = true;
    this.seen = performance.now();
    if (this.clip && this.lead.video.ended) this.onward();
    this.controls.show(this.playing);
    this.run();
  }

  pause() {
    this.playing = false;
    this.controls.show(this.playing);
    this.run();
  }

  /** Several cameras beside each other, or one. */
  group(on) {
    this.together = on;
    localStorage.setItem(TOGETHER, on ? "yes" : "no");
    this.grouped.setAttribute("aria-pressed", String(on));
    if (this.at !== null) this.beside();
    this.run();
  }

  /** So many of some cameras, in their order: rather those that have a clip at this moment, and of these those that are shown. */
  pick(cameras, count) {
    const rank = (camera) => (this.site.at(this.at, [camera]) ? 0 : 2) + (this.others.some((pane) => pane.camera === camera) ? 0 : 1);
    const some = cameras.toSorted((a, b) => rank(a) - rank(b)).slice(0, count);
    return cameras.filter((camera) => some.includes(camera));
  }

  /** Those that stand beside the leading one. */
  beside() {
    const names = this.together ? this.pick(this.site.cameras.filter((camera) => camera !== (this.lead.camera ?? this.site.cameras[0])), TOGETHER_MOST - 1) : [];
    if (names.join("\n") !== this.others.map((pane) => pane.camera).join("\n")) {
      for (const pane of this.others.filter((pane) => !names.includes(pane.camera))) pane.close();
      this.others = names.map((camera) => this.others.find((pane) => pane.camera === camera) ?? new Pane(camera, () => {}));
      this.panes.replaceChildren(this.lead.root, ...this.others.map((pane) => pane.root));
      this.panes.dataset.count = 1 + this.others.length;
    }
    for (const pane of this.others) pane.follow(this.site.at(this.at, [pane.camera]), this.at, this.rate, this.playing && !(this.clip && !this.lead.ready), () => this.absent(pane.camera));
  }

  /** What is said where a camera has no clip, and the last one that it had. */
  absent(camera) {
    const last = this.site.last(this.at, camera);
    return { last, words: last ? texts.lastThen(minuteOf(last.start)) : texts.nothingThen(null) };
  }

  run() { this.frame ??= requestAnimationFrame((now) => { this.frame = null; this.turn(now); }); }

  /** A turn of the clock: as the leading picture says, and over gaps by itself. */
  turn(now) {
    const passed = this.playing ? Math.min(500, now - this.seen) * this.rate : 0, { lead, clip } = this;
    this.seen = now;
    if (this.at === null) return;
    if (clip && !lead.broken) {
      const at = lead.moment;
      if (at !== null && !lead.video.seeking) {
        if (this.playing && this.rate > 16) { // faster than videos go: from picture to picture
          this.at += passed;
          if (this.at >= clip.end) this.onward();
          else if (!lead.video.seeking) lead.video.currentTime = (this.at - clip.start) / 1000;
        } else {
          this.at = Math.max(clip.start, at);
          lead.go(this.playing, this.rate);
          if (this.playing && (lead.video.ended || this.at >= clip.end + 1000)) this.onward();
        }
        const left = lead.video.duration - lead.video.currentTime;
        if (this.playing && clip === this.clip && left < SOON * Math.max(1, this.rate)) this.soon();
      }
    } else if (this.playing) {
      this.at += passed;
      const here = this.site.at(this.at);
      if (here && here !== clip) this.take(here);
      else if (clip && this.at >= clip.end) this.onward();
      else if (!clip && this.skip) this.onward();
    }
    this.show();
    if (this.playing) this.run();
  }

  soon() {
    const next = this.site.next(Math.max(this.at, this.clip.start + 1));
    if (next && next !== this.lead.target) this.lead.prepare(next);
  }

  /** What comes after a clip: one that another camera was leaving meanwhile, the next one, or nothing yet. */
  onward() {
    const end = this.clip ? Math.max(this.at, this.clip.end) : this.at, meanwhile = this.site.at(end + 1);
    this.at = end;
    if (meanwhile && meanwhile !== this.clip) return this.take(meanwhile);
    const next = this.site.next(this.clip ? Math.max(this.clip.start, end - 1500) : end, this.clip);
    if (next && (this.skip || next.start <= end)) {
      this.at = next.start;
      return this.take(next);
    }
    if (!next && this.site.further(end)) return undefined;
    if (!next) this.pause();
    return next ? this.take(null) : undefined;
  }

  show() {
    this.lead.clock.textContent = clockOf(this.at);
    const next = this.site.next(this.clip ? Math.max(this.at, this.clip.start) : this.at);
    this.following.textContent = next ? texts.then(minuteOf(next.start), nameOf(next.camera)) : "";
    this.beside();
    this.site.moved();
  }
}
