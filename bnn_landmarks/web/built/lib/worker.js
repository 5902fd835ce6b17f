import { WasmNetwork, chooseKernels, chooseThreads, loadEngine } from "./engine.js";
import { FOREIGN, NotFound, Refused, tell } from "./errors.js";
import { FINDER, Localizer, kindOf } from "./looking.js";
import { readSpec } from "./spec.js";
import { Tracker } from "./tracking.js";
const scope = self;
class Timed {
    network;
    milliseconds = 0;
    runs = 0;
    constructor(network) {
        this.network = network;
    }
    get threads() {
        return this.network.threads;
    }
    get spec() {
        return this.network.spec;
    }
    run(patch) {
        const begun = performance.now();
        const maps = this.network.run(patch);
        this.milliseconds += performance.now() - begun;
        this.runs++;
        return maps;
    }
    reset() {
        this.milliseconds = this.runs = 0;
    }
}
class Loading {
    engine;
    network;
    finder = null;
    localizer;
    trackers = [];
    load;
    async open(load, progress) {
        this.load = load;
        const kernels = load.kernels ?? chooseKernels();
        const threads = chooseThreads(load.threads);
        const [engine, { file, record, where }] = await Promise.all([
            loadEngine(kernels, threads),
            fetchSource(load.source, load.base, progress),
        ]);
        this.engine = engine;
        this.network = new Timed(await this.opened(file, record, where, threads));
        const { spec } = this.network;
        if (spec.task === "boxes")
            throw new Refused(`${spec.name} finds boxes, no landmarks`);
        this.localizer = new Localizer(this.network, null, load.refine, load.leastPresence);
        return { spec, kernels, threads, leastPresence: this.localizer.leastPresence };
    }
    async opened(file, record, where, threads = 1) {
        const spec = readSpec(record, where.replace(/\.tflite$/, ".json"));
        await checkHash(file, spec.sha256, where);
        return new WasmNetwork(this.engine, file, spec, where, threads);
    }
    async withFinder() {
        if (!this.finder && kindOf(this.network.spec.scheme)) {
            const { file, record, where } = await fetchSource({ name: FINDER }, this.load.base, () => { });
            this.finder = new Timed(await this.opened(file, record, where));
            this.localizer = new Localizer(this.network, this.finder, this.load.refine, this.load.leastPresence);
        }
        return this.localizer;
    }
    tracker(options) {
        const current = () => this.localizer;
        const looker = {
            get leastPresence() {
                return current().leastPresence;
            },
            get enough() {
                return current().enough;
            },
            get refine() {
                return current().refine;
            },
            get hasDetector() {
                return current().hasDetector;
            },
            look: (picture, sightings) => current().look(picture, sightings),
            detect: (picture) => current().detect(picture),
        };
        return this.trackers.push(new Tracker(looker, options)) - 1;
    }
    async look({ image, boxes, most, tracker, seconds }) {
        const begun = performance.now();
        const picture = pixelsOf(image);
        const given = boxes !== null && boxes !== undefined;
        const localizer = given ? this.localizer : await this.withFinder();
        this.network.reset();
        this.finder?.reset();
        const subjects = tracker === null
            ? localizer.localize(picture, boxes, most)
            : this.trackers[tracker].track(picture, seconds, boxes);
        const times = {
            whole: performance.now() - begun,
            network: this.network.milliseconds,
            networkRuns: this.network.runs,
            finder: this.finder?.milliseconds ?? 0,
            finderRuns: this.finder?.runs ?? 0,
            threads: this.network.threads,
        };
        return { subjects, times };
    }
}
async function checkHash(file, expected, where) {
    if (!globalThis.crypto?.subtle)
        return;
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", file));
    const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    if (found !== expected) {
        throw new Refused(`${where} is not the file that its .json describes: its SHA-256 is ${found.slice(0, 12)}..., not ` +
            `${expected.slice(0, 12)}...; export it again`);
    }
}
async function fetchSource(source, base, progress) {
    if ("file" in source)
        return { file: new Uint8Array(source.file), record: source.record, where: "the network" };
    const url = "url" in source ? source.url : new URL(`${source.name}.tflite`, base).href;
    const answers = [url.replace(/\.tflite$/, ".json"), url].map((each) => fetch(each));
    const [recordAnswer, fileAnswer] = await Promise.all(answers).catch((error) => {
        throw new NotFound(`${url} can't be fetched: ${error.message}`);
    });
    if ("name" in source && recordAnswer.status === 404)
        throw await noEntry(source.name, base);
    if (!fileAnswer.ok)
        throw new NotFound(`there is no ${url}`);
    if (!recordAnswer.ok) {
        throw new NotFound(`there is no ${recordAnswer.url}; an exported file needs the .json written beside it`);
    }
    const record = await recordAnswer.json().catch((error) => {
        throw new Refused(`${recordAnswer.url} is not the record of an exported file (${error.message})`);
    });
    return { file: await readAll(fileAnswer, Number(record?.bytes) || 0, progress), record, where: url };
}
async function readAll(response, total, progress) {
    const chunks = [];
    let loaded = 0;
    const reader = response.body.getReader();
    for (let step = await reader.read(); !step.done; step = await reader.read()) {
        chunks.push(step.value);
        loaded += step.value.length;
        progress(loaded, Math.max(total, loaded));
    }
    const file = new Uint8Array(loaded);
    let at = 0;
    for (const chunk of chunks) {
        file.set(chunk, at);
        at += chunk.length;
    }
    return file;
}
async function noEntry(name, base) {
    const list = await fetch(new URL("index.json", base)).then((answer) => answer.json()).catch(() => []);
    const names = Array.isArray(list) ? list.map((entry) => entry.name).join(", ") : "";
    return new Refused(`no entry '${name}' in the zoo${names && `; the entries are ${names}`}`);
}
function pixelsOf(image) {
    if (!(image instanceof ImageBitmap))
        return image;
    const { width, height } = image;
    try {
        const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
        context.drawImage(image, 0, 0);
        return context.getImageData(0, 0, width, height);
    }
    catch (error) {
        if (error.name === "SecurityError")
            throw new Refused(FOREIGN);
        throw new Refused(`an image of ${width} x ${height} pixels is too large for this browser`);
    }
    finally {
        image.close();
    }
}
const loading = new Loading();
let queue = Promise.resolve();
async function answer(request) {
    const { id } = request;
    const progress = (loaded, total) => scope.postMessage({ id, progress: { loaded, total } });
    try {
        if (request.op === "load")
            scope.postMessage({ id, done: await loading.open(request, progress) });
        else if (request.op === "tracker")
            scope.postMessage({ id, done: loading.tracker(request.options) });
        else
            scope.postMessage({ id, done: await loading.look(request) });
    }
    catch (error) {
        scope.postMessage({ id, error: tell(error) });
    }
}
scope.onmessage = ({ data }) => {
    queue = queue.then(() => answer(data));
};
