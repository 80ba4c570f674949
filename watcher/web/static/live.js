// New clips appear by themselves on the newest page; nothing that one looks at is moved.

const PAUSE = 2000, LONGEST_PAUSE = 60000;
const main = document.getElementById("main");
const days = document.getElementById("days");
const status = document.getElementById("status");
const pill = document.getElementById("arrivals");
const template = document.getElementById("card");
const arrived = new Map(); // clips that wait behind the pill
let pause = PAUSE, failures = 0, since = null, timer = 0;

function local(clip) {
  // "2026-11-21T07:00:00.000+01:00": the site's wall clock, whatever the viewer's is
  return { day: clip.local_time.slice(0, 10), time: clip.local_time.slice(11, 19) };
}

function length(seconds) {
  const whole = Math.floor(seconds), minutes = Math.floor(whole / 60), two = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(minutes / 60);
  return (hours ? `${hours}:${two(minutes % 60)}` : `${minutes}`) + `:${two(whole % 60)}`;
}

function span(name, text) {
  const element = document.createElement("span");
  element.className = name;
  element.textContent = text;
  return element;
}

function fill(card, clip) {
  const { time } = local(clip);
  card.dataset.id = clip.id;
  card.dataset.revision = clip.revision;
  const link = card.querySelector("a");
  link.href = main.dataset.watch.replace(/0$/, clip.id) + location.search;
  link.setAttribute("aria-label", `${clip.camera}, ${time}` + (clip.state === "broken" ? ", broken" : ""));
  const picture = card.querySelector(".picture");
  if (clip.poster_url) {
    const image = document.createElement("img");
    Object.assign(image, { alt: "", width: 320, height: 180, decoding: "async", src: clip.poster_url });
    picture.replaceChildren(image);
  } else {
    picture.replaceChildren(span("blank", clip.camera.slice(0, 1).toUpperCase()));
  }
  if (clip.state === "broken") picture.append(span("badge broken", "broken"));
  if (clip.duration_seconds !== null) picture.append(span("length", length(clip.duration_seconds)));
  card.querySelector(".camera").textContent = clip.camera;
  const stamp = card.querySelector("time");
  stamp.dateTime = clip.local_time;
  stamp.textContent = time;
  card.querySelector(".why")?.remove();
  if (clip.error) card.querySelector(".words").append(span("why", clip.error));
}

function grid(day) {
  let section = days.querySelector(`[data-day="${day}"]`);
  if (!section) {
    section = document.createElement("section");
    section.className = "day";
    section.dataset.day = day;
    const heading = document.createElement("h2");
    heading.textContent = new Date(day + "T12:00:00Z").toLocaleDateString("en-GB",
      { weekday: "long", day: "numeric", month: "long", year: "numeric", timeZone: "UTC" }).replace(/^(\w+) /, "$1, ");
    const list = document.createElement("ul");
    list.className = "grid";
    section.append(heading, list);
    const later = [...days.children].find((other) => other.dataset.day < day);
    days.insertBefore(section, later ?? null);
  }
  return section.querySelector(".grid");
}

function insert(clip) {
  document.getElementById("first-run")?.remove();
  const card = template.content.cloneNode(true).firstElementChild;
  fill(card, clip);
  card.classList.add("fresh");
  const list = grid(local(clip).day);
  const earlier = [...list.children].find((other) => other.querySelector("time").dateTime < clip.local_time);
  list.insertBefore(card, earlier ?? null);
}

function showArrived() {
  for (const clip of [...arrived.values()].reverse()) insert(clip);
  arrived.clear();
  pill.hidden = true;
}

function undisturbed() {
  return scrollY < 40 && !days.contains(document.activeElement);
}

function take(clips) {
  const known = (clip) => arrived.has(clip.id) || days.querySelector(`[data-id="${clip.id}"]`);
  if (days.children.length && clips.length > 1 && !clips.some(known)) {
    // More came at once than one answer holds: the page itself knows them all.
    if (undisturbed()) return location.reload();
    pill.textContent = "▲ Many new clips";
    pill.dataset.reload = "yes";
    pill.hidden = false;
    return;
  }
  for (const clip of clips) {
    const card = days.querySelector(`[data-id="${clip.id}"]`);
    if (!card) arrived.set(clip.id, clip);
    else if (Number(card.dataset.revision) !== clip.revision) fill(card, clip);
  }
  if (!arrived.size) return;
  if (undisturbed()) return showArrived();
  pill.textContent = arrived.size === 1 ? "▲ 1 new clip" : `▲ ${arrived.size} new clips`;
  pill.hidden = false;
}

async function ask() {
  clearTimeout(timer);
  if (document.hidden) return;
  try {
    const answer = await fetch(main.dataset.question, { signal: AbortSignal.timeout(10000) });
    if (!answer.ok) throw new Error(answer.status);
    take((await answer.json()).clips);
    pause = PAUSE;
    failures = 0;
    status.hidden = true;
    since = null;
  } catch {
    since ??= new Date();
    failures += 1;
    if (failures >= 3) {
      status.textContent = `Not connected since ${since.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })} · retrying`;
      status.hidden = false;
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
  }
  timer = setTimeout(ask, pause * (0.9 + Math.random() * 0.2));
}

pill.addEventListener("click", () => {
  if (pill.dataset.reload) location.reload();
  showArrived();
  scrollTo({ top: 0 });
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });
timer = setTimeout(ask, PAUSE);
