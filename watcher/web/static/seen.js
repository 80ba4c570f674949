// What whoever looks has seen: a dot on what is new to them, and words to tell the server of it.

import { get, mount, send } from "./api.js";
import { element } from "./elements.js";
import { texts } from "./texts.js";

const MOST = 500; // newest clips that get a dot

const unseen = new Set(); // ids

/** Put the dots on cards where they belong. */
export function dots(cards) {
  for (const card of cards) {
    const dot = card.querySelector(".dot"), fresh = unseen.has(Number(card.dataset.id));
    if (fresh && !dot) card.querySelector(".picture").append(element("span", "dot", {}, element("span", "hidden", {}, texts.unseen)));
    else if (!fresh) dot?.remove();
  }
}

/** The icon of the installed page says how many there are. */
function badge() { navigator.setAppBadge?.(unseen.size).catch(() => {}); }

/** Ask what is new; of somebody who was never here nothing is: all that is there is what they begin with. */
export async function learnUnseen() {
  const { marked_at: marked, exceptions, unseen: count } = await get(`${mount}/seen`);
  if (!marked && !exceptions.length) return seenAll();
  const { clips } = count ? await get(`${mount}/clips?seen=false&fields=id&limit=${MOST}`) : { clips: [] };
  unseen.clear();
  for (const { id } of clips) unseen.add(id);
  badge();
  return undefined;
}

/** A clip that came just now is new to everybody. */
export function came(id) {
  unseen.add(id);
  badge();
}

/** Everything that is ready now is seen. */
export async function seenAll() {
  const { head } = await get(`${mount}/changes/head`);
  await send("PUT", `${mount}/seen`, { until_revision: head });
  unseen.clear();
  badge();
}

/** A clip counts as seen; a server that is away is told of another one. */
export function sawClip(id) {
  if (unseen.delete(Number(id))) badge();
  dots(document.querySelectorAll(`.card[data-id="${CSS.escape(id)}"]`));
  send("PUT", `${mount}/clips/${id}/seen`).catch(() => {});
}
