// What can be said of a clip, and done with it: labels, keep, share, a video around it, delete.

import { Refusal, ask, get, may, mount as api, send } from "./api.js";
import { button, confirmed, dialog, element, icon } from "./elements.js";
import { film } from "./made.js";
import { _, texts } from "./texts.js";
import { length as lengthOf } from "./times.js";

const DIGITS = 9; // labels that have a key in a review
const NOTE_MOST = 2000; // characters
const PAUSED = 800; // ms without a letter, after which a note is kept
const BOXES = "watcher-boxes", NEAR = 1; // seconds from a sight, within which its box is drawn
const CROP = 96; // pixels of a small picture's side

/** Let the part beside the picture work; returns the keys that put labels on. */
export function about(root, { back, review, copyLink }) {
  const address = `${api}/clips/${root.dataset.id}`, part = root.querySelector("#labels");
  const trouble = element("p", "trouble", { role: "alert", hidden: true });
  const known = part.dataset.known.split("\n").filter(Boolean);
  let names = [...part.querySelectorAll("li[data-label]")].map((item) => item.dataset.label);
  let held = root.dataset.held === "yes";
  const attempt = async (act) => {
    trouble.hidden = true;
    try {
      return await act();
    } catch (reason) {
      if (!(reason instanceof Refusal || ["TypeError", "TimeoutError"].includes(reason.name))) throw reason;
      trouble.textContent = reason.code === "held" ? texts.isKept : reason.message;
      trouble.hidden = false;
      return undefined;
    }
  };
  // Since which second a model sees what a label names: a click goes there, and the seek bar is marked from when to when.
  const player = root.querySelector("#player"), ruler = root.querySelector(".sights");
  const sights = new Map([...part.querySelectorAll("li[data-sight]")].map(({ dataset }) => [dataset.label, JSON.parse(dataset.sight)]));
  const there = (name) => {
    if (!sights.has(name) || !player) return [];
    const { at } = sights.get(name);
    return [button(lengthOf(at), () => { player.currentTime = at; }, { class: "at", "aria-label": texts.seenAt(name, lengthOf(at)) }), " "];
  };
  const crop = (name) => { // where the poster is that sight of it
    const box = sights.get(name)?.boxes.find(([at]) => Math.abs(at - part.dataset.best) < 0.002);
    return box ? [cut(part.dataset.poster, box)] : [];
  };
  const rule = () => ruler?.replaceChildren(...names.flatMap((name) => (sights.get(name)?.spans ?? []).map(([from, to]) => {
    const mark = element("i", "", { "data-label": name }), share = 100 / (Number(player.dataset.seconds) || Infinity);
    Object.assign(mark.style, { left: `${from * share}%`, width: `${(to - from) * share}%` });
    return mark;
  })));
  const { draw, outlines } = boxed(root, player, () => names.flatMap((name) => (sights.get(name)?.boxes ?? []).map((box) => [name, ...box])));
  if (outlines && sights.size) part.prepend(outlines);
  const shown = (clip) => {
    if (!clip) return;
    names = clip.labels.map((label) => label.name);
    for (const { name, at_seconds: at, spans, boxes = [] } of clip.labels) if (at !== undefined) sights.set(name, { at, spans, boxes });
    rule();
    draw();
    for (const control of numbered) control.setAttribute("aria-pressed", String(names.includes(control.value)));
    part.querySelector("ul").replaceChildren(...(names.length ? names.map(chip) : [element("li", "none", {}, texts.none)]));
  };
  const put = (name, on) => attempt(async () => {
    shown(await send(on ? "PUT" : "DELETE", `${address}/labels/${encodeURIComponent(name)}`));
    return true;
  });
  const numbered = !review ? [] : known.slice(0, DIGITS).map((name, index) => button(element("kbd", "", {}, index + 1), () => put(name, !names.includes(name)),
    { value: name, "aria-pressed": String(names.includes(name)), "aria-keyshortcuts": index + 1 }));
  for (const control of numbered) control.append(` ${control.value}`);
  const chip = (name) => element("li", "", { "data-label": name }, ...crop(name), name, " ", ...there(name),
    button("✕", () => put(name, false), { "aria-label": texts.without(name) }));
  const actions = root.querySelector("#actions"), menu = actions.querySelector(".menu"), more = menu.querySelector("div");
  const star = (kept) => [icon("star"), kept ? texts.kept : texts.keep];
  if (!may("label")) part.querySelectorAll("li[data-sight]").forEach((item) => { item.prepend(...crop(item.dataset.label)); item.append(" ", ...there(item.dataset.label)); });
  if (may("label")) {
    part.querySelectorAll("li[data-label]").forEach((item) => item.replaceWith(chip(item.dataset.label)));
    const input = element("input", "", { required: true, maxLength: 100, placeholder: texts.addLabel, "aria-label": texts.addLabel, autocomplete: "off" });
    const list = element("datalist", "", { id: "known-labels" }, ...known.map((value) => element("option", "", { value })));
    input.setAttribute("list", list.id);
    const add = async (event) => {
      event.preventDefault();
      const name = input.value.trim();
      if (name && await put(name, true)) input.value = "";
    };
    if (numbered.length) part.append(element("div", "numbered", {}, ...numbered));
    part.append(element("form", "row", { onsubmit: add }, input, list, element("button", "", {}, texts.add)));
    const hold = button("", () => attempt(async () => {
      held = (await send("PATCH", address, { held: !held })).held;
      hold.replaceChildren(...star(held));
      hold.setAttribute("aria-pressed", String(held));
    }), { className: "holding", "aria-keyshortcuts": "h", "aria-pressed": String(held), title: `${texts.keptLong} (h)` });
    hold.append(...star(held));
    actions.prepend(hold);
    noted(root, (note, before) => attempt(() => write(address, note, before)));
  }
  if (root.querySelector("#player")) {
    const share = button(icon("share"), () => attempt(async () => {
      const { url } = await send("POST", `${address}/share`, { expires_in_seconds: 86400 });
      const link = new URL(url, location.origin).href;
      showLink(texts.shared, link);
      await navigator.clipboard?.writeText(link).catch(() => {});
    }));
    share.append(texts.share);
    actions.querySelector("a").before(share);
    const line = element("p", "film", { role: "status", hidden: true });
    const video = button(icon("video"), () => askFilm((minutes) => attempt(async () => {
      line.hidden = false;
      const around = minutes * 60000;
      await film([root.dataset.camera], Date.parse(root.dataset.at) - around, Date.parse(root.dataset.until) + around, line, () => root.isConnected);
    })));
    video.append(texts.film);
    const copy = button(icon("link"), () => copyLink(copy), { id: "copy", "aria-keyshortcuts": "c" });
    copy.append(element("span", "", {}, texts.copyLink), element("kbd", "", {}, "c"));
    more.prepend(copy, video);
    actions.after(line);
  }
  more.addEventListener("click", () => { menu.open = false; });
  const stored = root.querySelector("#stored");
  if (may("admin") && stored) {
    stored.append(button(texts.recall, () => attempt(async () => {
      await send("POST", `${address}/recall`);
      stored.append(element("span", "quiet", { role: "status" }, ` ${texts.recalled}`));
      stored.querySelector("button").remove();
    })));
  }
  const binned = root.querySelector("#binned");
  if (may("admin") && binned) {
    binned.append(button(texts.restore, () => attempt(async () => {
      let clip = await send("POST", `${address}/restore`);
      while (clip.state === "missing") { // until the ingester has seen its file
        await new Promise((resolve) => setTimeout(resolve, 200));
        clip = await get(address);
      }
      location.reload();
    })));
  }
  if (may("admin") && root.querySelector("#player")) {
    const remove = button(icon("bin"), async () => {
      if (!await confirmed(texts.askRemove(1, document.documentElement.dataset.bin), texts.remove, texts.cancel)) return;
      if (await attempt(async () => { await send("DELETE", address); return true; })) back();
    }, { className: "danger" });
    remove.append(texts.remove);
    more.append(remove);
  }
  part.append(trouble);
  rule();
  draw();
  return [
    ...(numbered.length ? [[numbered.map((label, index) => String(index + 1)), _("a label on, or off"), (event) => numbered[Number(event.key) - 1].click()]] : []),
    ...(outlines?.isConnected ? [[["x"], _("boxes around what a model sees"), () => outlines.click()]] : []),
  ];
}

/** A box of a picture as a small square. */
function cut(src, [, x, y, width, height]) {
  const small = element("canvas", "crop", { width: CROP, height: CROP }), picture = new Image();
  picture.onload = () => {
    const { width: wide, height: high } = picture, side = Math.min(wide, high, 1.15 * Math.max(width * wide, height * high));
    const from = (middle, size) => Math.max(0, Math.min(size - side, middle * size - side / 2));
    small.getContext("2d").drawImage(picture, from(x + width / 2, wide), from(y + height / 2, high), side, side, 0, 0, CROP, CROP);
  };
  picture.src = src;
  return small;
}

/** Keep a note. What somebody else wrote since `before` was read stays, above what was added here. Returns what is kept. */
async function write(address, note, before) {
  const answer = await ask(address, { cache: "no-store" }), theirs = (await answer.json()).note?.replace(/\r\n?/g, "\n") ?? "";
  const added = note.startsWith(before) ? note.slice(before.length).trim() : note;
  const text = theirs === before ? note : [theirs, added].filter(Boolean).join("\n");
  try {
    await send("PATCH", address, { note: text || null }, { "If-Match": answer.headers.get("ETag") });
  } catch (reason) {
    if (reason.status !== 412) throw reason;
    return write(address, note, before); // the clip has changed meanwhile
  }
  return text;
}

/** A note that is written where it stands, and kept when one pauses or leaves it, by `keep(note, before)`; empty: none. */
function noted(root, keep) {
  const there = root.querySelector("p.note");
  const field = element("textarea", "note", { rows: 2, maxLength: NOTE_MOST, value: there?.textContent ?? "", placeholder: texts.note, "aria-label": texts.note });
  const both = element("p", "quiet", { role: "status" });
  let before = field.value, due, kept = Promise.resolve();
  const save = () => {
    clearTimeout(due);
    kept = kept.then(async () => {
      const mine = field.value, note = mine.trim();
      if (note === before.trim()) return;
      const text = await keep(note, before);
      if (text === undefined) return; // it was said why
      before = text;
      if (text === note) return;
      field.value = text + (field.value.startsWith(mine) ? field.value.slice(mine.length) : `\n${field.value}`);
      field.after(both);
      both.textContent = _("Somebody else wrote here too: nothing of it was lost.");
    });
  };
  // Whoever closes the page, or loses the connection for good, has left no field.
  field.addEventListener("input", () => { clearTimeout(due); due = setTimeout(save, PAUSED); });
  field.addEventListener("change", save);
  field.addEventListener("keydown", (event) => { if (event.key === "Enter" && event.ctrlKey) field.blur(); });
  if (there) there.replaceWith(field);
  else root.querySelector("#labels").after(field);
}

/**
 * Boxes over the picture, near the moments in which a model has seen something; `sights` tells of each its name, second
 * and place in shares of the picture. Returns what draws them, and the button that has them drawn or not.
 */
function boxed(root, video, sights) {
  if (!video) return { draw() {} };
  const made = (name, properties) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(properties)) node.setAttribute(key, value);
    return node;
  };
  const over = root.querySelector(".boxes") ?? made("svg", { class: "boxes", width: "100%", height: "100%", "aria-hidden": "true" });
  video.after(over);
  const outlines = button(texts.boxes, () => {
    const on = localStorage.getItem(BOXES) !== "yes";
    localStorage.setItem(BOXES, on ? "yes" : "no");
    draw();
  }, { className: "outlines", "aria-keyshortcuts": "x", title: `${texts.boxes} (x)` });
  const draw = () => {
    const on = localStorage.getItem(BOXES) === "yes", { videoWidth: wide, videoHeight: high, currentTime: now } = video;
    outlines.setAttribute("aria-pressed", String(on));
    const apart = ([, at]) => Math.abs(at - now), all = on && wide ? sights() : [], nearest = Math.min(NEAR, ...all.map(apart));
    over.setAttribute("viewBox", `0 0 ${wide || 1} ${high || 1}`); // it lies there as the picture does: whole, in the middle
    over.replaceChildren(...all.filter((sight) => apart(sight) === nearest).map(([name, , x, y, width, height]) => {
      const size = high / 22, box = made("g", { "font-size": size, "font-weight": 650 });
      const words = made("text", { x: x * wide, y: Math.max(size, y * high - size / 3), fill: "#fff", stroke: "#000", "stroke-width": size / 5, "paint-order": "stroke" });
      words.textContent = name;
      for (const [stroke, thick] of [["#000", 4], ["#fff", 2]]) { // seen before everything
        box.append(made("rect", { x: x * wide, y: y * high, width: width * wide, height: height * high, stroke, "stroke-width": thick, fill: "none", "vector-effect": "non-scaling-stroke" }));
      }
      box.append(words);
      return box;
    }));
  };
  video.ontimeupdate = video.onseeked = video.onloadeddata = draw; // of the clip that was here before: no more
  return { draw, outlines };
}

/** A link to take along: also where nothing may be copied by itself. */
export function showLink(title, link) {
  const shown = element("input", "", { readOnly: true, value: link, "aria-label": title });
  dialog(title, element("form", "row", { method: "dialog" }, shown, element("button", "primary", {}, texts.close)));
  shown.select();
}

/** Asks how much before and after the clip is to be in a film. */
function askFilm(done) {
  const input = element("input", "", { type: "number", min: 0, max: 720, value: 5, required: true, "aria-label": texts.minutes });
  const form = element("form", "row", { onsubmit: (event) => { event.preventDefault(); box.close(); done(Number(input.value)); } },
    input, texts.minutes, element("button", "primary", {}, texts.film));
  const box = dialog(texts.askFilm, form);
  input.select();
}
