// Keys: what each does, in one table per screen, which is also what the help shows.

import { changed, filterOf, mount, page, zone } from "./api.js";
import { dialog, element, searched } from "./elements.js";
import { _, texts } from "./texts.js";
import { momentOf, wall } from "./times.js";

const OFF = "watcher-letters-off", ZONE_COOKIE = "watcher_zone";
const NAMES = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", " ": "Space", Escape: "Esc", PageUp: "PgUp", PageDown: "PgDn" };
const WRONG = 60000; // ms between two looks at what is wrong
const PREFIX = 1000; // ms in which the second key of a pair is waited for
let scopes = [], everywhere = { title: texts.anywhere, rows: [] }, prefix = null;

/** Let a screen's keys work: rows of [keys, what they do, handler]; returns what takes them away again. */
export function keys(title, rows, { alone = false } = {}) {
  const scope = { title, rows, alone };
  scopes.push(scope);
  return () => { scopes = scopes.filter((other) => other !== scope); };
}

/** What works now: the topmost screen's keys, and those that work anywhere, unless that screen lies over all. */
function tables() {
  const scope = scopes.at(-1) ?? { title: "", rows: [], alone: false };
  return [scope, scope.alone ? { ...everywhere, rows: everywhere.rows.slice(0, 1) } : everywhere];
}

const lettersOff = () => localStorage.getItem(OFF) === "yes";
const typing = (target) => target.closest?.("input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable]");

/** Menus close by a click elsewhere, and by Esc, which gives the focus back to what opened them. */
const opened = () => [...document.querySelectorAll("details:is(.menu, .choice)[open]")];
document.addEventListener("pointerdown", ({ target }) => { for (const menu of opened()) if (!menu.contains(target)) menu.open = false; });
document.addEventListener("toggle", ({ target }) => {
  if (target.open && target.matches?.(".menu, .choice")) for (const menu of opened()) if (menu !== target) menu.open = false;
}, true);

function pressed(event) {
  const menu = event.key === "Escape" && opened().find((menu) => menu.contains(event.target));
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
    event.preventDefault();
    return;
  }
  if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented || typing(event.target)) return;
  const letter = event.key.length === 1 && event.key !== " ";
  if (letter && lettersOff() && event.key !== "?") return;
  if (event.key === " " && event.target.closest("button, summary, input")) return; // only presses that
  if (event.key === "Enter" && event.target.closest("a, button, summary, input")) return;
  const modal = document.querySelector("dialog[open].panel");
  if (modal) return;
  const shifted = event.shiftKey && (!letter || /^[a-z]$/i.test(event.key)) ? "Shift+" : "";
  const name = shifted + (letter && shifted ? event.key.toUpperCase() : event.key);
  const typed = prefix ? `${prefix} ${name}` : name;
  prefix = null;
  for (const { rows } of tables()) {
    if (!prefix && rows.some(([combinations]) => combinations.some((keys) => keys.startsWith(`${typed} `)))) {
      prefix = typed;
      setTimeout(() => { prefix = null; }, PREFIX);
      return;
    }
    const row = rows.find(([combinations]) => combinations.includes(typed));
    if (row && row[2](event) !== false) {
      event.preventDefault();
      return;
    }
  }
}

export function help() {
  const name = (key) => key.split(" ").length > 1 && key !== " " ? key.split(" ").map(name).join(" ") : key.replace(/^((?:Shift|Alt)\+)?(.+)$/, (_, with_, letter) => (with_ ?? "") + (NAMES[letter] ?? letter));
  const shown = tables().filter(({ rows }) => rows.length).flatMap(({ title, rows }) => [
    element("h3", "", {}, title),
    element("dl", "keys", {}, ...rows.map(([combinations, what]) => element("div", "", {},
      element("dt", "", {}, ...combinations.flatMap((key) => [element("kbd", "", {}, name(key)), " "])),
      element("dd", "", {}, what)))),
  ]);
  const letters = element("input", "", { type: "checkbox", checked: !lettersOff(),
    onchange: () => localStorage.setItem(OFF, letters.checked ? "no" : "yes") });
  const close = element("form", "row", { method: "dialog" }, element("label", "tick", {}, letters, ` ${texts.letters}`), element("button", "", { autofocus: true }, texts.close));
  dialog(texts.keys, ...shown, close).scrollTop = 0;
}

/** Where one is in time: what the address says, or the day that is shown; null where that is nowhere. */
function momentHere() {
  const at = Date.parse(new URLSearchParams(location.search).get("at") ?? ""), day = /\/day\/([\d-]+)$/.exec(location.pathname)?.[1];
  return Number.isNaN(at) ? day ? momentOf(day, "23:59:59", zone()) : null : at;
}

/** The ways between screens take the filter along, and where one is in time. */
function carry(link, moment) {
  const at = moment === null ? null : new Date(moment).toISOString();
  const address = link.dataset.carry === "day" && at ? `${mount}/day/${wall(moment, zone()).day}` : link.pathname.replace(/\/day\/.*/, "/day");
  link.href = changed(address + filterOf(location.search), { at });
}

/** What is the same on every screen: help, the zone, the ways between screens. `moment` tells where one is, in ms or null. */
export function shell(more = [], moment = momentHere) {
  for (const link of document.querySelectorAll("[data-carry]")) {
    for (const name of ["pointerdown", "focus", "click"]) link.addEventListener(name, () => carry(link, moment()), { capture: true });
  }
  const link = (number) => document.querySelectorAll(".screens a")[number]?.click();
  const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone, siteZone = document.documentElement.dataset.siteZone;
  everywhere = { title: texts.anywhere, rows: [
    [["?"], _("this help"), help],
    [["g b"], texts.browse, () => link(0)],
    [["g t"], texts.timeline, () => link(1)],
    [["g s"], texts.status, () => link(2)],
    ...more,
  ] };
  const button = document.getElementById("zone");
  if (button) {
    button.title = zone() === siteZone ? texts.siteZone(siteZone) : texts.ownZone(zone());
    button.disabled = ownZone === siteZone && zone() === siteZone;
    button.onclick = () => {
      const value = zone() === siteZone ? ownZone : "";
      document.cookie = `${ZONE_COOKIE}=; path=/; max-age=0`; // where earlier versions put it
      document.cookie = `${ZONE_COOKIE}=${value}; path=${mount}/; max-age=${value ? 31536000 : 0}; samesite=lax`;
      location.reload();
    };
  }
  searched(document, texts.find);
  for (const opener of document.querySelectorAll(".help")) Object.assign(opener, { hidden: false, onclick: help });
  setInterval(() => { if (!document.hidden) wrong().catch(() => {}); }, WRONG);
}

/** How many things are wrong, in the bar of a page that stays open. */
async function wrong() {
  const shown = document.getElementById("alarm"), fresh = shown && (await page(`${mount}/status`)).getElementById("alarm");
  if (fresh) shown.replaceWith(document.adoptNode(fresh));
}

// On a phone the bar goes while one scrolls down, and is back as one scrolls up.
let before = 0;
addEventListener("scroll", () => {
  const now = Math.max(0, scrollY);
  if (Math.abs(now - before) < 8) return;
  document.documentElement.classList.toggle("down", now > before && now > 80);
  before = now;
}, { passive: true });

navigator.serviceWorker?.register(`${mount}/worker.js`, { scope: `${mount}/` }).catch(() => {}); // without it the page is a page

document.addEventListener("keydown", pressed);
