// What happens meanwhile: the head of the changes is asked for every other second, and only what changed is fetched.

import { get, mount, rename, zone } from "./api.js";
import { texts } from "./texts.js";
import { clock, wall } from "./times.js";

const SHARED = { "Cache-Control": "max-age=1" }; // with all pages that ask within the same second
const PAUSE = 2000, LONGEST_PAUSE = 60000, PAGE = 100, PAGES = 10;

export class Live {
  /** Calls `changed` with clips that changed, `lost` when what happened cannot be told, `renamed` when cameras are called otherwise. */
  constructor(changed, lost, renamed = () => {}) {
    Object.assign(this, { changed, lost, renamed, seq: null, catalog: null, pause: PAUSE, failures: 0, since: null });
    this.shown = () => { if (!document.hidden) this.ask(); };
    document.addEventListener("visibilitychange", this.shown);
    this.ask();
  }

  close() {
    clearTimeout(this.timer);
    this.closed = true;
    document.removeEventListener("visibilitychange", this.shown);
  }

  async ask() {
    clearTimeout(this.timer);
    if (document.hidden || this.closed) return;
    try {
      const { head, catalog } = await get(`${mount}/changes/head`, undefined, SHARED);
      if (this.closed) return;
      if (this.seq === null) [this.seq, this.catalog] = [head, catalog];
      if (catalog !== this.catalog) return this.lost();
      if (head !== this.seq) await this.catchUp();
      Object.assign(this, { pause: PAUSE, failures: 0, since: null });
      this.connected(true);
    } catch (reason) {
      if (this.closed) return;
      if (reason.status === 410) return this.lost();
      this.since ??= Date.now();
      this.failures += 1;
      if (this.failures >= 3) {
        this.connected(false);
        this.pause = Math.min(this.pause * 2, LONGEST_PAUSE);
      }
    }
    this.timer = setTimeout(() => this.ask(), this.pause * (0.9 + Math.random() * 0.2));
  }

  async catchUp() {
    let address = `${mount}/changes?since=${this.seq}&limit=${PAGE}`;
    for (let page = 0; address; page += 1) {
      if (page === PAGES) return this.lost(); // so much that the page itself knows it sooner
      const answer = await get(address);
      if (this.closed) return;
      await this.changed(answer.changes.map((change) => change.clip));
      if (answer.camera_settings.length) {
        rename(answer.camera_settings);
        this.renamed();
      }
      this.seq = Math.max(answer.changes.at(-1)?.seq ?? 0, answer.next ? 0 : answer.head); // what others may see counts as read
      address = answer.next;
    }
  }

  connected(yes) {
    const bar = document.getElementById("connection");
    if (!bar || bar.hidden === yes) return;
    bar.hidden = yes;
    if (!yes) bar.textContent = texts.offline(clock(wall(this.since, zone()).time.slice(0, 5)));
  }
}
