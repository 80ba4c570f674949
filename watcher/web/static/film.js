// One video of a camera's clips: asked for, waited for, offered in a line of the page.

import { get, mount, nameOf, send } from "./api.js";
import { element } from "./elements.js";
import { texts } from "./texts.js";
import { length } from "./times.js";

const WAIT = 1000; // ms between two looks whether it is made

/** Have videos made of cameras from one moment (ms) to another; `line` says how far they are, while `alive` holds. */
export async function film(cameras, from, to, line, alive) {
  const time = (at) => new Date(at).toISOString();
  let order = await send("POST", `${mount}/exports`, { cameras, from: time(from), to: time(to), cut: "key" });
  while (alive() && ["waiting", "working"].includes(order.state)) {
    line.replaceChildren(texts.filmWaits(order.progress));
    await new Promise((resolve) => setTimeout(resolve, WAIT));
    order = await get(`${mount}/exports/${order.id}`);
  }
  line.replaceChildren(...(order.error ? [texts.filmFailed(order.error)] : order.files.flatMap((file) =>
    [element("a", "button", { href: file.url, download: "" }, order.files.length > 1 ? `${nameOf(file.camera)}: ` : "", texts.fetchFilm(length(file.duration_seconds))), " "])));
}
