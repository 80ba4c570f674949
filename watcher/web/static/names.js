// The names of the lanes: a press on one follows its camera alone; who may say where cameras stand drags it, or moves it by keys.

import { byOrder, entitle, get, isHidden, may, mount, nameOf, placeOf, rename, send, titleOf } from "./api.js";
import { button, element } from "./elements.js";
import { _, texts } from "./texts.js";

const STILL = 6, HOLD = 400; // pixels that a press may move; ms after which a finger drags, and no longer scrolls
const STEP = 10, MOST = 9999; // between the places that are given; the last one that there is
const KEYS = { ArrowUp: -1, ArrowDown: 1 };

/** Which cameras need which places, [[camera, place]], so that they stand as in `list`, where one was moved: that one alone if there is room. */
export function places(list, moved, placeOf) {
  const index = list.indexOf(moved), before = index ? placeOf(list[index - 1]) : 0, after = (list[index + 1] && placeOf(list[index + 1])) ?? MOST + 1;
  const between = before === null ? after : Math.min(before + STEP, Math.floor((before + after) / 2));
  if (before < between && between < after) return [[moved, between]];
  const last = list.findLastIndex((camera) => camera === moved || placeOf(camera) !== null); // those without a place stand behind, by name
  return list.slice(0, last + 1).map((camera, at) => [camera, (at + 1) * STEP]).filter(([camera, place]) => placeOf(camera) !== place);
}

export class Names {
  /** `site`: `all` cameras in their order, those that are `shown()`; `pick(camera)`, `drawn()` after they stand otherwise, `say(words)`. */
  constructor(site) {
    Object.assign(this, { site, buttons: new Map(), drag: null, saved: Promise.resolve() });
    this.root = element("div", "names", { role: "group", "aria-label": texts.camerasOf });
    if (may("admin")) this.listen();
  }

  draw(cameras, tall, pinned) {
    const state = `${tall} ${cameras.join("\n")} ${pinned} ${this.drag?.began ? this.drag.camera : ""}`;
    if (state === this.state) return;
    this.state = state;
    const focused = document.activeElement?.dataset.lane;
    this.root.replaceChildren(...cameras.map((camera) => {
      if (!this.buttons.has(camera)) this.buttons.set(camera, button(element("span"), () => this.site.pick(camera), { ...(may("admin") ? { "aria-keyshortcuts": "Alt+ArrowUp Alt+ArrowDown" } : {}) }));
      const lane = this.buttons.get(camera);
      entitle(lane.firstElementChild, camera); // a finger may be on it
      lane.dataset.lane = camera;
      lane.title = titleOf(camera);
      lane.ariaPressed = String(camera === pinned);
      lane.style.height = `${tall}px`;
      lane.classList.toggle("dragged", Boolean(this.drag?.began && this.drag.camera === camera));
      return lane;
    }));
    if (focused !== undefined) this.buttons.get(focused)?.focus({ preventScroll: true });
  }

  /** What is said of cameras is no longer what was drawn. */
  forget() { this.state = null; }

  listen() {
    const { root } = this, laneOf = (event) => event.target.closest?.("[data-lane]")?.dataset.lane;
    root.classList.add("movable");
    root.addEventListener("pointerdown", (event) => {
      const camera = laneOf(event);
      this.dropped = false; // not every browser calls the end of a drag a click
      if (event.button || !camera || this.drag) return;
      this.drag = { camera, y: event.clientY, id: event.pointerId, before: [...this.site.all], began: false };
      if (event.pointerType === "touch") this.drag.timer = setTimeout(() => this.begin(), HOLD);
    });
    root.addEventListener("pointermove", (event) => {
      const { drag } = this;
      if (drag?.id !== event.pointerId) return;
      if (!drag.began && Math.abs(event.clientY - drag.y) > STILL) {
        if (drag.timer) this.end(false); // a finger that moves at once scrolls
        else this.begin();
      }
      if (!drag.began) return;
      const { top, height } = this.root.firstElementChild.getBoundingClientRect();
      this.move(drag.camera, Math.floor((event.clientY - top) / height));
    });
    root.addEventListener("pointerup", (event) => { if (this.drag?.id === event.pointerId) this.end(true); });
    root.addEventListener("pointercancel", () => this.end(false));
    root.addEventListener("touchmove", (event) => { if (this.drag?.began) event.preventDefault(); }, { passive: false }); // else the page scrolls
    root.addEventListener("contextmenu", (event) => { if (this.drag) event.preventDefault(); }); // what a long press is elsewhere
    root.addEventListener("click", (event) => { if (this.dropped) event.stopPropagation(); this.dropped = false; }, { capture: true });
    root.addEventListener("keydown", (event) => {
      const camera = laneOf(event), way = KEYS[event.key];
      if (!event.altKey || !way || !camera) return;
      event.preventDefault();
      if (this.move(camera, this.site.shown().indexOf(camera) + way)) this.save(camera);
    });
    addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.drag?.began) return;
      event.stopPropagation();
      this.end(false);
    }, { capture: true });
  }

  begin() {
    const { drag } = this;
    drag.began = true;
    this.root.setPointerCapture(drag.id);
    this.site.drawn();
  }

  /** The drag is over: it stays where it is, or all is as it was. */
  end(stays) {
    const { drag } = this;
    if (!drag) return;
    clearTimeout(drag.timer);
    this.drag = null;
    if (!drag.began) return;
    this.dropped = stays; // the press was no click
    if (!stays) this.arrange(drag.before);
    else if (drag.before.join("\n") !== this.site.all.join("\n")) this.save(drag.camera);
    this.site.drawn();
  }

  arrange(cameras) {
    this.site.all.splice(0, Infinity, ...cameras);
    this.site.drawn();
  }

  /** Let a camera stand at a place among those that are shown; hidden ones stay behind the others. Whether it moved. */
  move(camera, place) {
    const shown = this.site.shown(), peers = shown.filter((other) => isHidden(other) === isHidden(camera)), first = shown.indexOf(peers[0]);
    const to = Math.min(first + peers.length - 1, Math.max(first, place));
    if (shown[to] === camera) return false;
    const down = to > shown.indexOf(camera), rest = this.site.all.filter((other) => other !== camera);
    this.arrange(rest.toSpliced(rest.indexOf(shown[to]) + down, 0, camera));
    const now = this.site.shown();
    this.site.say(_("%(camera)s: place %(place)s of %(count)s", { camera: nameOf(camera), place: now.indexOf(camera) + 1, count: now.length }));
    return true;
  }

  /** Keep it, as the camera's place that Status has; one after another. */
  save(camera) {
    const list = this.site.all.filter((other) => isHidden(other) === isHidden(camera));
    this.saved = this.saved.then(async () => {
      for (const [moved, order] of places(list, camera, placeOf)) {
        const address = `${mount}/cameras/${encodeURIComponent(moved)}`, { name, colour, hidden } = await get(address);
        await send("PUT", address, { name, colour, hidden, order });
        rename([{ camera: moved, name, colour, hidden, order }]);
      }
    }).catch((reason) => {
      this.arrange(this.site.all.toSorted(byOrder));
      this.site.say(reason.message);
    });
  }
}
