// Status: what is shown is asked for again while somebody looks; films, sessions and links can be ended, cameras named.

import { page, send } from "./api.js";
import { confirmed, element } from "./elements.js";
import { shell } from "./keys.js";
import { _, texts } from "./texts.js";

const says = {
  shownNow: (camera) => _("Saved: %(camera)s", { camera }),
};

const PAUSE = 10000; // ms

/** `forced`: what has just been changed is shown even beside a form that is open. */
async function refresh(forced = false) {
  const fresh = await page(location.href).catch(() => null);
  const part = fresh?.getElementById("live"), shown = document.getElementById("live");
  if (!part) return;
  reveal(part);
  document.getElementById("alarm").replaceWith(document.adoptNode(fresh.getElementById("alarm")));
  if (part.innerHTML !== shown.innerHTML && (forced || !(shown.contains(document.activeElement) || shown.querySelector("[open]")))) shown.replaceWith(document.adoptNode(part));
}

/** Buttons that do nothing without this. */
function reveal(part) {
  for (const button of part.querySelectorAll("[data-remove]")) button.hidden = false;
}

document.addEventListener("click", async ({ target }) => {
  const address = target.dataset?.remove;
  if (!address || !await confirmed(target.dataset.ask, target.textContent, texts.cancel)) return;
  target.blur();
  try {
    await send("DELETE", address);
  } catch (error) {
    target.after(" ", element("span", "bad", { role: "alert" }, error.message));
    return;
  }
  await refresh();
});

// A camera's form says it over the API, and its button has the focus again; without this the page is loaded anew.
document.addEventListener("submit", async (event) => {
  const form = event.target, address = form.dataset.put;
  if (!address) return;
  event.preventDefault();
  const { name, colour, order, hidden } = Object.fromEntries(new FormData(form)), { id } = form.closest("li");
  form.querySelector("[role=alert]")?.remove();
  try {
    await send("PUT", address, { name: name.trim() || null, colour: colour || null, order: Number(order) || null, hidden: hidden === "yes" });
  } catch (error) {
    form.append(element("p", "bad", { role: "alert" }, error.message));
    return;
  }
  const words = says.shownNow(name.trim() || form.elements.camera.value);
  form.parentElement.open = false;
  await refresh(true);
  document.querySelector(`#${CSS.escape(id)} summary, #hidden-cameras a`)?.focus();
  document.getElementById("said").textContent = words;
});

document.addEventListener("keydown", ({ key, target }) => {
  const form = key === "Escape" && target.closest?.(".edit[open]");
  if (!form) return;
  form.open = false;
  form.firstElementChild.focus();
});

shell();
reveal(document);
setInterval(() => document.hidden || refresh(), PAUSE);
