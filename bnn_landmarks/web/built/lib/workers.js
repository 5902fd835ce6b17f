export function startWorker(url, here) {
    if (url.origin === location.origin || url.protocol === "blob:")
        return here();
    const script = new Blob([`import ${JSON.stringify(url.href)};`], { type: "text/javascript" });
    return new Worker(URL.createObjectURL(script), { type: "module" });
}
