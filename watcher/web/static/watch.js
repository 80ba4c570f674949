// Watch: one clip, its player and what can be said of it; a page of its own, or over the grid.

import { about, showLink } from "./about.js";
import { changed, filterOf, get, page, zone } from "./api.js";
import { askMoment } from "./calendar.js";
import { warn } from "./card.js";
import { help, keys, shell } from "./keys.js";
import { Player } from "./player.js";
import { sawClip } from "./seen.js";
import { _, texts } from "./texts.js";
import { clock, wall } from "./times.js";

/** The part of a clip's page that can be shown within another one; null if it has none. */
export function part(shown) {
  const content = shown.getElementById("watch");
  if (!content) return null;
  const main = content.querySelector("main"), inner = document.createElement("div");
  inner.className = main.className; // one main part is enough for a page
  inner.append(...main.childNodes);
  main.replaceWith(inner);
  return document.adoptNode(content);
}

let near = null; // the next clip, whose beginning is fetched before it is wanted: {address, shown, video}

/** The page of a clip, fetched before or now. */
export async function clipPage(address) {
  const shown = near?.address === new URL(address, location.href).href ? await near.shown : null;
  return shown ?? page(address);
}

/** Fetch the next clip's page, and the beginning of its film, so that it begins without a gap. */
function fetchAhead(link) {
  if (!link || near?.address === link.href || navigator.connection?.saveData) return;
  const video = document.createElement("video");
  Object.assign(video, { preload: "auto", muted: true });
  near = { address: link.href, video, shown: page(link.href, { quiet: true }).catch(() => null) };
  near.shown.then((shown) => { const source = shown?.querySelector("#player")?.getAttribute("src"); if (source) video.src = source; });
}

/**
 * Let a clip's part of a page work. `back` leaves it, `go` shows another one, `began`: somebody wants it to play,
 * `all`: and all that comes after it, `review` goes on to the next clip of a review, where digits are labels and the
 * address is not the clip's. Returns what closes it, and what takes over the part of another clip's page.
 */
export function mount(root, { back, go, began, all = false, review = null }) {
  const video = root.querySelector("#player");
  let unkey = () => {};
  const follow = (rel) => {
    const link = root.querySelector(`.beside a[rel=${rel}]`);
    return link ? (go(link.href), true) : false;
  };
  const copyLink = async (button) => {
    const seconds = video && video.currentTime > 0.5 ? Math.floor(video.currentTime * 10) / 10 : null;
    const link = new URL(changed(location.href, { t: seconds }), location.origin).href;
    const copied = await navigator.clipboard?.writeText(link).then(() => true, () => false);
    if (copied) button?.querySelector("span")?.replaceChildren(texts.copied);
    else showLink(texts.copyLink, link);
  };
  /** The clip nearest to a moment, under the same filter. */
  const toMoment = () => askMoment(root.querySelector(".when"), Date.parse(root.dataset.at), root.dataset.question, async ({ at, whole }) => {
    const { clips } = await get(changed(root.dataset.question, { around: new Date(at).toISOString(), limit: 2, fields: "id,started_at,ended_at" }));
    const apart = (clip) => Math.max(Date.parse(clip.started_at) - at, at - Date.parse(clip.ended_at), 0);
    const nearest = clips.toSorted((a, b) => apart(a) - apart(b))[0];
    if (nearest) go(location.pathname.replace(/\d+$/, nearest.id) + filterOf(location.search));
  });
  /** The same moment on other cameras, at the second that is seen here. */
  const beside = () => {
    const link = root.querySelector("#side");
    if (!link) return false;
    const at = new Date(Date.parse(root.dataset.at) + 1000 * (video?.currentTime ?? 0)).toISOString();
    link.href = changed(link.href, { at }) + (video?.paused === false ? "#play" : "");
    return link;
  };
  const player = video ? new Player(root, video, { next: review ?? (() => follow("next")), ahead: () => fetchAhead(review ? null : root.querySelector(".beside a[rel=next]")), seen: sawClip, place: !review }) : null;
  /** What is of this clip alone: the ways from it, what is said of it. */
  const bind = () => {
    root.querySelector(".close").addEventListener("click", (event) => { event.preventDefault(); back(); });
    const strip = root.querySelector(".strip"), here = strip.querySelector("[aria-current]").closest("li");
    strip.scrollLeft = here.offsetLeft + (here.offsetWidth - strip.clientWidth) / 2;
    for (const link of strip.querySelectorAll("a:not([aria-current])")) link.tabIndex = -1; // one stop of the Tab key
    for (const link of root.querySelectorAll(".beside a, .card a")) {
      link.addEventListener("click", (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
        event.preventDefault();
        go(link.href);
      });
    }
    for (const name of ["pointerdown", "focus", "click"]) root.querySelector("#side")?.addEventListener(name, beside, { capture: true });
    for (const opener of root.querySelectorAll(".help")) Object.assign(opener, { hidden: false, onclick: help });
    warn(root);
    const labels = about(root, { back: review ?? back, review: review !== null, copyLink });
    unkey();
    unkey = keys(review ? texts.review : texts.watch, [
      ...labels,
      ...(review ? [[["Enter"], _("the next clip"), () => { review(); }]] : []),
      ...(player?.keys ?? []),
      ...(review ? [] : [
        [["Shift+N"], _("the next clip"), () => follow("next")],
        [["Shift+P"], _("the clip before"), () => follow("prev")],
        [["d"], _("go to a date or time"), toMoment],
        [["v"], _("other cameras at this moment, side by side"), () => { const link = beside(); if (link) link.click(); return link; }],
      ]),
      [["c"], _("copy the link"), () => { copyLink(root.querySelector("#copy")); }],
      [["h"], _("keep: never remove it"), () => root.querySelector("#actions button.holding")?.click()],
      [["Escape"], _("back to the clips"), () => back()],
    ], { alone: root.closest("dialog") !== null });
  };
  bind();
  player?.load({ began, all });
  root.querySelector(".close").focus({ preventScroll: true });
  return {
    close() { unkey(); player?.close(); },
    /** Take over another clip: the same video element plays it. False where one of the two has none. */
    take(fresh) {
      const other = fresh.querySelector("#player");
      if (!player || !other) return false;
      const focused = document.activeElement?.closest("#controls, .strip"), ended = Date.parse(root.dataset.until), on = video.ended;
      player.cover();
      for (const name of Object.keys(root.dataset)) delete root.dataset[name];
      Object.assign(root.dataset, fresh.dataset);
      for (const name of Object.keys(video.dataset)) delete video.dataset[name];
      Object.assign(video.dataset, other.dataset);
      video.poster = other.poster;
      video.src = other.getAttribute("src");
      for (const part of [".screen > .head", ".screen > .beside", "#notice", ".strip", ".about"]) {
        const old = root.querySelector(part), next = document.adoptNode(fresh.querySelector(part));
        if (part === ".strip") for (const image of old.querySelectorAll("img")) [...next.querySelectorAll("img")].find(({ src }) => src === image.src)?.replaceWith(image); // no flicker
        old.replaceWith(next);
      }
      bind();
      player.load({ began: true });
      const gap = Date.parse(root.dataset.at) - ended;
      if (on && gap > 1000) player.say(texts.gap(...[ended, root.dataset.at].map((at) => clock(wall(at, zone()).time.slice(0, 5)))));
      if (focused?.id !== "controls") root.querySelector(focused ? ".strip [aria-current]" : ".close").focus({ preventScroll: true });
      return true;
    },
  };
}

/** A clip's own page: the next clip takes its place without a new page, so that full screen, sound and speed last. */
function alone() {
  const root = () => document.getElementById("watch");
  let open = null, turn = 0;
  const show = (began, all) => {
    open?.close();
    open = mount(root(), { back: () => location.assign(root().querySelector(".close").href), go: (address) => go(address), began, all });
  };
  const go = async (address, push = true) => {
    turn += 1;
    const mine = turn, shown = await clipPage(address).catch(() => null);
    if (mine !== turn) return;
    const fresh = shown?.getElementById("watch");
    if (!fresh) { location.assign(address); return; }
    if (push) history.pushState(null, "", address);
    document.title = shown.title;
    if (open.take(fresh)) return;
    root().replaceWith(document.adoptNode(fresh));
    show(true, false);
  };
  addEventListener("popstate", () => go(location.href, false));
  shell();
  const all = new URLSearchParams(location.search).has("all");
  show(all, all);
}

if (document.querySelector("body > #watch")) alone();
