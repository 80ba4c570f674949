// Browse: the grid with all that makes it quick. Without it the same page works by links and a form.

import { Refusal, changed, filterOf, get, page, zone } from "./api.js";
import { warn } from "./card.js";
import { askMoment } from "./calendar.js";
import { searched } from "./elements.js";
import { Grid, columns } from "./grid.js";
import { keys, shell } from "./keys.js";
import { Live } from "./live.js";
import { Rail, total } from "./rail.js";
import { Selection } from "./select.js";
import { came, dots, learnUnseen, seenAll } from "./seen.js";
import { peek, skim } from "./sprite.js";
import { _, texts } from "./texts.js";
import { momentOf, momentTitle, plus, spanTitle, wall } from "./times.js";
import { clipPage, mount as mountWatch, part } from "./watch.js";

const SIZES = ["small", "medium", "large"], SIZE = "watcher-size";
const SETTLED = 500; // ms: the address follows the scroll at most so often
const MOVED = 40; // pixels: who scrolled so far is elsewhere
const NEAR = 60000; // ms: a clip that is further from what was asked for is said to be
const MIDNIGHT = 10000; // ms: today is called otherwise so soon after it
const TOP = 12; // newest clips asked for when something arrives

let screen = null; // the grid and what goes with it
let over = null; // the clip that is open over the grid: {dialog, close}

/** An address of this screen at the moment where one is: another filter leaves it. */
function here(address) {
  const at = hereAt();
  return changed(address, { at: at === null ? null : new Date(at).toISOString() });
}

let turn = 0; // what was asked for last: an answer that comes after something else was asked for is not wanted

/** A page that is still wanted when it is there, else null; one that is refused is gone to, so that it says why. */
async function fetched(address, ask = page) {
  turn += 1;
  const mine = turn;
  try {
    const shown = await ask(address);
    return mine === turn ? shown : null;
  } catch (reason) {
    if (mine !== turn) return null;
    if (reason instanceof Refusal) location.assign(address);
    else say(texts.noAnswer); // what is on the screen is more than a browser's page of errors
    return null;
  }
}

// — the grid —

function open() {
  const main = document.getElementById("main");
  const grid = new Grid(main, () => { tabStop(); dots(grid.cards); });
  const selection = new Selection(grid);
  const rail = new Rail(document.getElementById("rail"), grid.question, (moment) => jump(moment));
  screen = { main, grid, selection, rail, arrived: new Map(), coming: new Set(), address: location.pathname + location.search };
  screen.live = new Live(changedClips, () => (undisturbed() ? visit(location.href, { replace: true }) : offer(texts.manyNewClips)));
  const filtering = document.getElementById("filtering");
  filtering.onclick = () => sheet(!document.getElementById("filter").classList.contains("shown"));
  for (const button of document.querySelectorAll(".moment")) button.onclick = () => ask(button);
  document.getElementById("day-before").onclick = () => screen.rail.step(1);
  document.getElementById("day-after").onclick = () => screen.rail.step(-1);
  document.getElementById("now").onclick = () => jump(null);
  document.getElementById("arrivals").onclick = () => showArrived();
  document.getElementById("smaller").onclick = () => resize(-1);
  document.getElementById("larger").onclick = () => resize(1);
  document.getElementById("mark-seen")?.addEventListener("click", () => seenAll().then(() => { document.getElementById("news").hidden = true; dots(grid.cards); }, () => say(texts.noAnswer)));
  learnUnseen().then(() => dots(grid.cards), () => {}); // without it nothing has a dot
  filterForm();
  resize(0);
  skim(grid.days);
  warn(document);
  tabStop();
  rail.load(() => { grid.know(rail.days); follow(); }).catch(() => {}); // without it one scrolls
}

function close() {
  for (const part of [screen.grid, screen.selection, screen.rail, screen.live]) part.close();
}

/** Show another address of this screen, as a click on a link would, without a new page. */
async function visit(address, { replace = false, anchor = null } = {}) {
  const shown = await fetched(address);
  if (!shown) return undefined;
  if (!shown.getElementById("days")) return location.assign(address);
  if (replace) history.replaceState(anchor, "", address);
  else history.pushState(null, "", address);
  close();
  document.title = shown.title;
  swap(shown);
  open();
  if (anchor) return restore(anchor);
  scrollTo(0, 0);
  return arrive();
}

/** Scroll to the moment that the address says. */
function arrive() {
  const at = Date.parse(new URLSearchParams(location.search).get("at") ?? ""), card = Number.isNaN(at) ? null : screen.grid.of(at, true);
  if (card && card !== screen.grid.cards[0]) card.scrollIntoView();
  if (card) went(at, card);
}

/** Take over what another address shows: the clips and what is chosen. What one is at, a menu or a field, stays. */
function swap(shown) {
  for (const id of ["main", "chosen", "news"]) document.getElementById(id).replaceWith(document.adoptNode(shown.getElementById(id)));
  const form = document.getElementById("filter"), fresh = shown.getElementById("filter");
  const values = (part) => [...part.querySelectorAll("[type=checkbox], [type=hidden], option")].map((box) => (box.type === "hidden" ? box.name : box.value + box.dataset.quick)).join("\n");
  if (values(form) !== values(fresh)) { // another camera or label came meanwhile
    form.replaceChildren(...fresh.childNodes);
    searched(form, texts.find);
  } else {
    const fields = "[name], [data-quick]", boxes = fresh.querySelectorAll(fields), heads = fresh.querySelectorAll("summary");
    form.querySelectorAll(fields).forEach((box, index) => Object.assign(box, { checked: boxes[index].checked, value: boxes[index].value }));
    form.querySelectorAll("summary").forEach((head, index) => head.replaceChildren(...heads[index].childNodes));
    quick(form, fresh);
  }
  const search = document.querySelector(".search"), word = search.querySelector("[type=search]"), field = shown.querySelector(".search");
  search.querySelectorAll("[type=hidden]").forEach((input) => input.remove());
  search.prepend(...field.querySelectorAll("[type=hidden]"));
  if (word !== document.activeElement) word.value = field.querySelector("[type=search]").value;
  document.getElementById("announced").textContent = document.getElementById("count")?.textContent ?? document.querySelector(".empty h2")?.textContent ?? "";
  if (document.activeElement === document.body) document.getElementById("main").focus({ preventScroll: true });
}

/** What is called today, yesterday and so on, as another form has it. */
function quick(form, fresh) {
  const links = fresh.querySelectorAll(".quick a");
  form.querySelectorAll(".quick a").forEach((link, index) => { link.href = links[index].href; });
}

/** The filter as a sheet, on a phone. */
function sheet(shown) {
  document.getElementById("filter").classList.toggle("shown", shown);
  document.getElementById("filtering").setAttribute("aria-expanded", String(shown));
  if (shown) tally();
}

/** What is chosen in the form, as the end of an address. */
const said = (form) => filterOf(`?${new URLSearchParams(new FormData(form))}`);

/** The same as the API's filter: its days are the cameras'. */
function chosen(form) {
  const filter = new URLSearchParams(said(form)), { siteZone } = document.documentElement.dataset;
  for (const [name, days] of [["from", 0], ["to", 1]]) {
    const day = filter.get(name);
    if (day && !day.includes("T")) filter.set(name, new Date(momentOf(plus(day, days), "00:00:00", siteZone)).toISOString());
  }
  return filter;
}

let asked = 0, counting = false; // how often something else was to be counted; whether an answer is on its way

/** Say on the sheet how many clips it will show, where that is known; one question at a time, of what was chosen last. */
async function tally() {
  const form = document.getElementById("filter"), show = form.querySelector(".show");
  show.textContent = show.dataset.plain ??= show.textContent;
  asked += 1;
  if (counting) return;
  counting = true;
  const counted = async () => total(chosen(form)); // what no calendar has is not counted either
  for (let mine = 0; mine !== asked;) {
    mine = asked;
    const words = await counted().then(({ clips, more }) => (clips || !more ? texts.show(clips, more) : show.dataset.plain), () => show.dataset.plain);
    if (mine === asked) form.querySelector(".show").textContent = words;
  }
  counting = false;
}

/** Where one is in time (ms): where one went, until one scrolls on; then at the first card in sight; null at the newest. */
function hereAt() {
  const card = screen.grid.first();
  if (!card) return null;
  if (stays()) return screen.went.at;
  return scrollY > 40 || !screen.grid.newest ? Date.parse(card.dataset.at) : null;
}

/** Whether one is still where one went, whatever was loaded around it meanwhile. */
function stays() {
  const { went, grid } = screen;
  // Neither what is laid out anew above it, nor what is held in its place meanwhile, is somebody's scrolling.
  const scrolled = went && Math.abs(scrollY - went.y) > MOVED && Math.abs(went.card.getBoundingClientRect().top - went.top) > MOVED;
  if (scrolled || went?.card.isConnected === false) screen.went = grid.anchor = null;
  return Boolean(screen.went);
}

/** Note that one went to a moment (ms), and found a card there. */
function went(at, card) {
  screen.went = { at, card, top: card.getBoundingClientRect().top, y: scrollY };
  screen.grid.anchor = card;
  follow();
}

/** Ask for a moment, and go to the clip nearest to it. */
function ask(beside) {
  const first = screen.grid.first();
  askMoment(beside, hereAt() ?? (first && Date.parse(first.dataset.at)), screen.grid.question, async ({ at, whole }) => {
    const card = await jump(new Date(at).toISOString(), !whole);
    if (card) found(card, at, whole && wall(card.dataset.at, zone()).day === wall(at, zone()).day);
  });
}

/** Show which clip is nearest to a moment (ms) that was asked for, and how far it is from it, where that matters. */
function found(card, at, same = false) {
  focus(card, { preventScroll: true });
  const apart = screen.grid.apart(card, at);
  say(same || apart <= NEAR ? "" : texts.nearestTo(spanTitle(apart), Date.parse(card.dataset.at) > at));
}

/** Words about where one got, until one goes on. */
function say(words) {
  const line = document.getElementById("said");
  line.textContent = words;
  line.hidden = !words;
}

async function jump(moment, nearest = false) {
  say("");
  const card = await screen.grid.jump(moment, nearest);
  if (!card) return undefined;
  history.replaceState(history.state, "", changed(location.href, { at: moment, after: null, before: null }));
  screen.address = location.pathname + location.search;
  went(moment && Date.parse(moment), card);
  return card;
}

/** The first card in sight, or the one that one went to, says on the rail and in the row where one is. */
function follow() {
  const card = stays() ? screen.went.card : screen.grid.first();
  if (!card) return;
  screen.rail.at(wall(card.dataset.at, zone()).day);
  for (const label of document.querySelectorAll(".moment span")) label.textContent = momentTitle(Date.parse(card.dataset.at), zone());
}

let settling = 0;
addEventListener("scroll", () => {
  if (over || settling) return;
  settling = setTimeout(() => {
    settling = 0;
    if (over) return;
    if (!stays()) say("");
    follow();
    remember();
  }, SETTLED);
}, { passive: true });

function remember(focused = document.activeElement?.closest(".card")) {
  const card = screen.grid.first();
  const anchor = card && { id: Number(card.dataset.id), at: card.dataset.at, top: card.getBoundingClientRect().top, focused: focused ? Number(focused.dataset.id) : null };
  history.replaceState(scrollY > 40 || focused ? anchor : null, "", here(location.href));
  screen.address = location.pathname + location.search;
}

/** Come back to where one was: the same card at the same height, the same focus. */
async function restore(anchor) {
  if (!screen.grid.card(anchor.id)) await screen.grid.jump(anchor.at);
  const card = screen.grid.card(anchor.id);
  if (card) scrollBy(0, card.getBoundingClientRect().top - anchor.top);
  screen.grid.card(anchor.focused)?.querySelector("a").focus({ preventScroll: true });
}

// — what arrives —

function undisturbed() {
  return scrollY < 40 && !over && !screen.grid.days.contains(document.activeElement) && !screen.selection.ids.size && screen.grid.newest && hereAt() === null;
}

async function changedClips(clips) {
  const { grid, arrived, coming } = screen;
  let unknown = false;
  for (const clip of clips) {
    if (clip.state === "new") coming.add(clip.id);
    else {
      coming.delete(clip.id);
      if (clip.state === "ready" && !grid.card(clip.id)) came(clip.id);
    }
    const listed = ["ready", "broken"].includes(clip.state);
    if (!listed) {
      arrived.delete(clip.id);
      if (clip.state !== "new") grid.remove(clip.id);
    } else if (arrived.has(clip.id)) arrived.set(clip.id, clip);
    else if (grid.card(clip.id)) grid.update(clip);
    else unknown = true;
  }
  const quiet = document.getElementById("arriving");
  quiet.hidden = !coming.size;
  quiet.textContent = texts.arriving(coming.size);
  if (unknown && document.getElementById("filter").classList.contains("shown")) tally();
  if (unknown) await arrivals();
}

/** Which of the clips that came are shown here is the server's to say: the filter is its. */
async function arrivals() {
  const { grid, arrived } = screen;
  const { clips } = await get(changed(grid.question, { limit: TOP }));
  const known = (clip) => arrived.has(clip.id) || grid.card(clip.id);
  if (grid.cards.length && grid.newest && clips.length === TOP && !clips.some(known)) {
    return undisturbed() ? visit(location.href, { replace: true }) : offer(texts.manyNewClips);
  }
  const top = grid.newest ? -Infinity : Date.parse(grid.cards[0]?.dataset.at ?? 0);
  for (const clip of clips) if (!known(clip) && Date.parse(clip.started_at) > top) arrived.set(clip.id, clip);
  if (!arrived.size) return;
  if (undisturbed()) showArrived();
  else offer(texts.newClips(arrived.size));
}

function offer(text) {
  const pill = document.getElementById("arrivals");
  pill.textContent = text;
  pill.hidden = false;
}

async function showArrived() {
  const pill = document.getElementById("arrivals"), { grid, arrived } = screen;
  const pressed = !pill.hidden;
  pill.hidden = true;
  if (!grid.newest || pill.textContent === texts.manyNewClips) return visit(changed(location.href, { at: null, after: null, before: null }), { replace: true });
  for (const clip of [...arrived.values()].reverse()) if (!grid.card(clip.id)) grid.insert(clip);
  arrived.clear();
  if (pressed) scrollTo({ top: 0 });
}

// — a clip over the grid —

async function watch(address, card, { push = true, all = false } = {}) {
  const shown = await fetched(address, clipPage);
  if (!shown) return;
  const content = part(shown);
  if (!content) {
    location.assign(address);
    return;
  }
  if (all) address = document.getElementById("main").dataset.watch.replace(/0$/, content.dataset.id) + new URL(address, location.href).search; // which clip is the first is the server's to say
  if (push) {
    if (over) history.replaceState({ over: true }, "", address);
    else {
      remember(card);
      history.pushState({ over: true }, "", address);
    }
  }
  if (over?.take(content)) {
    over.dialog.setAttribute("aria-label", shown.title);
    document.title = shown.title;
    return;
  }
  const dialog = over?.dialog ?? document.createElement("dialog");
  over?.close();
  dialog.className = "over";
  dialog.setAttribute("aria-label", shown.title);
  dialog.replaceChildren(content);
  const before = over?.title ?? document.title;
  document.title = shown.title;
  if (!dialog.open) {
    document.body.append(dialog);
    dialog.addEventListener("cancel", (event) => { event.preventDefault(); history.back(); });
    dialog.showModal();
  }
  over = { dialog, title: before, ...mountWatch(content, { back: () => history.back(), go: (next) => watch(next, null), began: true, all }) };
}

function unwatch() {
  turn += 1;
  const { dialog, title } = over;
  over.close();
  over = null;
  dialog.close();
  dialog.remove();
  document.title = title;
  const anchor = history.state;
  if (anchor?.id) restore(anchor);
}

addEventListener("popstate", () => {
  if (history.state?.over) return watch(location.href, null, { push: false });
  if (over) unwatch();
  if (location.pathname + location.search === screen.address) return; // only the part behind "#" is another one
  visit(location.href, { replace: true, anchor: history.state });
});

// — what one does —

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (!link || !plain || link.hasAttribute("download") || event.defaultPrevented || link.origin !== location.origin) return;
  if (link.closest(".card") && screen.grid.days.contains(link)) {
    event.preventDefault();
    const card = link.closest(".card"), sprite = card.querySelector(".sprite");
    const seconds = sprite && card.querySelector(".length") ? skimmed(card, sprite) : 0;
    watch(changed(link.href, seconds ? { t: seconds } : {}), card);
  } else if (link.matches(".watch-all")) {
    event.preventDefault();
    const at = link.closest(".above") && hereAt();
    watch(at ? changed(link.href, { at: new Date(at).toISOString() }) : changed(link.href, {}), null, { all: true });
  } else if (link.closest(".chips, .quick, .empty")) {
    event.preventDefault();
    visit(link.closest(".quick, .empty") ? link.href : here(changed(link.href, {})));
  }
});

/** Where in the clip a click on its skimmed picture was, in seconds. */
function skimmed(card, sprite) {
  const parts = card.querySelector(".length").textContent.split(":").map(Number);
  const whole = parts.reduce((sum, part) => sum * 60 + part, 0);
  return Math.floor(whole * Number(sprite.style.getPropertyValue("--share")) * 10) / 10;
}

function filterForm() {
  const form = document.getElementById("filter"), search = document.querySelector(".search");
  const go = () => visit(here(changed(form.action, {}) + said(form)));
  let touched = false;
  const apply = () => {
    touched = false;
    sheet(false);
    go();
  };
  form.onsubmit = (event) => {
    event.preventDefault();
    apply();
    const choice = form.querySelector("details[open]");
    if (!choice) return;
    choice.open = false;
    choice.querySelector("summary").focus();
  };
  search.onsubmit = async (event) => { // the server knows which words are labels, cameras and days
    event.preventDefault();
    const answer = await fetch(changed(search.action, {}) + `?${new URLSearchParams(new FormData(search))}`, { method: "HEAD" }).catch(() => null);
    if (!answer) return say(texts.noAnswer);
    search.querySelector("[type=search]").blur(); // what was found is next, and keys are for it
    await visit(changed(answer.url, {}));
    return screen.went && found(screen.went.card, screen.went.at);
  };
  form.onchange = ({ target }) => {
    if (target.dataset.quick !== undefined) {
      for (const box of form.querySelectorAll("[name=label]")) if (box.value === target.dataset.quick) box.checked = target.checked;
      if (!form.classList.contains("shown")) go();
    } else if (target.name === "held" && !form.classList.contains("shown")) go();
    else touched = true; // a day while it is typed is another day with each digit: it counts when one leaves it
    if (form.classList.contains("shown")) tally();
  };
  form.onfocusout = ({ target }) => { if (touched && target.type === "date" && !form.classList.contains("shown")) apply(); };
  for (const choice of form.querySelectorAll("details")) {
    choice.ontoggle = () => { if (!choice.open && touched && !form.classList.contains("shown")) apply(); };
  }
}

document.addEventListener("pointerdown", ({ target }) => { if (!target.closest("#filter, #filtering")) sheet(false); });

function resize(step) {
  const now = Math.max(0, SIZES.indexOf(localStorage.getItem(SIZE) ?? "medium"));
  const size = SIZES[Math.min(SIZES.length - 1, Math.max(0, now + step))];
  localStorage.setItem(SIZE, size);
  screen.grid.held(() => { document.documentElement.dataset.size = size; });
}

// One stop of the Tab key for the whole grid: arrows move in it.
function tabStop(card = null) {
  const cards = screen.grid.cards;
  const chosen = card ?? cards.find((card) => card.contains(document.activeElement)) ?? cards[0];
  for (const card of cards) card.querySelector("a").tabIndex = card === chosen ? 0 : -1;
}

const focused = () => document.activeElement?.closest(".card");

function focus(card, how) {
  if (!card) return false;
  tabStop(card);
  card.querySelector("a").focus(how);
  return true;
}

function beside(step) {
  const card = focused(), cards = screen.grid.cards;
  return card ? focus(cards[cards.indexOf(card) + step]) : focus(screen.grid.first());
}

/** The card above or below, nearest in its column, across days. */
function row(direction) {
  const card = focused();
  if (!card) return focus(screen.grid.first());
  const list = card.parentElement, cards = [...list.children], across = columns(list);
  const step = cards[cards.indexOf(card) + direction * across];
  if (step) return focus(step);
  const box = card.getBoundingClientRect(), others = screen.grid.cards, index = others.indexOf(card);
  const near = direction > 0 ? others.slice(index + 1, index + 2 * across + 1) : others.slice(Math.max(0, index - 2 * across), index);
  const apart = near.filter((card) => (card.getBoundingClientRect().top - box.top) * direction > 10);
  const edge = apart.map((card) => card.getBoundingClientRect().top).reduce((a, b) => (direction > 0 ? Math.min(a, b) : Math.max(a, b)), direction * Infinity);
  const line = apart.filter((card) => Math.abs(card.getBoundingClientRect().top - edge) < 10);
  return focus(line.toSorted((a, b) => Math.abs(a.getBoundingClientRect().left - box.left) - Math.abs(b.getBoundingClientRect().left - box.left))[0]);
}

function dayEnd(last) {
  const card = focused() ?? screen.grid.first(), day = card?.closest(".day").dataset.group.slice(0, 10);
  const cards = screen.grid.cards.filter((other) => other.closest(".day").dataset.group.startsWith(day));
  return focus(cards.at(last ? -1 : 0));
}

/** Open the clip that one went to, or the first one in sight. */
function watchHere() {
  const card = stays() ? screen.went.card : screen.grid.first();
  return card ? card.querySelector("a").click() : false;
}

const anywhere = [
  [["/"], _("search"), () => document.getElementById("search")?.focus()],
  [["d"], _("go to a date or time"), () => ask([...document.querySelectorAll(".moment")].find((button) => button.offsetWidth))],
];

shell(anywhere, hereAt);
keys(texts.browse, [
  [["ArrowLeft"], _("the clip before"), () => beside(-1)],
  [["ArrowRight"], _("the next clip"), () => beside(1)],
  [["ArrowUp"], _("a row up"), () => row(-1)],
  [["ArrowDown"], _("a row down"), () => row(1)],
  [["Home"], _("first of the day"), () => dayEnd(false)],
  [["End"], _("last of the day"), () => dayEnd(true)],
  [["["], _("the day before"), () => screen.rail.step(1)],
  [["]"], _("the next day"), () => screen.rail.step(-1)],
  [["n"], _("the newest"), () => jump(null)],
  [["Enter"], _("watch"), () => (focused() ? false : watchHere())],
  [["a"], _("Watch all"), () => document.querySelector(".above .watch-all")?.click()],
  [[" "], _("peek: run through it once"), () => (focused() ? peek(focused()) : false)],
  [["x"], _("select"), () => (focused() ? screen.selection.toggle(focused()) : false)],
  [["Shift+X"], _("select from the last one on"), () => (focused() ? screen.selection.toggle(focused(), true) : false)],
  [["l"], _("label what is selected"), () => {
    if (!screen.selection.ids.size && focused()) screen.selection.toggle(focused());
    return screen.selection.ids.size ? screen.selection.label() : false;
  }],
  [["-"], _("smaller pictures"), () => resize(-1)],
  [["+", "="], _("larger pictures"), () => resize(1)],
  [["Escape"], _("select nothing"), () => (screen.selection.on ? screen.selection.selecting(false) : false)],
]);

/** Today: that of whoever looks, which headings go by, and the cameras', which the filter goes by. */
const bothDays = () => [zone(), document.documentElement.dataset.siteZone].map((zone) => wall(Date.now(), zone).day).join(" ");
let today = bothDays();
setInterval(async () => {
  const days = bothDays(), mine = screen;
  if (days === today) return;
  today = days;
  screen.grid.titles();
  const fresh = (await page(screen.address, { quiet: true }).catch(() => null))?.getElementById("filter"); // without it they are as they were
  if (fresh && mine === screen) quick(document.getElementById("filter"), fresh);
}, MIDNIGHT);

history.scrollRestoration = "manual";
open();
if (history.state?.id) restore(history.state);
else arrive();
