import { FOREIGN, Refused, Unavailable, told } from "./errors.js";
import { startWorker } from "./workers.js";
export { NotFound, Refused, Unavailable } from "./errors.js";
export { draw, palette } from "./draw.js";
const MOST = 64;
class Desk {
    waiting = new Map();
    worker = openWorker();
    count = 0;
    ended = null;
    constructor() {
        this.worker.onmessage = ({ data }) => {
            const who = this.waiting.get(data.id);
            if (!who)
                return;
            if ("progress" in data)
                return who.progress?.(data.progress.loaded, data.progress.total);
            this.waiting.delete(data.id);
            if ("error" in data)
                who.reject(told(data.error));
            else
                who.resolve(data.done);
        };
        this.worker.onerror = (event) => {
            event.preventDefault();
            this.end(new Unavailable(`the worker does not run: ${event.message || "its script can't be loaded"}`));
        };
    }
    ask(request, transfer = [], progress) {
        return new Promise((resolve, reject) => {
            if (this.ended)
                return reject(this.ended);
            const id = this.count++;
            this.waiting.set(id, { resolve, reject, progress });
            try {
                this.worker.postMessage({ id, ...request }, transfer);
            }
            catch (error) {
                this.waiting.delete(id);
                reject(refusal(error));
            }
        });
    }
    end(why) {
        this.ended = why;
        this.worker.terminate();
        for (const { reject } of this.waiting.values())
            reject(why);
        this.waiting.clear();
    }
}
function openWorker() {
    if (typeof Worker !== "function")
        throw new Unavailable("there are no web workers here");
    return startWorker(new URL("./worker.js", import.meta.url), () => new Worker(new URL("./worker.js", import.meta.url), { type: "module" }));
}
async function load(source, options = {}) {
    const { refine = null, leastPresence = null, kernels = null, threads = null, progress } = options;
    if (!(refine === null || (Number.isInteger(refine) && refine >= 0))) {
        throw new Refused(`refine is how often to look again, 0, 1, 2 ..., not ${JSON.stringify(refine)}`);
    }
    if (!(threads === null || (Number.isInteger(threads) && threads >= 1 && threads <= MOST))) {
        throw new Refused(`threads is a whole number from 1 to ${MOST}, not ${JSON.stringify(threads)}`);
    }
    const base = new URL(options.base ?? new URL("./networks/", import.meta.url), location.href).href;
    const desk = new Desk();
    const request = { op: "load", source: sourceOf(source), base, kernels, threads, refine, leastPresence };
    try {
        return localizer(desk, await desk.ask(request, [], progress));
    }
    catch (error) {
        desk.end(error);
        throw error;
    }
}
function sourceOf(source) {
    if (typeof source === "string") {
        return source.endsWith(".tflite") ? { url: new URL(source, location.href).href } : { name: source };
    }
    if (!(source?.file instanceof ArrayBuffer)) {
        throw new Refused("a network is an entry's name, a .tflite's address, or { file: its ArrayBuffer, record: its .json }");
    }
    return source;
}
function localizer(desk, { spec, kernels, threads, leastPresence }) {
    let times = null;
    async function look(image, boxes, more) {
        const pixels = await pixelsOf(image);
        const request = { op: "look", image: pixels, boxes: boxes ?? null, most: Infinity, tracker: null, seconds: 0, ...more };
        const done = await desk.ask(request, pixels instanceof ImageBitmap ? [pixels] : []);
        times = done.times;
        return done.subjects.map((seen) => subject(seen, spec.scheme.names));
    }
    const call = (image, boxes, most = Infinity) => look(image, boxes, { most });
    return Object.defineProperty(Object.assign(call, {
        spec,
        scheme: spec.scheme,
        kernels,
        threads,
        leastPresence,
        async tracker(options = {}) {
            const tracker = await desk.ask({ op: "tracker", options });
            return (frame, seconds, boxes) => look(frame, boxes, { tracker, seconds });
        },
        close: () => desk.end(new Unavailable(`${spec.name} was closed`)),
    }), "times", { get: () => times });
}
function subject({ points, scores, ...rest }, names) {
    const pairs = Array.from(scores, (_, k) => [points[2 * k], points[2 * k + 1]]);
    return { points: pairs, scores: Array.from(scores), names, ...rest };
}
async function pixelsOf(image) {
    if (image instanceof ImageData)
        return { width: image.width, height: image.height, data: image.data };
    if (image instanceof HTMLVideoElement && image.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) {
        throw new Refused("the video shows no frame yet");
    }
    if (image instanceof HTMLImageElement) {
        await image.decode().catch(() => {
            throw new Refused(`${image.src.slice(0, 200) || "the image"} is not an image that can be read`);
        });
    }
    try {
        return await createImageBitmap(image, { premultiplyAlpha: "none", colorSpaceConversion: "none" });
    }
    catch (error) {
        if (error instanceof TypeError) {
            const told = Object.prototype.toString.call(image).slice(8, -1);
            throw new Refused(`an image is an <img>, a <video>, a canvas, an ImageBitmap, ImageData, a VideoFrame or a Blob, not ${told}`);
        }
        throw refusal(error);
    }
}
function refusal(error) {
    const { name, message } = error;
    if (name === "SecurityError" || name === "DataCloneError") {
        return new Refused(FOREIGN);
    }
    return new Refused(`the image can't be read: ${message}`);
}
export const Localizer = { load };
