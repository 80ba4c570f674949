// Review: clips without labels, one after another, each in one pair of hands; digits are labels.

import { mount as api, page, send } from "./api.js";
import { element } from "./elements.js";
import { shell } from "./keys.js";
import { _, texts } from "./texts.js";
import { mount, part } from "./watch.js";

const says = {
  reviewing: (count) => `${count === 1 ? _("The 1st clip of this review.") : _("Clip %(count)s of this review.", { count })} ${_("Enter is the next clip.")}`,
  nextClip: _("Next clip"),
  allReviewed: _("Nothing left to review"),
  allReviewedMore: _("Every clip has a label, or is in somebody’s hands."),
  lookAgain: _("Look again"),
  cannotReview: _("Couldn’t get the next clip."),
};

const AT_ONCE = 5, LEASE = 1800; // clips; seconds

const main = document.getElementById("main"), stage = document.getElementById("stage"), progress = document.getElementById("progress");
const go = document.getElementById("go-on"), cameras = new URLSearchParams(location.search).getAll("camera");
const reviews = new Set(); // begun, and not ended: their clips are offered to nobody, so that none comes twice
let waiting = [], close = null, seen = 0, busy = false;

/** Show the next clip; when there is none in hand, some more are taken. */
async function next() {
  if (busy) return;
  busy = true;
  try {
    if (!waiting.length) {
      const taken = await send("POST", `${api}/reviews`, { limit: AT_ONCE, lease_seconds: LEASE, cameras });
      reviews.add(taken.id);
      waiting = taken.clips;
    }
    close?.close();
    close = null;
    if (!waiting.length) return finish();
    const clip = waiting[0], content = part(await page(main.dataset.watch.replace(/0$/, clip.id)));
    waiting.shift();
    stage.replaceChildren(content);
    close = mount(content, { back: () => location.assign(main.dataset.browse), go: (address) => location.assign(address), began: true, review: next });
    seen += 1;
    progress.textContent = says.reviewing(seen);
    go.textContent = says.nextClip;
    go.focus();
  } catch {
    waiting.shift(); // it may be the clip that cannot be shown
    progress.textContent = says.cannotReview;
    go.textContent = texts.retry;
  } finally {
    busy = false;
  }
  return undefined;
}

function finish() {
  stage.replaceChildren(element("div", "empty", {}, element("h2", "", {}, says.allReviewed), element("p", "", {}, says.allReviewedMore)));
  progress.textContent = "";
  go.textContent = says.lookAgain;
}

// Given back at once, so that others need not wait for the lease to run out.
addEventListener("pagehide", () => {
  for (const review of reviews) fetch(`${api}/reviews/${review}`, { method: "DELETE", keepalive: true });
  reviews.clear();
  waiting = [];
});
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

shell();
go.onclick = next;
next();
