// What players have in common: play and pause, speed, sound, full screen. Speed and sound are remembered for all of them.

import { element, hint, icon, iconButton } from "./elements.js";
import { texts } from "./texts.js";

const VOLUME = "watcher-volume", SPEED = "watcher-speed";
const IDLE = 2600; // ms without a movement, after which what lies over the picture goes

export class Controls {
  /**
   * `parts`: `moves` hears movements, after which `hides` is marked idle unless one is at the `bar`; `full` is what fills the
   * screen; `video()` is who does where a browser knows only that (an iPhone). `does` says what comes of a press: `flip()`,
   * `paced(rate)`, `heard(muted, volume)`.
   */
  constructor(parts, speeds, does) {
    const kept = Number(sessionStorage.getItem(SPEED));
    Object.assign(this, { parts, speeds, does, rate: speeds.includes(kept) ? kept : 1, playing: false });
    [this.muted, this.loud] = JSON.parse(localStorage.getItem(VOLUME) ?? "[true, 1]");
    this.toggle = iconButton("play", texts.play, () => does.flip(), { "aria-keyshortcuts": "Space k" });
    this.speed = element("select", "", { "aria-label": texts.speed, title: `${texts.speed} (< >)`, onchange: () => this.pace(Number(this.speed.value)) },
      ...speeds.map((speed) => element("option", "", { value: speed, selected: speed === this.rate }, `${speed}×`)));
    this.sound = iconButton("sound", texts.mute, () => this.hush(!this.muted), { "aria-keyshortcuts": "m" });
    this.volume = element("input", "volume", { type: "range", min: 0, max: 1, step: 0.05, "aria-label": texts.volume,
      oninput: () => { this.loud = Number(this.volume.value); this.hush(false); } });
    this.full = iconButton("full", texts.full, () => this.fill(), { "aria-keyshortcuts": "f" });
    for (const name of ["pointermove", "pointerdown", "focusin", "keydown"]) parts.moves.addEventListener(name, () => this.awake());
  }

  /** Whether something plays now. */
  show(playing) {
    this.playing = playing;
    this.toggle.replaceChildren(icon(playing ? "pause" : "play"));
    this.toggle.ariaLabel = playing ? texts.pause : texts.play;
    this.toggle.title = hint(this.toggle.ariaLabel, "Space");
    this.awake();
  }

  pace(rate) {
    this.rate = rate;
    this.speed.value = rate;
    sessionStorage.setItem(SPEED, rate);
    this.does.paced(rate);
  }

  faster(step) { this.pace(this.speeds[Math.min(this.speeds.length - 1, Math.max(0, this.speeds.indexOf(this.rate) + step))]); }

  hush(muted) {
    this.muted = muted;
    this.sound.replaceChildren(icon(muted ? "silence" : "sound"));
    this.sound.ariaLabel = muted ? texts.unmute : texts.mute;
    this.sound.title = hint(this.sound.ariaLabel, "m");
    this.volume.value = muted ? 0 : this.loud;
    localStorage.setItem(VOLUME, JSON.stringify([muted, this.loud]));
    this.does.heard(muted, this.loud);
  }

  louder(step) {
    this.loud = Math.min(1, Math.max(0, this.loud + step));
    this.hush(false);
  }

  fill() {
    if (document.fullscreenElement) document.exitFullscreen();
    else if (this.parts.full.requestFullscreen) this.parts.full.requestFullscreen().catch(() => {});
    else this.parts.video()?.webkitEnterFullscreen?.();
  }

  /** What lies over the picture is there, and goes while nobody moves. */
  awake() {
    const { hides, bar } = this.parts;
    clearTimeout(this.idle);
    hides.classList.remove("idle");
    if (this.playing) this.idle = setTimeout(() => { if (!bar.matches(":hover") && !bar.querySelector(":focus-visible")) hides.classList.add("idle"); }, IDLE);
  }

  close() { clearTimeout(this.idle); }
}
