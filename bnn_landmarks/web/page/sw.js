// Keeps the page for when there is no connection. With one, everything comes from where the page is from.
const KEPT = "bnn-landmarks";
const PAGE = [
  "./",
  "page.css",
  "icon.svg",
  "manifest.webmanifest",
  "page/camera.js",
  "page/main.js",
  "page/networks.js",
  "page/readout.js",
  "page/stage.js",
  "lib/boxes.js",
  "lib/crops.js",
  "lib/draw.js",
  "lib/engine.js",
  "lib/errors.js",
  "lib/heatmaps.js",
  "lib/helper.js",
  "lib/index.js",
  "lib/looking.js",
  "lib/parts.js",
  "lib/sides.js",
  "lib/smooth.js",
  "lib/spec.js",
  "lib/tracking.js",
  "lib/worker.js",
  "lib/workers.js",
  "lib/networks/index.json",
];

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(caches.open(KEPT).then((cache) => cache.addAll(PAGE)));
});

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "GET" && new URL(request.url).origin === location.origin) event.respondWith(answer(request));
});

async function answer(request) {
  const cache = await caches.open(KEPT);
  try {
    const response = await fetch(request);
    if (response.ok && !response.redirected) await cache.put(request, response.clone());
    return response;
  } catch {
    return (await cache.match(request, { ignoreVary: true })) ?? Response.error();
  }
}
