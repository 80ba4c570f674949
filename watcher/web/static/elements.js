// Elements made by hand: text stays text.

/** An element with a class, properties and children; strings become text. */
export function element(name, className, properties = {}, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

const SPRITE = new URL("icons.svg", import.meta.url).href;

/** A picture of the sprite for a button; its words go into `aria-label` and `title`. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "i");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(svg.namespaceURI, "use");
  use.setAttribute("href", `${SPRITE}#${name}`);
  svg.append(use);
  return svg;
}

const KEYS = { " ": "Space", ArrowLeft: "←", ArrowRight: "→", Space: "Space" };

/** What a button's tooltip says: its words, and its first key. */
export const hint = (words, keys) => (keys ? `${words} (${keys.split(" ").map((key) => KEYS[key] ?? key)[0]})` : words);

export const iconButton = (name, words, onclick, properties = {}) =>
  button(icon(name), onclick, { "aria-label": words, title: hint(words, properties["aria-keyshortcuts"]), ...properties });

export const button = (text, onclick, properties = {}) => element("button", "", { type: "button", onclick, ...properties }, text);

const MANY = 12; // choices of a menu, above which one can search among them
const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase();

/** A field above the choices of each long menu of a part of the page, which leaves those that have what is typed in their words. */
export function searched(part, words) {
  for (const menu of part.querySelectorAll(".choice fieldset")) {
    const choices = [...menu.querySelectorAll(":scope > label")];
    if (choices.length <= MANY) continue;
    const field = element("input", "", { type: "search", placeholder: words, "aria-label": words });
    field.addEventListener("input", () => { for (const choice of choices) choice.hidden = !plain(`${choice.textContent} ${choice.title}`).includes(plain(field.value)); });
    field.addEventListener("change", (event) => event.stopPropagation()); // it chooses nothing
    field.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
    choices[0].before(field);
  }
}

/** A dialog that closes by Esc, by its button, and when it is done; focus goes back to where it was. */
export function dialog(title, ...children) {
  const made = element("dialog", "panel", { "aria-label": title }, element("h2", "", {}, title), ...children);
  made.addEventListener("close", () => made.remove());
  document.body.append(made);
  made.showModal();
  return made;
}

/** Asks for a word, with suggestions; null when nothing is said. */
export function askFor(title, suggestions, done) {
  return new Promise((resolve) => {
    const list = element("datalist", "", { id: "suggestions" }, ...suggestions.map((value) => element("option", "", { value })));
    const input = element("input", "", { required: true, maxLength: 100, "aria-label": title });
    input.setAttribute("list", "suggestions");
    let word = null;
    const form = element("form", "row", { method: "dialog", onsubmit: () => { word = input.value.trim(); } }, input, list, element("button", "primary", {}, done));
    dialog(title, form).addEventListener("close", () => resolve(word || null));
    input.focus();
  });
}

/** Asks for a yes. */
export function confirmed(question, yes, no) {
  return new Promise((resolve) => {
    let agreed = false;
    const row = element("form", "row", { method: "dialog" },
      element("button", "", { autofocus: true }, no),
      element("button", "danger", { onclick: () => { agreed = true; } }, yes));
    dialog(question, row).addEventListener("close", () => resolve(agreed));
  });
}
