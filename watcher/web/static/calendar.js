// Go to a moment: a month whose days are tinted by how many clips they have under the filter, and a field to type into.

import { countDays, filterIn, zone } from "./api.js";
import { button, dialog, element, iconButton } from "./elements.js";
import { locale, texts, week } from "./texts.js";
import { clock, dayTitle, monthTitle, momentOf, plus, zoneName, wall } from "./times.js";

const DAY = 86400000;

/** The same day of another month, or its last. */
function plusMonths(day, months) {
  const at = new Date(`${day.slice(0, 7)}-01T00:00:00Z`);
  at.setUTCMonth(at.getUTCMonth() + months + 1, 0);
  const last = at.toISOString().slice(0, 10);
  return last.slice(0, 8) + (day.slice(8) < last.slice(8) ? day.slice(8) : last.slice(8));
}

/** Where a day ends, in ms: what is found from there backwards is its latest clip. */
const endOf = (day) => momentOf(plus(day, 1), "00:00:00", zone()) - 1;

/** The words of a moment; those of two that a clock shows alike name their zone's name for it. */
function words({ at, whole }, all) {
  const { day, time } = wall(at, zone()), twin = all.some((other) => other.at !== at && !whole && wall(other.at, zone()).time === time && wall(other.at, zone()).day === day);
  return dayTitle(day) + (whole ? "" : `, ${clock(time.replace(/:00$/, ""))}`) + (twin ? ` ${zoneName(at, zone())}` : "");
}

/**
 * Asks for a moment, beside a button, where one is at (ms). `question` is the list's, whose filter the counts are of;
 * `go` is called with `{at, whole}`: a moment, or the end of a whole day.
 */
export function askMoment(beside, at, question, go) {
  const now = Date.now(), today = wall(now, zone()).day, here = wall(at ?? now, zone()).day;
  const filter = filterIn(question);
  for (const name of ["from", "to"]) filter.delete(name); // it jumps out of them
  const typed = import("./typed.js").catch(() => null); // nobody has typed yet
  let shown = here, turn = 0;
  const input = element("input", "", { type: "text", autocomplete: "off", spellcheck: false, placeholder: texts.typeHint, "aria-label": texts.goTo });
  const preview = element("output", "preview");
  const title = element("h3", "month", { "aria-live": "polite" }), body = element("tbody");
  const first = Date.UTC(2024, 0, week), name = (n, weekday) => new Date(first + n * DAY).toLocaleDateString(locale, { weekday, timeZone: "UTC" }); // a 1st that is a Monday
  const heads = Array.from({ length: 7 }, (_, n) => element("th", "", { scope: "col", abbr: name(n, "long") }, name(n, "short")));
  const leave = (moment) => { panel.close(); go(moment); };
  /** What is typed means, as far as it can be read; null where what reads it does not come. */
  const meant = async () => (await typed)?.read(input.value, { now, day: here, zone: zone() }) ?? null;
  const show = async () => {
    const moments = await meant();
    if (!panel.open) return undefined;
    if (!moments) return preview.replaceChildren(texts.noAnswer);
    preview.replaceChildren(...(moments.length > 1
      ? [texts.whichOne, ...moments.map((moment) => button(words(moment, moments), () => leave(moment)))]
      : [moments.length ? words(moments[0], moments) : input.value.trim() ? texts.notUnderstood : ""]));
    return moments.length === 1 && paint(wall(moments[0].at, zone()).day);
  };
  const form = element("form", "", { onsubmit: async (event) => {
    event.preventDefault();
    const moments = await meant();
    if (!panel.open) return; // somebody went away meanwhile
    if (moments?.length === 1) leave(moments[0]);
    else preview.querySelector("button")?.focus();
  } }, element("span", "row", {}, input, element("button", "primary", {}, texts.go)), preview);
  input.oninput = show;
  input.onkeydown = (event) => { if (event.key === "ArrowDown") { event.preventDefault(); focusDay(shown); } };

  const focusDay = (day) => { paint(day); body.querySelector("[tabindex='0']").focus(); };
  const paint = async (day) => {
    const month = day.slice(0, 7), fresh = month !== title.dataset.month;
    shown = day;
    if (fresh) {
      title.dataset.month = month;
      title.textContent = monthTitle(month);
      const first = `${month}-01`, weekday = (new Date(`${first}T00:00:00Z`).getUTCDay() - week + 7) % 7, cells = Array.from({ length: 42 }, (_, n) => plus(first, n - weekday));
      const cell = (date) => element("td", "", {}, ...(date.startsWith(month) ? [button(Number(date.slice(8)), () => leave({ at: endOf(date), whole: true }), { value: date, "aria-label": dayTitle(date) })] : []));
      body.replaceChildren(...[0, 7, 14, 21, 28, 35].filter((n) => n === 0 || cells[n].startsWith(month)).map((n) => element("tr", "", {}, ...cells.slice(n, n + 7).map(cell))));
    }
    for (const cell of body.querySelectorAll("button")) {
      cell.tabIndex = cell.value === day ? 0 : -1;
      if (cell.value === day) cell.setAttribute("aria-current", "date");
      else cell.removeAttribute("aria-current");
      cell.classList.toggle("today", cell.value === today);
    }
    if (!fresh) return;
    turn += 1;
    const mine = turn, counts = new Map();
    for (let left = plusMonths(`${month}-31`, 0); left?.startsWith(month);) {
      const answer = await countDays(filter, left, Number(left.slice(8))).catch(() => null);
      if (mine !== turn || !answer) return;
      for (const day of answer.days) counts.set(day.day, day);
      tint(counts, answer.counted_from);
      left = plus(answer.counted_from, -1);
    }
  };
  /** Tint the days, as far back as they were counted. */
  const tint = (counts, from) => {
    const most = Math.max(...[...counts.values()].map((day) => day.clips));
    for (const cell of body.querySelectorAll("button")) {
      if (cell.value < from) continue;
      const count = counts.get(cell.value);
      cell.classList.toggle("none", !count);
      if (count) cell.style.setProperty("--share", `${Math.round(8 + 40 * count.clips / most)}%`);
      cell.title = texts.clipsOn(dayTitle(cell.value), count?.clips ?? 0, count?.more);
      cell.setAttribute("aria-label", cell.title);
    }
  };
  const table = element("table", "", { onkeydown: (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 }, months = { PageUp: -1, PageDown: 1 };
    const day = event.key in steps ? plus(shown, steps[event.key]) : event.key in months ? plusMonths(shown, months[event.key]) : null;
    if (day === null || day < "1970-01-02" || day > "2169-12-30") return;
    event.preventDefault();
    focusDay(day);
  } }, element("thead", "", {}, element("tr", "", {}, ...heads)), body);
  const turnTo = (months) => { const day = plusMonths(shown, months); if (day > "1970-01-02" && day < "2169-12-30") paint(day); };
  const head = element("div", "month-head", {}, iconButton("left", texts.monthBefore, () => turnTo(-1), { className: "ic" }), title, iconButton("right", texts.monthAfter, () => turnTo(1), { className: "ic" }));
  const panel = dialog(texts.goTo, form, head, table);
  panel.classList.add("calendar");
  const box = beside?.getBoundingClientRect();
  if (box?.width) {
    panel.style.setProperty("--x", `${Math.max(8, Math.min(box.left, innerWidth - panel.offsetWidth - 8))}px`);
    panel.style.setProperty("--y", `${box.bottom + 6}px`);
  }
  panel.addEventListener("pointerdown", (event) => {
    const edge = panel.getBoundingClientRect();
    if (event.clientX < edge.left || event.clientX > edge.right || event.clientY < edge.top || event.clientY > edge.bottom) panel.close();
  });
  if (matchMedia("(pointer: coarse)").matches) focusDay(here); // no keyboard over the sheet until somebody wants to type
  else {
    paint(here);
    input.focus();
  }
}
