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

const ICONS = {
  play: "M4 2.5v11l9.5-5.5z",
  pause: "M4 2.5h3v11H4zM9 2.5h3v11H9z",
  sound: "M2 6v4h2.5L8 13V3L4.5 6zM10 5.5c1.5 1 1.5 4 0 5M11.5 3.5c3 2 3 7 0 9",
  silence: "M2 6v4h2.5L8 13V3L4.5 6zM10.5 6l4 4M14.5 6l-4 4",
  frame: "M1.5 4.5h3l1-1.5h5l1 1.5h3v8.5h-13zM8 6.2a2.4 2.4 0 1 0 .01 0z",
  zoom: "M7 2.5a4.5 4.5 0 1 0 .01 0zM10.2 10.2l4 4M5 7h4M7 5v4",
  inset: "M1.5 3h13v10h-13zM8 8h5v3.5H8z",
  full: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4",
};

/** A small picture for a button; its words go into `aria-label` and `title`. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 16 16", class: `icon ${name}`, "aria-hidden": "true" })) svg.setAttribute(key, value);
  const path = document.createElementNS(svg.namespaceURI, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

export const iconButton = (name, words, onclick, properties = {}) => button(icon(name), onclick, { "aria-label": words, title: words, ...properties });

export const button = (text, onclick, properties = {}) => element("button", "", { type: "button", onclick, ...properties }, text);

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
    let said = null;
    const form = element("form", "row", { method: "dialog", onsubmit: () => { said = input.value.trim(); } }, input, list, element("button", "primary", {}, done));
    dialog(title, form).addEventListener("close", () => resolve(said || null));
    input.focus();
  });
}

/** Asks for a yes. */
export function confirmed(question, yes, no) {
  return new Promise((resolve) => {
    let said = false;
    const row = element("form", "row", { method: "dialog" },
      element("button", "", { autofocus: true }, no),
      element("button", "danger", { onclick: () => { said = true; } }, yes));
    dialog(question, row).addEventListener("close", () => resolve(said));
  });
}
