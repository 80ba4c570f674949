// A span of the Timeline, by Shift and drag, by two fingers' buttons or by keys: played, made into a video, downloaded, kept.

import { clamp, xOf } from "./axis.js";
import { may, mount, send } from "./api.js";
import { askFor, button, element } from "./elements.js";
import { film } from "./made.js";
import { clockOf } from "./pane.js";
import { _, ngettext, texts } from "./texts.js";

const says = {
  spanOf: _("The marked span"),
  playSpan: _("Play all"),
  keptNow: (count) => ngettext("%(count)s clip is kept.", "%(count)s clips are kept.", count),
  labelled: (count) => ngettext("%(count)s clip has the label.", "%(count)s clips have the label.", count),
  tooMany: (count, most) => ngettext("The zip holds the first %(most)s of %(count)s clip; to keep or label them, mark a shorter span.", "The zip holds the first %(most)s of %(count)s clips; to keep or label them, mark a shorter span.", count, { most }),
};

const MOST = 500, AT_ONCE = 4; // clips of one request for many; requests

export class Span {
  /** `site` knows the clips of a stretch, and plays it. */
  constructor(site) {
    Object.assign(this, { site, from: null, to: null, doing: 0 });
    this.mark = element("div", "marked", { hidden: true, "aria-hidden": "true" });
    this.bar = element("section", "selection span", { hidden: true, "aria-label": says.spanOf });
    this.words = element("output");
    this.line = element("p", "line", { role: "status", hidden: true });
    document.body.append(this.bar);
  }

  get there() { return this.from !== null && this.to !== null && this.from !== this.to; }
  get edges() { return [this.from, this.to].toSorted((a, b) => a - b); }
  get clips() { return this.there ? this.site.within(...this.edges) : []; }

  set(from, to) {
    Object.assign(this, { from, to });
    this.line.hidden = true;
    this.line.replaceChildren();
    this.doing += 1;
    this.show();
  }

  /** Where it stands on the axis. */
  place(view, width) {
    this.mark.hidden = this.from === null;
    if (this.mark.hidden) return;
    const [first, last] = [this.from, this.to ?? this.from].toSorted((a, b) => a - b);
    const left = clamp(xOf(view, first, width), -3, width), right = clamp(xOf(view, last, width), 0, width + 3);
    this.mark.style.transform = `translateX(${left}px)`;
    this.mark.style.width = `${Math.max(2, right - left)}px`;
  }

  show() {
    this.bar.hidden = !this.there;
    this.site.changed();
    if (!this.there) return;
    const [from, to] = this.edges, { clips } = this;
    this.words.textContent = `${clockOf(from)} – ${clockOf(to)} · ${texts.clips(clips.length)}`;
    const some = clips.length > 0, few = clips.length <= MOST;
    const files = clips.filter((clip) => ["ready", "broken"].includes(clip.state)).slice(0, MOST).map((clip) => `id=${clip.id}`).join("&");
    this.bar.replaceChildren(this.words, ...(!some ? [] : [
      button(says.playSpan, () => this.site.play(from, to), { className: "primary" }),
      button(texts.film, () => this.film(from, to)),
      element("a", "button", { href: `${mount}/clips.zip?${files}`, download: "" }, texts.download),
      ...(may("label") && few ? [
        button(texts.keep, () => this.each(clips, says.keptNow, (id) => send("PATCH", `${mount}/clips/${id}`, { held: true }))),
        button(texts.label, () => this.label(clips)),
      ] : []),
    ]), button(texts.clear, () => this.set(null, null)), this.line);
    if (!few) this.tell(says.tooMany(clips.length, MOST));
  }

  tell(...words) {
    this.line.hidden = false;
    this.line.replaceChildren(...words);
  }

  film(from, to) {
    const mine = this.doing;
    this.tell(texts.filmWaits(0));
    return film([...new Set(this.clips.map((clip) => clip.camera))], from, to, this.line, () => this.doing === mine).catch((reason) => this.tell(reason.message));
  }

  async label(clips) {
    const name = await askFor(texts.askLabel, this.site.labels, texts.add);
    if (name) await this.each(clips, says.labelled, (id) => send("PUT", `${mount}/clips/${id}/labels/${encodeURIComponent(name)}`));
  }

  /** Do something to each clip, some at a time, and say for how many it worked and why not for others. */
  async each(clips, done, act) {
    const waiting = clips.map((clip) => clip.id), refused = [];
    this.bar.classList.add("busy");
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
        try {
          this.site.put(await act(id));
        } catch (reason) {
          refused.push(reason.message);
        }
      }
    }));
    this.bar.classList.remove("busy");
    this.show();
    this.tell(done(clips.length - refused.length), ...(refused.length ? [" ", texts.didNot(refused.length, refused[0])] : []));
  }
}
