// Keeps the shell (scripts, styles, icons) and the page that says that nobody is reached; nothing else. Clips, pictures and
// answers go past it as if it were not there: it would sit between Range requests and the server. The shell's addresses
// carry a hash of its content, and pages are always asked for: what is kept can be too old for nothing.
const FOLDER = {{ folder | tojson }}, OFFLINE = {{ offline | tojson }}, KEPT = `watcher ${FOLDER} {{ language }}`;
const SHELL = {{ assets | tojson }}.map((name) => FOLDER + name);

addEventListener("install", (event) => {
  event.waitUntil(caches.open(KEPT).then((cache) => cache.addAll([OFFLINE, ...SHELL])).then(() => skipWaiting()));
  // Where the browser can, nothing else even waits for this worker: what a page sends as it goes would be lost with it.
  if (!event.addRoutes) return;
  const mine = { or: [{ urlPattern: new URLPattern({ pathname: `${FOLDER}*` }) }, { requestMode: "navigate" }] };
  event.addRoutes({ condition: { not: mine }, source: "network" });
});

addEventListener("activate", (event) => {
  const others = (names) => names.filter((name) => name.startsWith("watcher ") && name !== KEPT);
  event.waitUntil(caches.keys().then((names) => Promise.all(others(names).map((name) => caches.delete(name)))).then(() => clients.claim()));
});

addEventListener("fetch", (event) => {
  const { request } = event, { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (pathname.startsWith(FOLDER)) {
    event.respondWith(caches.match(request, { cacheName: KEPT }).then((kept) => kept ?? fetch(request)));
  } else if (request.mode === "navigate") {
    event.respondWith(fetch(request).catch(async (reason) => (await caches.match(OFFLINE, { cacheName: KEPT })) ?? Promise.reject(reason)));
  }
});
