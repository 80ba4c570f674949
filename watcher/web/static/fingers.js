// Fingers on the picture: a swipe sideways is the next clip or the one before, two taps at an edge are ten seconds, two
// fingers draw the picture nearer.

const SWIPE = 60, ACROSS = 40, STILL = 10; // pixels: a swipe moves so far sideways, and not so far across; a tap does not move
const TAPS = 300; // ms within which two taps are one gesture
const EDGE = 1 / 3; // of the picture, on each side
const NEAREST = 5; // times its size

/**
 * `does`: `next()`, `previous()`, `skip(direction)` after two taps, of which the first one was a press; `times()` is how near
 * the picture is drawn, `zoom(times, x, y)` draws it so near, around a place (shares of its width and height), `look(x, y)` moves that.
 */
export function fingers(screen, does) {
  let from = null, pinch = null, tap = { at: -TAPS, side: 0 };
  const place = (x, y) => { const box = screen.getBoundingClientRect(); return [(x - box.left) / box.width, (y - box.top) / box.height]; };
  const apart = ([a, b]) => Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
  screen.addEventListener("touchstart", ({ target, touches }) => {
    from = touches.length === 1 && !target.closest("#controls, a, button") ? touches[0] : null;
    pinch = touches.length === 2 ? { apart: apart(touches), times: does.times() } : null;
  }, { passive: true });
  screen.addEventListener("touchmove", (event) => {
    const [a, b] = event.touches;
    if (!b && does.times() > 1) does.look(...place(a.clientX, a.clientY));
    if (!b || !pinch) return;
    event.preventDefault();
    does.zoom(Math.min(NEAREST, Math.max(1, pinch.times * apart([a, b]) / pinch.apart)), ...place((a.clientX + b.clientX) / 2, (a.clientY + b.clientY) / 2));
  }, { passive: false });
  screen.addEventListener("touchend", (event) => {
    if (!from || event.touches.length || does.times() > 1) return;
    const end = event.changedTouches[0], x = end.clientX - from.clientX, y = end.clientY - from.clientY;
    from = null;
    if (Math.abs(x) >= SWIPE && Math.abs(y) <= ACROSS) {
      if (x < 0) does.next();
      else does.previous();
    } else if (Math.hypot(x, y) <= STILL) {
      const [share] = place(end.clientX, end.clientY), side = share < EDGE ? -1 : share > 1 - EDGE ? 1 : 0;
      const twice = side !== 0 && side === tap.side && event.timeStamp - tap.at < TAPS;
      tap = { at: event.timeStamp, side };
      if (!twice) return;
      event.preventDefault(); // it is no second press
      does.skip(side);
    }
  });
}
