// What is made when somebody asks for it: a copy of a clip that every browser plays, one video of a camera's clips.

import { get, mount, nameOf, send } from "./api.js";
import { button, element } from "./elements.js";
import { texts } from "./texts.js";
import { length } from "./times.js";

const WAIT = 1000; // ms between two looks whether it is made

/** Shown where there is one, offered where it can be made. */
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

/** Have videos made of cameras from one moment (ms) to another; `line` says how far they are, while `alive` holds. */
export async function film(cameras, from, to, line, alive) {
  const time = (at) => new Date(at).toISOString();
  let order = await send("POST", `${mount}/exports`, { cameras, from: time(from), to: time(to), cut: "key" });
  while (alive() && ["waiting", "working"].includes(order.state)) {
    line.replaceChildren(texts.filmWaits(order.progress));
    await new Promise((resolve) => setTimeout(resolve, WAIT));
    order = await get(`${mount}/exports/${order.id}`);
  }
  line.replaceChildren(...(order.error ? [texts.filmFailed(order.error)] : order.files.flatMap((file) =>
    [element("a", "button", { href: file.url, download: "" }, order.files.length > 1 ? `${nameOf(file.camera)}: ` : "", texts.fetchFilm(length(file.duration_seconds))), " "])));
}
