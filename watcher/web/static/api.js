// The JSON API, as the page asks it.

const root = document.documentElement;
const PATIENCE = 10000; // ms

export const zone = () => root.dataset.zone;
export const mount = root.dataset.mount;
export const may = (role) => root.dataset.may.split(" ").includes(role);

/** An answer that is no success: its status, and a sentence for people. */
export class Refusal extends Error {
  constructor(status, problem) {
    super(problem?.detail ?? problem?.title ?? `The server answered ${status}.`);
    this.status = status;
  }
}

async function ask(address, options = {}) {
  const answer = await fetch(address, { signal: AbortSignal.timeout(PATIENCE), ...options });
  if (answer.ok) return answer;
  if (answer.status === 401) location.reload(); // the session is over: the page to sign in leads back here
  throw new Refusal(answer.status, await answer.json().catch(() => null));
}

export async function get(address, signal) {
  const signals = [AbortSignal.timeout(PATIENCE), ...(signal ? [signal] : [])];
  return (await ask(address, { signal: AbortSignal.any(signals) })).json();
}

export async function send(method, address, body) {
  const said = body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  const answer = await ask(address, { method, ...said });
  return answer.status === 204 ? null : answer.json();
}

/** Another page of ours, parsed and not shown. */
export async function page(address) {
  const answer = await ask(address, { headers: { Accept: "text/html" } }).catch((reason) => {
    if (reason instanceof Refusal && [401, 403, 410].includes(reason.status)) location.assign(address);
    throw reason;
  });
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}
