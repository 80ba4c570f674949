// Pointers over the lanes: one drags or presses, two zoom, the wheel zooms where it is; and over the whole day above them.

import { clamp, momentAt, zoomed } from "./axis.js";

const STILL = 4, LINE = 30; // pixels that a press may move; of a line of a wheel that counts lines
const CLOSEST = 20; // pixels between two fingers

/** `site` has the view and the width, and does what is asked for: `look`, `press`, `mark`, `hover`; `marks` says whether a drag marks. */
export function hands(slider, above, site) {
  const fingers = new Map();
  let drag = null;
  const x = (event) => event.clientX - slider.getBoundingClientRect().left, at = (event) => momentAt(site.view, x(event), site.width);
  const spread = () => { const [a, b] = [...fingers.values()]; return b === undefined ? 0 : Math.max(CLOSEST, Math.abs(a - b)); };
  slider.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    slider.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, event.clientX);
    drag = { x: event.clientX, view: site.view, moved: fingers.size > 1, marks: event.shiftKey || site.marks, began: at(event), apart: spread() };
  });
  slider.addEventListener("pointermove", (event) => {
    if (fingers.has(event.pointerId)) fingers.set(event.pointerId, event.clientX);
    if (drag?.apart && fingers.size > 1) {
      const [a, b] = [...fingers.values()], middle = (a + b) / 2 - slider.getBoundingClientRect().left;
      site.look(zoomed(drag.view, drag.apart / spread(), momentAt(drag.view, middle, site.width)));
    } else if (drag) {
      drag.moved ||= Math.abs(event.clientX - drag.x) > STILL;
      if (drag.moved && drag.marks) site.mark(drag.began, at(event));
      else if (drag.moved) site.look({ from: drag.view.from - (event.clientX - drag.x) / site.width * drag.view.span, span: drag.view.span });
    }
    if (event.pointerType !== "touch") site.hover(event);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    slider.addEventListener(name, (event) => {
      fingers.delete(event.pointerId);
      const was = drag;
      // One finger that stays after two goes on as a drag from where it is.
      drag = fingers.size ? { x: [...fingers.values()][0], view: site.view, moved: true, marks: false, began: 0, apart: 0 } : null;
      if (!was || was.moved || fingers.size || name === "pointercancel") return;
      slider.focus({ preventScroll: true });
      site.press(event);
    });
  }
  slider.addEventListener("pointerleave", () => site.hover(null));
  slider.addEventListener("wheel", (event) => {
    event.preventDefault();
    const pixels = event.deltaMode ? LINE : 1, { view } = site;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) site.look({ from: view.from + (event.deltaX || event.deltaY) * pixels / site.width * view.span, span: view.span });
    else site.look(zoomed(view, Math.exp(clamp(event.deltaY * pixels, -200, 200) / 400), at(event)));
  }, { passive: false });
  const scrub = (event) => {
    if (event.type === "pointermove" && !event.buttons) return;
    const box = above.getBoundingClientRect(), { day, view } = site;
    site.look({ from: day.start + (event.clientX - box.left) / box.width * (day.end - day.start) - view.span / 2, span: view.span });
  };
  above.addEventListener("pointerdown", (event) => { above.setPointerCapture(event.pointerId); scrub(event); });
  above.addEventListener("pointermove", scrub);
}
