// What addresses say: the filter, and the view that is not part of it. Pure.

const OF_A_VIEW = ["before", "after", "at", "t", "span"];

/** The filter of an address, as a question with "?" or "". */
export function filterOf(search) {
  const question = new URLSearchParams(search);
  for (const name of OF_A_VIEW) question.delete(name);
  for (const [name, value] of [...question]) if (!value) question.delete(name, value);
  const text = question.toString();
  return text ? `?${text}` : "";
}

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
