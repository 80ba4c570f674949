// Watch: one clip, its player and what can be said of it; a page of its own, or over the grid.

import { about, showLink } from "./about.js";
import { changed, filterOf, get, mount as api, page } from "./api.js";
import { askMoment } from "./calendar.js";
import { warn } from "./card.js";
import { help, keys, shell } from "./keys.js";
import { play } from "./player.js";
import { texts } from "./texts.js";

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

/**
 * Let a clip's part of a page work. `back` leaves it, `go` shows another one, `began`: somebody wants it to play,
 * `review` goes on to the next clip of a review, where digits are labels and the address is not the clip's.
 */
export function mount(root, { back, go, began, review = null }) {
  const video = root.querySelector("#player"), undo = [];
  const follow = (rel) => {
    const link = root.querySelector(`.beside a[rel=${rel}]`);
    return link ? (go(link.href), true) : false;
  };
  root.querySelector(".close").addEventListener("click", (event) => { event.preventDefault(); back(); });
  for (const link of root.querySelectorAll(".beside a, .grid.small a")) {
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
      event.preventDefault();
      go(link.href);
    });
  }
  for (const one of root.querySelectorAll(".help")) Object.assign(one, { hidden: false, onclick: help });
  const copyLink = async (button) => {
    const seconds = video && video.currentTime > 0.5 ? Math.floor(video.currentTime * 10) / 10 : null;
    const link = new URL(changed(location.href, { t: seconds }), location.origin).href;
    const copied = await navigator.clipboard?.writeText(link).then(() => true, () => false);
    if (copied) button?.querySelector("span")?.replaceChildren(texts.copied);
    else showLink(texts.copyLink, link);
  };
  /** The clip nearest to a moment, under the same filter. */
  const toMoment = () => askMoment(root.querySelector(".when"), Date.parse(root.dataset.at), root.dataset.question, async ({ at, whole }) => {
    const { clips } = await get(changed(root.dataset.question, { around: new Date(at).toISOString(), limit: 2 }));
    const apart = (clip) => Math.max(Date.parse(clip.started_at) - at, at - Date.parse(clip.ended_at), 0);
    const found = clips.toSorted((a, b) => apart(a) - apart(b))[0];
    if (found) go(location.pathname.replace(/\d+$/, found.id) + filterOf(location.search));
  });
  warn(root);
  const labels = about(root, { back: review ?? back, review: review !== null, copyLink });
  const player = video ? play(root, video, { began, next: review ?? (() => follow("next")), place: !review }) : null;
  if (player) undo.push(player.close);
  undo.push(keys(review ? texts.review : texts.watch, [
    ...(review ? [...labels, [["Enter"], "the next clip", () => { review(); }]] : []),
    ...(player?.keys ?? []),
    ...(review ? [] : [
      [["Shift+N"], "the next clip", () => follow("next")],
      [["Shift+P"], "the clip before", () => follow("prev")],
    ]),
    ...(review ? [] : [[["d"], "go to a date or time", toMoment]]),
    [["c"], "copy the link", () => { copyLink(root.querySelector("#copy")); }],
    [["h"], "keep: never remove it", () => root.querySelector("#actions button.holding")?.click()],
    [["Escape"], "back to the clips", () => back()],
  ], { alone: root.closest("dialog") !== null }));
  root.querySelector(".close").focus({ preventScroll: true });
  return () => undo.forEach((one) => one());
}

/** A clip's own page: the next clip takes its place without a new page, so that full screen, sound and speed last. */
function alone() {
  let close = null, turn = 0;
  const show = (root) => {
    close?.();
    close = mount(root, { back: () => location.assign(root.querySelector(".close").href), go: (address) => go(address), began: close !== null });
  };
  const go = async (address, push = true) => {
    turn += 1;
    const mine = turn, shown = await page(address).catch(() => null);
    if (mine !== turn) return;
    const root = shown?.getElementById("watch");
    if (!root) { location.assign(address); return; }
    if (push) history.pushState(null, "", address);
    document.title = shown.title;
    document.getElementById("watch").replaceWith(document.adoptNode(root));
    show(root);
  };
  addEventListener("popstate", () => go(location.href, false));
  shell();
  show(document.getElementById("watch"));
}

if (document.querySelector("body > #watch")) alone();
