// The grid: a bounded window of pages onto all clips, by cursors, growing at both ends as one scrolls.
//
// Never sized by how many clips there are: a browser's scroll box ends at some 30 million pixels. What is looked at is
// held in place when something is added or dropped above it.

import { changed, get, parameter, zone } from "./api.js";
import { fill, makeCard } from "./card.js";
import { button, element, icon } from "./elements.js";
import { texts } from "./texts.js";
import { dayTitle, groupTitle, nearDay, wall } from "./times.js";

const MOST = 336; // cards, of nine elements each
const BUSY = 200; // clips of a day, above which it is divided by hours; as in counting.py
const AHEAD = "1200px"; // before the end, at which more is asked for

export class Grid {
  /** The grid in a page's main element; `changed` is called when cards came or went. */
  constructor(main, onchange = () => {}) {
    this.main = main;
    this.onchange = onchange;
    this.days = main.querySelector("#days");
    this.question = main.dataset.question;
    this.counts = "counted" in main.dataset ? new Map() : null; // day → clips, where the filter leaves them known
    for (const { dataset } of this.days.children) if (dataset.clips) this.counts?.set(dataset.group.slice(0, 10), Number(dataset.clips));
    this.anchor = null; // the card that is held in its place, if one is named
    this.loading = new Map(); // direction → AbortController
    this.pages = [{ cards: this.cards, after: main.dataset.after || null, before: main.dataset.before || null }];
    this.ends = new IntersectionObserver((seen) => {
      for (const entry of seen) if (entry.isIntersecting) this.more(entry.target.dataset.more);
    }, { rootMargin: AHEAD });
    this.turns = {};
    for (const [direction, id, place] of [["before", "newer", "prepend"], ["after", "older", "append"]]) {
      main.querySelector(`#${id}`)?.remove(); // the links of those without scripts
      const end = element("div", "end", { "data-more": direction });
      if (direction === "before") this.days.before(end);
      else this.days.after(end);
      this.turns[direction] = end;
      this.ends.observe(end);
    }
  }

  get cards() { return [...this.days.querySelectorAll(".card")]; }

  /** Whether nothing newer, under the filter, is left out of the window. */
  get newest() { return this.pages[0].before === null; }

  card(id) { return this.days.querySelector(`.card[data-id="${id}"]`); }

  close() {
    this.ends.disconnect();
    for (const abort of this.loading.values()) abort.abort();
  }

  /** Ask for the next page at one end; what cannot be had can be asked for again. */
  async more(direction) {
    const page = direction === "after" ? this.pages.at(-1) : this.pages[0];
    const cursor = page[direction];
    if (cursor === null || this.loading.has(direction)) return;
    const abort = new AbortController(), end = this.turns[direction];
    this.loading.set(direction, abort);
    const waiting = setTimeout(() => end.replaceChildren(skeleton()), 150);
    try {
      const answer = await get(changed(this.question, { [direction]: cursor }), abort.signal);
      end.replaceChildren();
      this.add(answer, direction);
    } catch {
      if (abort.signal.aborted) return;
      const retry = button(texts.retry, () => { end.replaceChildren(); this.more(direction); });
      end.replaceChildren(element("p", "trouble", { role: "status" }, `${direction === "after" ? texts.cannotLoadOlder : texts.cannotLoadNewer} · `, retry));
      return; // a person says when again
    } finally {
      clearTimeout(waiting);
      if (this.loading.get(direction) === abort) this.loading.delete(direction);
    }
    this.ends.unobserve(end); // told anew when it is still near
    this.ends.observe(end);
  }

  add(answer, direction) {
    const cards = answer.clips.filter((clip) => !this.card(clip.id)).map(makeCard);
    const page = { cards, after: parameter(answer.next, "after"), before: parameter(answer.prev, "before") };
    this.held(() => {
      if (direction === "after") {
        for (const card of cards) this.list(card, "append").append(card);
        this.pages.push(page);
      } else {
        for (const card of cards.toReversed()) this.list(card, "prepend").prepend(card);
        this.pages.unshift(page);
      }
      this.trim(direction === "after" ? 0 : -1);
    });
    this.onchange();
  }

  /** Drop whole pages at the far end. */
  trim(end) {
    while (this.pages.length > 1 && this.days.querySelectorAll(".card").length > MOST) {
      const page = end === 0 ? this.pages.shift() : this.pages.pop();
      for (const card of page.cards) {
        const list = card.parentElement;
        if (!list) continue;
        card.remove();
        if (!list.children.length) list.parentElement.remove();
        else if (end === 0) list.dataset.before = Number(list.dataset.before ?? 0) + 1;
      }
      // Where a day was cut, its first card stays in its column.
      const list = this.days.querySelector(".grid"), gone = Number(list?.dataset.before ?? 0);
      if (end === 0 && list) list.firstElementChild.style.gridColumnStart = gone % columns(list) + 1;
    }
  }

  /** Which group a card belongs to: its day, or where that is a busy one its hour. A day is divided as it began. */
  group(card) {
    const { day, time } = wall(card.dataset.at, zone()), shown = this.days.querySelector(`[data-group^="${day}"]`);
    const busy = shown ? shown.dataset.group !== day : (this.counts?.get(day) ?? 0) > BUSY;
    return busy ? `${day}T${time.slice(0, 2)}` : day;
  }

  /** The list of a card's group, at one end. */
  list(card, place) {
    const key = this.group(card);
    let section = this.days.querySelector(`[data-group="${key}"]`);
    if (!section) {
      section = element("section", "day", { "data-group": key }, element("h2"), element("ul", "grid"));
      this.title(section);
      if (place === "in") this.days.insertBefore(section, [...this.days.children].find((other) => other.dataset.group < key) ?? null);
      else this.days[place](section);
    }
    const list = section.querySelector(".grid");
    if (place === "prepend" && list.dataset.before) {
      list.dataset.before = Math.max(0, Number(list.dataset.before) - 1);
      list.querySelectorAll(".card").forEach((other) => { other.style.gridColumnStart = ""; });
    }
    return list;
  }

  title(section) {
    const key = section.dataset.group, day = key.slice(0, 10), href = changed(this.main.dataset.watchAll, { from: day, to: day });
    const name = dayTitle(day), near = nearDay(day, zone());
    const all = element("a", "watch-all", { href, "aria-label": texts.watchDay(name) }, icon("play"), texts.watchAll);
    const count = this.counts?.get(day), words = key.length > 10 ? texts.ofDay : texts.clips;
    section.querySelector("h2").replaceChildren(groupTitle(key, near || name), ...(near ? [" ", element("span", "quiet", {}, name)] : []), ...(count ? [" ", element("span", "count", {}, words(count))] : []), " ", all);
  }

  /** What the rail knows of days. */
  know(days) {
    if (!this.counts) return;
    this.counts = new Map(days.filter(({ clips }) => clips !== null).map(({ day, clips }) => [day, clips]));
    this.titles();
  }

  titles() { for (const section of this.days.children) this.title(section); }

  /** A clip more, or less, than was counted. */
  count(card, change) {
    const { day } = wall(card.dataset.at, zone()), all = document.getElementById("count");
    if (all) {
      all.dataset.clips = Number(all.dataset.clips) + change;
      all.textContent = texts.clips(Number(all.dataset.clips));
    }
    if (!this.counts) return;
    this.counts.set(day, Math.max(0, (this.counts.get(day) ?? 0) + change));
    for (const section of this.days.querySelectorAll(`[data-group^="${day}"]`)) this.title(section);
  }

  /** Put a clip where it belongs in the order of time. */
  insert(clip) {
    this.main.querySelector("#first-run, .empty")?.remove();
    const card = makeCard(clip);
    card.classList.add("fresh");
    const list = this.list(card, "in"), at = Date.parse(clip.started_at);
    list.insertBefore(card, [...list.children].find((other) => Date.parse(other.dataset.at) < at) ?? null);
    this.pages[0].cards.unshift(card);
    this.count(card, 1);
    this.onchange();
  }

  update(clip) {
    const card = this.card(clip.id);
    if (!card || Number(card.dataset.revision) === clip.revision) return;
    fill(card, clip);
    this.onchange();
  }

  remove(id) {
    const card = this.card(id), list = card?.parentElement;
    if (!card) return;
    this.held(() => {
      card.remove();
      if (!list.children.length) list.parentElement.remove();
      this.count(card, -1);
    });
    this.onchange();
  }

  /** The card of a moment (ms): the last one that began before it, or, of those beside it, the nearest. */
  of(moment, nearest) {
    const cards = this.cards, index = cards.findIndex((card) => Date.parse(card.dataset.at) <= moment), before = cards[index];
    if (!before || !nearest || index === 0) return before ?? cards.at(-1);
    return this.apart(cards[index - 1], moment) < this.apart(before, moment) ? cards[index - 1] : before;
  }

  /** How far a card's clip is from a moment, in ms; 0 while it lasts. */
  apart(card, moment) {
    const start = Date.parse(card.dataset.at), seconds = Number(card.dataset.seconds) || 0;
    return Math.max(start - moment, moment - start - seconds * 1000, 0);
  }

  /** Show what lies around a moment (RFC 3339), or the newest for null; `nearest`: what comes first may be after it. */
  async jump(moment, nearest = false) {
    for (const abort of this.loading.values()) abort.abort();
    const abort = new AbortController();
    this.loading.clear();
    this.loading.set("after", abort);
    this.loading.set("before", abort);
    const trouble = this.main.querySelector("#trouble");
    try {
      const answer = await get(changed(this.question, moment === null ? {} : { around: moment, limit: 96 }), abort.signal);
      trouble.hidden = true;
      this.days.replaceChildren();
      for (const end of Object.values(this.turns)) end.replaceChildren();
      const cards = answer.clips.map(makeCard);
      for (const card of cards) this.list(card, "append").append(card);
      this.pages = [{ cards, after: parameter(answer.next, "after"), before: parameter(answer.prev, "before") }];
      const place = this.of(moment === null ? Infinity : Date.parse(moment), nearest);
      if (moment === null) scrollTo(0, 0);
      else if (place === place?.parentElement.firstElementChild) place.parentElement.parentElement.scrollIntoView();
      else place?.scrollIntoView();
      this.onchange();
      return place;
    } catch {
      trouble.textContent = texts.cannotJump;
      trouble.hidden = abort.signal.aborted; // somebody wants to go elsewhere already
      return undefined;
    } finally {
      if (this.loading.get("after") === abort) this.loading.clear();
      for (const end of Object.values(this.turns)) {
        this.ends.unobserve(end);
        this.ends.observe(end);
      }
    }
  }

  /** The first card that is seen below what stays at the top. */
  first() {
    const top = Math.max(0, ...[...document.querySelectorAll(".bar, .above")].map((bar) => bar.getBoundingClientRect().bottom));
    return this.cards.find((card) => card.getBoundingClientRect().bottom > top);
  }

  /** Do something to the grid, with what is looked at held in its place. */
  held(change) {
    const card = this.anchor?.isConnected ? this.anchor : this.first(), before = card?.getBoundingClientRect().top;
    const anchor = scrollY > 40 ? card : null;
    change();
    if (anchor?.isConnected) scrollBy(0, anchor.getBoundingClientRect().top - before);
  }
}

export function columns(list) {
  return getComputedStyle(list).gridTemplateColumns.split(" ").length;
}

function skeleton() {
  const blank = () => element("li", "card waiting", { "aria-hidden": "true" }, element("span", "picture"), element("span", "words"));
  return element("ul", "grid", {}, ...Array.from({ length: 8 }, blank));
}
