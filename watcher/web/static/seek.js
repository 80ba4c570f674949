// The seek bar: where one is, what is loaded, and a small picture of what lies under the pointer.

import { element } from "./elements.js";
import { loaded } from "./sprite.js";
import { texts } from "./texts.js";
import { length } from "./times.js";

export class SeekBar {
  /** `to` goes to a share (0 to 1) of what is `seconds()` long; `sprite()`: the address of its small pictures, if it has some. */
  constructor({ to, seconds, sprite }) {
    Object.assign(this, { seconds, sprite, dragging: false });
    this.input = element("input", "seek", { type: "range", min: 0, max: 1, step: 0.001, value: 0, "aria-label": texts.position });
    this.bubble = element("span", "bubble", { hidden: true });
    this.shown = element("span", "track", {}, this.input, element("span", "sights", { ariaHidden: "true" }), this.bubble);
    this.input.addEventListener("input", () => { this.dragging = true; to(Number(this.input.value)); });
    this.input.addEventListener("change", () => { this.dragging = false; });
    this.input.addEventListener("pointermove", (event) => { this.skim(event); });
    this.input.addEventListener("pointerleave", () => { this.bubble.hidden = true; });
  }

  /** Another clip is shown: its pictures are loaded when they are asked for. */
  begin() { this.pictures = undefined; }

  /** Where one is and how far it is loaded, as shares, and the words for it. */
  show(share, got, words) {
    if (!this.dragging) this.input.value = share;
    this.input.style.setProperty("--at", share);
    this.input.style.setProperty("--got", got);
    this.input.setAttribute("aria-valuetext", words);
  }

  async skim({ clientX }) {
    const box = this.input.getBoundingClientRect(), share = Math.min(1, Math.max(0, (clientX - box.left) / box.width));
    this.bubble.hidden = false;
    this.bubble.style.left = `${share * 100}%`;
    this.pictures ??= this.sprite() ? loaded(this.sprite()) : null;
    const pictures = await this.pictures;
    pictures?.at(share);
    this.bubble.replaceChildren(...(pictures ? [pictures.shown] : []), length(share * this.seconds()));
  }
}
