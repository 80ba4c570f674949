// A card of the grid, from a clip's JSON; `templates/card.html` says the same.

import { entitle, filterOf, nameOf, zone } from "./api.js";
import { element, icon } from "./elements.js";
import { texts, translated } from "./texts.js";
import { clockParts, daySpoken, length, wall } from "./times.js";

const CODECS = { h264: "H.264", hevc: "H.265", mjpeg: "MJPEG", mpeg4: "MPEG-4", aac: "AAC", av1: "AV1" };
const HIDDEN = { "aria-hidden": "true" }; // the link's name says it
const RETRY = 1000; // ms: Chromium drops loads when a network interface changes

const initial = (camera) => [...nameOf(camera)][0].toUpperCase();

const learnt = (codec) => `watcher-shows-${codec}`;

/** Whether this browser shows pictures of a codec (RFC 6381): what playing has taught in this session, else what it says. */
export function shows(codec) {
  const known = sessionStorage.getItem(learnt(codec));
  return known ? known === "yes" : document.createElement("video").canPlayType(`video/mp4; codecs="${codec}"`) !== "";
}

/** Note whether pictures of a codec were seen; the warnings on all cards follow. */
export function learn(codec, seen) {
  sessionStorage.setItem(learnt(codec), seen ? "yes" : "no");
  warn(document);
}

/** Warn only of what this browser cannot show. */
export function warn(part) {
  for (const badge of part.querySelectorAll(".badge[data-codec]")) badge.hidden = shows(badge.dataset.codec);
}

export function fill(card, clip) {
  const { day, time } = wall(clip.started_at, zone());
  Object.assign(card.dataset, { id: clip.id, revision: clip.revision, at: clip.started_at, seconds: clip.duration_seconds ?? "", src: clip.url });
  if (clip.sprite) card.dataset.sprite = `${clip.sprite.url} ${clip.sprite.frames} ${clip.sprite.columns}`;
  const badge = badgeOf(clip), labels = clip.labels.map((label) => label.name);
  const link = card.querySelector("a");
  link.href = document.getElementById("main").dataset.watch.replace(/0$/, clip.id) + filterOf(location.search);
  const seconds = clip.duration_seconds ? [texts.seconds(Math.round(clip.duration_seconds))] : [];
  const picture = card.querySelector(".picture"), shown = picture.querySelector("img");
  if (!clip.poster_url) {
    picture.replaceChildren(element("span", "blank", HIDDEN, initial(clip.camera)));
  } else if (shown?.getAttribute("src") === clip.poster_url) {
    picture.replaceChildren(shown); // no flicker for a label
  } else {
    picture.replaceChildren(element("img", "", { alt: "", width: 320, height: 180, decoding: "async", src: clip.poster_url }));
  }
  if (badge) {
    const codec = clip.state === "ready" && clip.media.container === "mp4" ? { "data-codec": clip.media.codecs.split(",")[0] } : {};
    picture.append(element("span", clip.state === "broken" ? "badge broken" : "badge", { ...HIDDEN, ...codec }, badge));
    warn(picture);
  }
  if (clip.held) picture.append(element("span", "held", HIDDEN, icon("star")));
  if (clip.duration_seconds !== null) picture.append(element("span", "length", HIDDEN, length(clip.duration_seconds)));
  card.querySelector(".camera").replaceChildren(entitle(element("span"), clip.camera));
  card.querySelector("time").dateTime = clip.started_at;
  const [minutes, rest, half] = clockParts(time);
  card.querySelector("time").replaceChildren(minutes, element("span", "seconds", {}, rest), half);
  card.querySelectorAll(".labels, .why").forEach((old) => old.remove());
  if (labels.length) card.querySelector(".words").append(element("span", "labels", { title: labels.join(", ") }, ...labels.flatMap((name) => [element("span", "tag", { "data-label": name }, name), " "])));
  if (clip.error) card.querySelector(".words").append(element("span", "why", {}, translated(clip.error)));
  // What is heard besides what is seen.
  card.querySelector(".words > .hidden").textContent = [daySpoken(day), ...seconds, ...(badge ? [badge] : []), ...(clip.held ? [texts.kinds.kept] : [])].join(", ");
}

export function makeCard(clip) {
  const card = document.getElementById("card").content.cloneNode(true).firstElementChild;
  fill(card, clip);
  return card;
}

function badgeOf(clip) {
  if (clip.state !== "ready") return texts.states[clip.state];
  const codec = clip.media?.video?.codec;
  return clip.playable !== "yes" && codec ? CODECS[codec] ?? codec.toUpperCase() : null;
}

warn(document);

// A picture that does not come is asked for once more, then gives way to a plain tile.
document.addEventListener("error", ({ target }) => {
  if (!(target instanceof HTMLImageElement) || !target.closest(".picture")) return;
  if (!target.dataset.again) {
    target.dataset.again = "yes";
    setTimeout(() => { target.src = target.getAttribute("src"); }, RETRY);
  } else {
    target.replaceWith(element("span", "blank", { "aria-hidden": "true" }, initial(target.closest(".card").querySelector("[data-name]").dataset.name)));
  }
}, true);
