// Pictures of several cameras in step: one clock, which all are held to.

import { Pane } from "./pane.js";

const PATIENCE = 3000; // ms that all wait for one picture
const GRACE = 150; // ms that a picture may be late before all wait: a jump takes so long
const SOON = 6; // seconds, at the speed that is played, before a clip begins: it is fetched
const LONGEST = 500; // ms that may pass between two turns: a window that nobody sees has none
const CLOSE = 20000, LONG = 900000; // ms between clips that belong together; on each side of a moment that is shown at most

/**
 * The stretch around a moment in which clips follow each other closely, as {from, to} in ms: what a seek bar spans.
 * `clips` are in the order of their starts.
 */
export function stretch(clips, at) {
  const parts = [];
  for (const { start, end } of clips) {
    const last = parts.at(-1);
    if (last && start <= last.to + CLOSE) last.to = Math.max(last.to, end);
    else parts.push({ from: start, to: end });
  }
  const far = (part) => Math.max(part.from - at, at - part.to, 0);
  const near = parts.reduce((best, part) => (best && far(best) <= far(part) ? best : part), null) ?? { from: at, to: at };
  return { from: Math.max(Math.min(near.from, at), at - LONG), to: Math.min(Math.max(near.to, at + 1000), at + LONG) };
}

export class Group {
  /**
   * `site` says what there is: `at(camera, moment)` the clip that it was recording, `next(camera, moment)` the one that begins
   * after it, `absent(camera, moment)` the words over a picture that has none and the clip before; and hears `moved()`,
   * `nothing()` where no camera has a clip, `refused()` where sound may not play by itself.
   */
  constructor(site) {
    Object.assign(this, { site, panes: [], at: 0, playing: false, rate: 1, heard: null, muted: true, loud: 1, leader: null, began: null });
  }

  /** Show these cameras, in this order; who was shown goes on. */
  choose(cameras) {
    for (const pane of this.panes) if (!cameras.includes(pane.camera)) pane.close();
    this.panes = cameras.map((camera) => this.panes.find((pane) => pane.camera === camera) ?? new Pane(camera, () => {}, this.site.refused));
    this.go(this.at);
  }

  go(at) {
    this.at = at;
    this.began = performance.now(); // all begin together
    this.run();
  }

  play(playing) {
    this.playing = playing;
    this.seen = performance.now();
    if (playing) this.began = this.seen;
    this.run();
  }

  /** The sound is one picture's. */
  hear(camera, muted, loud) {
    Object.assign(this, { heard: camera, muted, loud });
    this.run();
  }

  run() { this.frame ??= requestAnimationFrame((now) => { this.frame = null; this.turn(now); }); }

  /** Who leads: the picture that is heard, whose speed so stays what it is; else who led, or the first that plays. */
  lead() {
    const plays = this.panes.filter((pane) => pane.plays), heard = plays.find((pane) => !this.muted && pane.camera === this.heard);
    return this.leader = heard ?? (plays.includes(this.leader) ? this.leader : plays[0] ?? null);
  }

  turn(now) {
    const passed = this.playing ? Math.min(LONGEST, now - this.seen) * this.rate : 0;
    this.seen = now;
    const waits = this.began !== null || this.panes.some((pane) => GRACE < pane.late(now) && pane.late(now) < PATIENCE), goes = this.playing && !waits;
    if (goes) this.at = this.lead()?.moment ?? this.at + passed;
    let some = false, late = false;
    for (const pane of this.panes) {
      const clip = this.site.at(pane.camera, this.at), next = this.site.next(pane.camera, this.at);
      some ||= clip !== null;
      pane.hear(!this.muted && pane.camera === this.heard, this.loud);
      pane.follow(clip, this.at, this.rate, goes, () => this.site.absent(pane.camera, this.at));
      late ||= pane.late(now) !== null;
      if (next && next.start - this.at < SOON * 1000 * Math.max(1, this.rate) && (!clip || pane.ready)) pane.prepare(next);
    }
    if (!late || now - this.began > PATIENCE) this.began = null;
    this.site.moved();
    if (this.playing && !some) this.site.nothing();
    if (this.playing || late) this.run();
  }
}
