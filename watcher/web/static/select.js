// Several clips at once: labelled, kept, deleted, or downloaded as one zip.

import { may, mount, send } from "./api.js";
import { askFor, button, confirmed, element } from "./elements.js";
import { texts } from "./texts.js";

const AT_ONCE = 4; // requests
const ZIP_MOST = 500; // clips of one zip

export class Selection {
  constructor(grid) {
    this.grid = grid;
    this.ids = new Set();
    this.last = null; // card, from which Shift selects
    this.bar = element("section", "selection", { hidden: true, "aria-label": texts.selection });
    document.body.append(this.bar);
    this.mode = document.getElementById("selecting");
    if (this.mode) this.mode.onclick = () => this.selecting(!this.on);
    this.clicked = (event) => {
      const card = event.target.closest(".card");
      if (!card || event.ctrlKey || event.metaKey || !this.on) return;
      event.preventDefault();
      event.stopPropagation();
      this.toggle(card, event.shiftKey);
    };
    grid.days.addEventListener("click", this.clicked, true);
  }

  close() { this.bar.remove(); }

  get on() { return this.mode?.getAttribute("aria-pressed") === "true"; }

  selecting(on) {
    this.mode?.setAttribute("aria-pressed", String(on));
    this.grid.days.classList.toggle("selecting", on);
    if (!on) this.set([]);
  }

  toggle(card, range = false) {
    if (!this.on) this.selecting(true);
    const cards = this.grid.cards, id = Number(card.dataset.id);
    if (range && this.last?.isConnected) {
      const [first, last] = [cards.indexOf(this.last), cards.indexOf(card)].toSorted((a, b) => a - b);
      this.set([...this.ids, ...cards.slice(first, last + 1).map((card) => Number(card.dataset.id))]);
    } else {
      this.set(this.ids.has(id) ? [...this.ids].filter((other) => other !== id) : [...this.ids, id]);
    }
    this.last = card;
  }

  set(ids) {
    this.ids = new Set(ids);
    this.show();
  }

  show() {
    for (const card of this.grid.cards) {
      const chosen = this.ids.has(Number(card.dataset.id));
      card.classList.toggle("chosen", chosen);
      const link = card.querySelector("a");
      if (chosen) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    this.bar.hidden = !this.ids.size;
    if (!this.ids.size) return;
    const ids = [...this.ids], zip = `${mount}/clips.zip?${ids.slice(0, ZIP_MOST).map((id) => `id=${id}`).join("&")}`;
    this.bar.replaceChildren(
      element("output", "", {}, texts.selected(ids.length)),
      ...(may("label") ? [
        button(texts.label, () => this.label()),
        button(texts.keep, () => this.each((id) => send("PATCH", `${mount}/clips/${id}`, { held: true }))),
        button(texts.unkeep, () => this.each((id) => send("PATCH", `${mount}/clips/${id}`, { held: false }))),
      ] : []),
      element("a", "button", { href: zip, download: "" }, texts.download),
      ...(may("admin") ? [button(texts.remove, () => this.remove(), { className: "danger" })] : []),
      button(texts.clear, () => this.selecting(false)),
    );
  }

  async label() {
    const known = [...document.querySelectorAll("#filter input[name=label]")].map((box) => box.value);
    const name = await askFor(texts.askLabel, known, texts.add);
    if (name) await this.each((id) => send("PUT", `${mount}/clips/${id}/labels/${encodeURIComponent(name)}`));
  }

  async remove() {
    if (!await confirmed(texts.askRemove(this.ids.size, document.documentElement.dataset.bin), texts.remove, texts.cancel)) return;
    const gone = await this.each((id) => send("DELETE", `${mount}/clips/${id}`));
    for (const id of gone) this.grid.remove(id);
    this.set([...this.ids].filter((id) => !gone.includes(id)));
    if (!this.ids.size) this.selecting(false);
  }

  /** Do something to each clip, some at a time; returns the ids of those where it worked, and says why others did not. */
  async each(act) {
    const waiting = [...this.ids], done = [], refused = [];
    this.bar.classList.add("busy");
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
        try {
          const clip = await act(id);
          if (clip) this.grid.update(clip);
          done.push(id);
        } catch (reason) {
          refused.push(reason.message);
        }
      }
    }));
    this.bar.classList.remove("busy");
    this.bar.querySelector(".trouble")?.remove();
    if (refused.length) this.bar.append(element("span", "trouble", { role: "alert" }, texts.didNot(refused.length, refused[0])));
    return done;
  }
}
