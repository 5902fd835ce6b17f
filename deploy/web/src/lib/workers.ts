/** Workers whose script another site may have sent. */

/**
 * Starts a worker. url: its script's. here: starts it where that is the page's own, `() => new Worker(new URL("./x.js",
 * import.meta.url), { type: "module" })`, by which bundlers find it.
 */
export function startWorker(url: URL, here: () => Worker): Worker {
  if (url.origin === location.origin || url.protocol === "blob:") return here();
  // A worker's script must come from the page's own site; what it imports need not.
  const script = new Blob([`import ${JSON.stringify(url.href)};`], { type: "text/javascript" });
  return new Worker(URL.createObjectURL(script), { type: "module" });
}
