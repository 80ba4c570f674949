// The JSON API, as the page asks it; how cameras are called; and what addresses say: the filter, and the view that is not part of it.

import { texts, translated } from "./texts.js";

const root = document.documentElement;
const PATIENCE = 10000; // ms
const LAST = 10000; // place of a camera that has none

export const zone = () => root.dataset.zone;
export const mount = root.dataset.mount;
export const may = (role) => root.dataset.may.split(" ").includes(role);

/** An answer that is no success: its status, and a sentence for people. */
export class Refusal extends Error {
  constructor(status, problem) {
    super(translated(problem?.detail ?? problem?.title) ?? texts.answered(status));
    this.status = status;
    this.code = problem?.code;
  }
}

export async function ask(address, options = {}) {
  const answer = await fetch(address, { signal: AbortSignal.timeout(PATIENCE), ...options });
  if (answer.ok) return answer;
  if (answer.status === 401) location.reload(); // the session is over: the page to sign in leads back here
  throw new Refusal(answer.status, await answer.json().catch(() => null));
}

export async function get(address, signal, headers = {}) {
  const signals = [AbortSignal.timeout(PATIENCE), ...(signal ? [signal] : [])];
  return (await ask(address, { signal: AbortSignal.any(signals), headers })).json();
}

export async function send(method, address, body, headers = {}) {
  const payload = body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json", ...headers } };
  const answer = await ask(address, { method, ...payload });
  return answer.status === 204 ? null : answer.json();
}

/** Another page of ours, parsed and not shown; `quiet`: nobody has asked for it yet. */
export async function page(address, { quiet = false } = {}) {
  const answer = await ask(address, { headers: { Accept: "text/html" } }).catch((reason) => {
    if (!quiet && reason instanceof Refusal && [401, 403, 410].includes(reason.status)) location.assign(address);
    throw reason;
  });
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

// — cameras, as a person calls them —

const byCamera = new Map(Object.entries(JSON.parse(root.dataset.cameras ?? "{}")));
const collate = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" }).compare;

export const nameOf = (camera) => byCamera.get(camera)?.name ?? camera;
export const titleOf = (camera) => (nameOf(camera) === camera ? camera : `${nameOf(camera)} (${camera})`);
export const placeOf = (camera) => byCamera.get(camera)?.order ?? null;
export const isHidden = (camera) => byCamera.get(camera)?.hidden ?? false;

/** As people order cameras: hidden ones last, those with a place of their own first, then by name. */
export const byOrder = (camera, other) => isHidden(camera) - isHidden(other) || (placeOf(camera) ?? LAST) - (placeOf(other) ?? LAST) || collate(nameOf(camera), nameOf(other));

/** Write a camera's name with its colour into an element; `named` of `page/names.py` makes the same. */
export function entitle(place, camera) {
  const colour = byCamera.get(camera)?.colour;
  Object.assign(place, { textContent: nameOf(camera), dir: "auto", title: nameOf(camera) === camera ? "" : titleOf(camera) });
  place.dataset.name = camera;
  if (colour) place.dataset.colour = colour;
  else delete place.dataset.colour;
  return place;
}

/** Somebody said how cameras are called or shown. */
export function rename(settings) {
  for (const { camera, ...values } of settings) byCamera.set(camera, values);
  for (const place of document.querySelectorAll("[data-name]")) entitle(place, place.dataset.name);
}

// — addresses —

const OF_A_VIEW = ["before", "after", "at", "t", "span", "all"];

/** The filter of an address, as a question with "?" or "". */
export function filterOf(search) {
  const question = new URLSearchParams(search);
  for (const name of OF_A_VIEW) question.delete(name);
  for (const [name, value] of [...question]) if (!value) question.delete(name, value);
  const text = question.toString();
  return text ? `?${text}` : "";
}

const OF_A_LIST = ["limit", "sort", "after", "before", "around", "fields"];

/** The filter of a list's question, without what says how the list is shown. */
export function filterIn(question) {
  const filter = new URL(question, "http://host").searchParams;
  for (const name of OF_A_LIST) filter.delete(name);
  return filter;
}

/** How many clips days have under a filter: so many up to a day, as far back as one answer goes. */
export const countDays = (filter, day, days) => get(`${mount}/calendar?${new URLSearchParams([...filter, ["day", day], ["days", days], ["tz", zone()]])}`);

/** An address with some parameters set, or with null taken out. */
export function changed(address, values) {
  const url = new URL(address, "http://host");
  for (const [name, value] of Object.entries(values)) {
    if (value === null) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  return url.pathname + url.search;
}

/** One parameter of a relative or absolute address; null without it. */
export function parameter(address, name) {
  return address === null ? null : new URL(address, "http://host").searchParams.get(name);
}
