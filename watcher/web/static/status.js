// Status: what is shown is asked for again while somebody looks, and films, sessions and links can be ended.

import { page, send } from "./api.js";
import { confirmed, element } from "./elements.js";
import { shell } from "./keys.js";
import { texts } from "./texts.js";

const PAUSE = 10000; // ms

async function refresh() {
  const fresh = await page(location.href).catch(() => null);
  const part = fresh?.getElementById("live"), shown = document.getElementById("live");
  if (!part) return;
  reveal(part);
  document.getElementById("alarm").replaceWith(document.adoptNode(fresh.getElementById("alarm")));
  if (part.innerHTML !== shown.innerHTML && !shown.contains(document.activeElement)) shown.replaceWith(document.adoptNode(part));
}

/** Buttons that do nothing without this. */
function reveal(part) {
  for (const one of part.querySelectorAll("[data-remove]")) one.hidden = false;
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

shell();
reveal(document);
setInterval(() => document.hidden || refresh(), PAUSE);
