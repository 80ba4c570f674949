// A copy of a clip that every browser plays: shown where there is one, offered where it can be made.

import { get, mount, send } from "./api.js";
import { button, element } from "./elements.js";
import { texts } from "./texts.js";

const WAIT = 1000; // ms between two looks whether it is made

export class Copy {
  /** `data`: what the page says of the clip; `notice` gets a line; `show(address)` plays the copy. */
  constructor({ id, copy: possible, proxy }, notice, show) {
    Object.assign(this, { possible, proxy, notice, show, offered: false, closed: false, address: `${mount}/clips/${id}/proxy` });
  }

  /** Show it, or a button that has it made; once. */
  offer() {
    if (this.offered || !this.possible) return;
    this.offered = true;
    if (this.proxy) { this.show(this.proxy); return; }
    this.line = element("p", "copy", {}, button(texts.makeCopy, () => this.make()));
    this.notice.append(this.line);
    this.notice.hidden = false;
  }

  async make() {
    try {
      let copy = await send("POST", this.address);
      while (!this.closed && copy.state === "waiting") {
        this.line.replaceChildren(texts.copyWaits(copy.before, copy.progress));
        await new Promise((resolve) => setTimeout(resolve, WAIT));
        if (!this.closed) copy = await get(this.address);
      }
      if (this.closed) return;
      if (copy.state === "ready") this.show(copy.url);
      else this.line.replaceChildren(texts.copyFailed(copy.error));
    } catch (reason) {
      if (!this.closed) this.line.replaceChildren(reason.message);
    }
  }

  /** Another clip is shown: what is on its way is not wanted. */
  close() { this.closed = true; }
}
