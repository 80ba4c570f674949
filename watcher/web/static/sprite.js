// Skimming: a picture of a few frames follows the pointer. The clip itself is never fetched for it.

const INTENT = 200, RUN = 3600, AT_ONCE = 2; // ms, ms, pictures
let loading = 0;

const read = (text) => {
  const [url, frames, columns] = text.split(" ");
  return { url, frames: Number(frames), columns: Number(columns) };
};

/** An element that shows one frame of a sprite, once its picture is there; null while too much is on its way. */
export async function loaded(text) {
  if (loading >= AT_ONCE) return null;
  const sprite = read(text), image = new Image();
  image.src = sprite.url;
  loading += 1;
  try {
    await image.decode();
  } catch {
    return null;
  } finally {
    loading -= 1;
  }
  const shown = document.createElement("span");
  const rows = Math.ceil(sprite.frames / sprite.columns);
  shown.className = "sprite";
  shown.setAttribute("aria-hidden", "true");
  shown.style.backgroundImage = `url("${sprite.url}")`;
  // Each frame has the clip's own shape, which is seldom the card's: never stretched.
  const ratio = image.naturalWidth * rows / (image.naturalHeight * sprite.columns), wide = 16 / 9;
  for (const [name, value] of [["--ratio", ratio], ["--w", `${Math.min(100, 100 * ratio / wide)}%`], ["--h", `${Math.min(100, 100 * wide / ratio)}%`]]) shown.style.setProperty(name, value);
  shown.style.backgroundSize = `${sprite.columns * 100}% ${rows * 100}%`;
  return {
    shown,
    at(share) {
      const frame = Math.min(sprite.frames - 1, Math.max(0, Math.floor(share * sprite.frames)));
      const part = (index, count) => (count > 1 ? `${100 * index / (count - 1)}%` : "0%");
      shown.style.backgroundPosition = `${part(frame % sprite.columns, sprite.columns)} ${part(Math.floor(frame / sprite.columns), rows)}`;
      shown.style.setProperty("--share", share);
      shown.dataset.frame = frame;
    },
  };
}

const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
const saving = () => navigator.connection?.saveData === true;
const over = new WeakMap(); // card → what is shown on it, or about to be

function leave(card) {
  const state = over.get(card);
  if (!state) return;
  clearTimeout(state.timer);
  cancelAnimationFrame(state.frame);
  state.sprite?.shown.remove();
  over.delete(card);
}

async function show(card, state) {
  const sprite = await loaded(card.dataset.sprite);
  if (!sprite || over.get(card) !== state) return false;
  state.sprite = sprite;
  sprite.at(state.share);
  card.querySelector(".picture").append(sprite.shown);
  return true;
}

/** Run through a card's frames once: for those who have no pointer. */
export async function peek(card) {
  leave(card);
  if (!card.dataset.sprite || calm() || saving()) return;
  const state = { share: 0 };
  over.set(card, state);
  if (!await show(card, state)) return;
  const began = performance.now();
  const step = (now) => {
    const share = (now - began) / RUN;
    if (share >= 1 || over.get(card) !== state) return leave(card);
    state.sprite.at(share);
    state.frame = requestAnimationFrame(step);
  };
  state.frame = requestAnimationFrame(step);
}

/** Let the pointer skim the cards of a grid; the place of a click says where to begin to watch. */
export function skim(root) {
  const cardOf = (event) => event.target.closest?.(".picture")?.closest(".card[data-sprite]");
  const place = (card, event) => {
    const box = card.querySelector(".picture").getBoundingClientRect();
    return Math.min(0.999, Math.max(0, (event.clientX - box.left) / box.width));
  };
  root.addEventListener("pointerover", (event) => {
    const card = cardOf(event);
    if (!card || event.pointerType !== "mouse" || over.has(card) || saving() || calm()) return;
    const state = { share: place(card, event) };
    over.set(card, state);
    state.timer = setTimeout(() => show(card, state), INTENT);
  });
  root.addEventListener("pointermove", (event) => {
    const card = cardOf(event);
    if (!card) return;
    let state = over.get(card);
    if (event.pointerType === "touch" && !state && down && Math.abs(event.clientX - down.x) > 12) {
      state = { share: place(card, event) };
      over.set(card, state);
      show(card, state);
    }
    if (state) {
      state.share = place(card, event);
      state.sprite?.at(state.share);
    }
  });
  let down = null;
  root.addEventListener("pointerdown", (event) => { down = event.pointerType === "touch" ? { x: event.clientX } : null; });
  for (const end of ["pointerup", "pointercancel"]) {
    root.addEventListener(end, (event) => {
      down = null;
      const card = cardOf(event);
      if (card && event.pointerType === "touch") setTimeout(() => leave(card), 400);
    });
  }
  root.addEventListener("pointerout", (event) => {
    const card = cardOf(event);
    if (card && event.pointerType === "mouse" && !card.querySelector(".picture").contains(event.relatedTarget)) leave(card);
  });
}
