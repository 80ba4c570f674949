// Clips by camera, loaded part by part as they come into sight.

import { changed, get, zone } from "./api.js";
import { momentOf, wall } from "./times.js";
import { HOUR } from "./axis.js";

const OVERLAPS = 20; // clips of a camera that one before them may outlast
const MOST = 20000, PAGE = 500; // clips of a day; of one answer
export const KINDS = ["person", "vehicle", "parcel", "animal", "other"]; // what a clip is coloured by, the most telling first
const byStart = (a, b) => a.start - b.start || a.id - b.id;

export class Footage {
  /**
   * Of a question without times; `kindOf` says which kind a label is of, `more` is called when clips came or went, `partOf`
   * gives the part, {name, start, end}, in which a moment lies.
   */
  constructor(question, kindOf, more, partOf = dayOf) {
    Object.assign(this, { question, kindOf, more, partOf, parts: new Map(), clips: new Map(), lanes: new Map(), sorted: null });
  }

  /** The clip of the API as lanes need it. */
  known(clip) {
    const labels = clip.labels.map((label) => label.name), kinds = labels.map((name) => this.kindOf(name));
    return {
      id: clip.id, camera: clip.camera, start: Date.parse(clip.started_at), end: Math.max(Date.parse(clip.ended_at), Date.parse(clip.started_at) + 1),
      state: clip.state, held: clip.held, labels, kind: KINDS.find((kind) => kinds.includes(kind)) ?? "none", poster: clip.poster_url, url: clip.url,
      proxy: clip.proxy_url, codec: clip.media?.container === "mp4" && clip.media.video ? clip.media.codecs.split(",")[0] : "",
      film: clip.media?.video?.codec ?? "", sound: Boolean(clip.media?.audio), error: clip.error,
    };
  }

  put(clip) {
    const old = this.clips.get(clip.id), merged = this.known(clip);
    if (old?.start === merged.start && old.camera === merged.camera) return Object.assign(old, merged); // who plays it goes on
    if (old) this.drop(old.id);
    const lane = this.lanes.get(merged.camera) ?? [];
    this.clips.set(merged.id, merged);
    this.lanes.set(merged.camera, lane);
    if (!lane.length || byStart(lane.at(-1), merged) < 0) lane.push(merged);
    else lane.splice(lane.findLastIndex((other) => byStart(other, merged) < 0) + 1, 0, merged);
    this.sorted = null;
    return merged;
  }

  drop(id) {
    const clip = this.clips.get(id);
    if (!clip) return false;
    this.clips.delete(id);
    const lane = this.lanes.get(clip.camera);
    lane.splice(lane.indexOf(clip), 1);
    this.sorted = null;
    return true;
  }

  /** The parts that a stretch touches; those that are not here yet are asked for, neighbours at once. Resolves when all are here. */
  need(from, to) {
    const parts = [];
    let fresh = [];
    const ask = () => {
      if (!fresh.length) return;
      const names = fresh.map((part) => part.name), answer = this.load(fresh[0].start, fresh.at(-1).end);
      const loading = answer.catch((reason) => { for (const name of names) if (this.parts.get(name) === loading) this.parts.delete(name); throw reason; });
      for (const name of names) this.parts.set(name, loading);
      parts.push(loading);
      fresh = [];
    };
    for (let part = this.partOf(from); ; part = this.partOf(part.end)) {
      if (this.parts.has(part.name)) {
        ask();
        parts.push(this.parts.get(part.name));
      } else fresh.push(part);
      if (part.end >= to) break;
    }
    ask();
    return Promise.all(parts);
  }

  /** Whether all that a stretch touches was asked for. */
  has(at) { return this.parts.has(this.partOf(at).name); }

  async load(start, end) {
    let address = changed(this.question, { from: new Date(start).toISOString(), to: new Date(end).toISOString(), limit: PAGE });
    for (let count = 0; address && count < MOST;) {
      const answer = await get(address);
      for (const clip of answer.clips) this.put(clip);
      count += answer.clips.length;
      this.more();
      address = answer.next;
    }
  }

  /** The next clip that there is in one direction, however far; of all cameras of the question, or of some. Null for none. */
  async further(at, direction, cameras = []) {
    const edge = new Date(at).toISOString(), address = changed(this.question, { limit: 1, sort: direction > 0 ? "started_at" : "-started_at", from: direction > 0 ? edge : null, to: direction > 0 ? null : edge });
    const { clips: [clip] } = await get([address, ...cameras.map((camera) => `camera=${encodeURIComponent(camera)}`)].join("&"));
    if (!clip) return null;
    const start = Date.parse(clip.started_at);
    await this.need(start, start + 1);
    return this.clips.get(clip.id) ?? null;
  }

  /** The clips of some cameras in order; of all that are here for null. */
  of(cameras) {
    if (!cameras) return this.sorted ??= [...this.clips.values()].toSorted(byStart);
    if (cameras.length === 1) return this.lanes.get(cameras[0]) ?? [];
    return this.of(null).filter((clip) => cameras.includes(clip.camera));
  }

  /** Those that touch [from, to). */
  within(camera, from, to) {
    const lane = this.lanes.get(camera) ?? [], last = firstAfter(lane, to - 1);
    let first = firstAfter(lane, from);
    for (let index = first - 1; index >= Math.max(0, first - OVERLAPS); index -= 1) if (lane[index].end > from) first = index; // a long one may lie over short ones
    return lane.slice(first, last);
  }

  /** The clip that a camera was leaving at a moment; null for none. */
  at(moment, cameras) {
    let best = null;
    for (const camera of cameras) {
      for (const clip of this.within(camera, moment, moment + 1)) if (clip.start <= moment && moment < clip.end && (!best || clip.start > best.start)) best = clip;
    }
    return best;
  }

  /** The first clip that begins after a moment, or with -1 the last before it. */
  next(moment, cameras, direction = 1) {
    let best = null;
    for (const camera of cameras) {
      const lane = this.lanes.get(camera) ?? [], at = direction > 0 ? firstAfter(lane, moment) : firstAfter(lane, moment - 1) - 1;
      const clip = lane[at];
      if (clip && (!best || (clip.start - best.start) * direction < 0)) best = clip;
    }
    return best;
  }

  /** The clip nearest to a moment, which it may hold. */
  nearest(moment, cameras) {
    const there = this.at(moment, cameras), before = this.next(moment + 1, cameras, -1), after = this.next(moment, cameras);
    if (there || !before || !after) return there ?? before ?? after;
    return moment - before.end <= after.start - moment ? before : after;
  }
}

/** The index of the first clip of a lane that begins after a moment. */
function firstAfter(lane, moment) {
  let low = 0, high = lane.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lane[middle].start > moment) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The day, by the clock that is shown, in which a moment lies: its name and its edges. */
export function dayOf(moment) {
  const { day } = wall(moment, zone()), start = momentOf(day, "00:00:00", zone());
  const next = wall(start + 36 * HOUR, zone()).day;
  return { name: day, start, end: momentOf(next, "00:00:00", zone()) };
}
