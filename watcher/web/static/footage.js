// What the Timeline shows: clips by camera, loaded day by day as they come into sight.

import { changed, get, zone } from "./api.js";
import { momentOf, wall } from "./times.js";
import { HOUR } from "./axis.js";

const OVERLAPS = 20; // clips of a camera that one before them may outlast
const MOST = 20000, PAGE = 500; // clips of a day; of one answer
const KINDS = ["person", "vehicle", "parcel", "animal", "other"]; // what a clip is coloured by, the most telling first
const byStart = (a, b) => a.start - b.start || a.id - b.id;

export class Footage {
  /** Of a question without times; `kindOf` says which kind a label is of, `more` is called when clips came or went. */
  constructor(question, kindOf, more) {
    Object.assign(this, { question, kindOf, more, days: new Map(), clips: new Map(), lanes: new Map(), sorted: null });
  }

  /** The clip of the API as lanes need it. */
  known(clip) {
    const labels = clip.labels.map((label) => label.name), kinds = labels.map((name) => this.kindOf(name));
    return {
      id: clip.id, camera: clip.camera, start: Date.parse(clip.started_at), end: Math.max(Date.parse(clip.ended_at), Date.parse(clip.started_at) + 1),
      state: clip.state, held: clip.held, labels, kind: KINDS.find((kind) => kinds.includes(kind)) ?? "none", poster: clip.poster_url, url: clip.url,
      proxy: clip.proxy_url, codec: clip.media?.container === "mp4" && clip.media.video ? clip.media.codecs.split(",")[0] : "",
      film: clip.media?.video?.codec ?? "", error: clip.error,
    };
  }

  put(clip) {
    const old = this.clips.get(clip.id);
    if (old) this.drop(old.id);
    const found = this.known(clip), lane = this.lanes.get(found.camera) ?? [];
    this.clips.set(found.id, found);
    this.lanes.set(found.camera, lane);
    if (!lane.length || byStart(lane.at(-1), found) < 0) lane.push(found);
    else lane.splice(lane.findLastIndex((one) => byStart(one, found) < 0) + 1, 0, found);
    this.sorted = null;
    return found;
  }

  drop(id) {
    const found = this.clips.get(id);
    if (!found) return false;
    this.clips.delete(id);
    const lane = this.lanes.get(found.camera);
    lane.splice(lane.indexOf(found), 1);
    this.sorted = null;
    return true;
  }

  /** The days that a stretch touches, and those that are not here yet are asked for; resolves when all are. */
  need(from, to) {
    const wanted = [];
    for (let day = dayOf(from); ; day = dayOf(day.end)) {
      if (!this.days.has(day.name)) this.days.set(day.name, this.load(day).catch((reason) => { this.days.delete(day.name); throw reason; }));
      wanted.push(this.days.get(day.name));
      if (day.end >= to) break;
    }
    return Promise.all(wanted);
  }

  /** Whether all that a stretch touches was asked for. */
  has(at) { return this.days.has(dayOf(at).name); }

  async load(day) {
    let address = changed(this.question, { from: new Date(day.start).toISOString(), to: new Date(day.end).toISOString(), limit: PAGE });
    for (let count = 0; address && count < MOST;) {
      const answer = await get(address);
      for (const clip of answer.clips) this.put(clip);
      count += answer.clips.length;
      this.more();
      address = answer.next;
    }
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
    let found = null;
    for (const camera of cameras) {
      for (const clip of this.within(camera, moment, moment + 1)) if (clip.start <= moment && moment < clip.end && (!found || clip.start > found.start)) found = clip;
    }
    return found;
  }

  /** The first clip that begins after a moment, or with -1 the last before it. */
  next(moment, cameras, direction = 1) {
    let found = null;
    for (const camera of cameras) {
      const lane = this.lanes.get(camera) ?? [], at = direction > 0 ? firstAfter(lane, moment) : firstAfter(lane, moment - 1) - 1;
      const clip = lane[at];
      if (clip && (!found || (clip.start - found.start) * direction < 0)) found = clip;
    }
    return found;
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
