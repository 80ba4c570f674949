// Status: what is shown is asked for again while somebody looks.

import { page } from "./api.js";
import { shell } from "./keys.js";

const PAUSE = 10000; // ms

shell();
setInterval(async () => {
  if (document.hidden) return;
  const fresh = await page(location.href).catch(() => null);
  const part = fresh?.getElementById("live"), shown = document.getElementById("live");
  if (part && part.innerHTML !== shown.innerHTML && !shown.contains(document.activeElement)) shown.replaceWith(document.adoptNode(part));
}, PAUSE);
