/** The worker: networks are loaded and run here, so that the page stays free. */

import type { Picture } from "./crops.js";
import { type Kernels, WasmNetwork, chooseKernels, chooseThreads, loadEngine } from "./engine.js";
import { FOREIGN, NotFound, Refused, tell } from "./errors.js";
import { FINDER, Localizer, type Looker, type Network, kindOf } from "./looking.js";
import type { Load, Loaded, Look, Looked, Reply, Request, Source, Times } from "./messages.js";
import { readSpec } from "./spec.js";
import { Tracker } from "./tracking.js";

const scope = self as unknown as {
  onmessage: (event: { data: Request }) => void;
  postMessage(reply: Reply, transfer?: Transferable[]): void;
};

/** A network with a clock on it. */
class Timed implements Network {
  milliseconds = 0;
  runs = 0;

  constructor(private readonly network: WasmNetwork) {}

  get threads() {
    return this.network.threads;
  }

  get spec() {
    return this.network.spec;
  }

  run(patch: Uint8Array) {
    const begun = performance.now();
    const maps = this.network.run(patch);
    this.milliseconds += performance.now() - begun;
    this.runs++;
    return maps;
  }

  reset(): void {
    this.milliseconds = this.runs = 0;
  }
}

/** What is loaded. The finder comes with the first image whose boxes are not given. */
class Loading {
  private engine!: WebAssembly.Module;
  private network!: Timed;
  private finder: Timed | null = null;
  private localizer!: Localizer;
  private readonly trackers: Tracker[] = [];
  private load!: Load;

  async open(load: Load, progress: (loaded: number, total: number) => void): Promise<Loaded> {
    this.load = load;
    const kernels: Kernels = load.kernels ?? chooseKernels();
    const threads = chooseThreads(load.threads);
    const [engine, { file, record, where }] = await Promise.all([
      loadEngine(kernels, threads),
      fetchSource(load.source, load.base, progress),
    ]);
    this.engine = engine;
    this.network = new Timed(await this.opened(file, record, where, threads));
    const { spec } = this.network;
    if (spec.task === "boxes") throw new Refused(`${spec.name} finds boxes, no landmarks`);
    this.localizer = new Localizer(this.network, null, load.refine, load.leastPresence);
    return { spec, kernels, threads, leastPresence: this.localizer.leastPresence };
  }

  private async opened(file: Uint8Array, record: unknown, where: string, threads = 1): Promise<WasmNetwork> {
    const spec = readSpec(record, where.replace(/\.tflite$/, ".json"));
    await checkHash(file, spec.sha256, where);
    return new WasmNetwork(this.engine, file, spec, where, threads);
  }

  private async withFinder(): Promise<Localizer> {
    if (!this.finder && kindOf(this.network.spec.scheme)) {
      const { file, record, where } = await fetchSource({ name: FINDER }, this.load.base, () => {});
      this.finder = new Timed(await this.opened(file, record, where));
      this.localizer = new Localizer(this.network, this.finder, this.load.refine, this.load.leastPresence);
    }
    return this.localizer;
  }

  /** Makes a tracker -> its number. Its localizer is the one of now, with the finder in it once there is one. */
  tracker(options: ConstructorParameters<typeof Tracker>[1]): number {
    const current = () => this.localizer;
    const looker: Looker = {
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

  async look({ image, boxes, most, tracker, seconds }: Look): Promise<Looked> {
    const begun = performance.now();
    const picture = pixelsOf(image);
    const given = boxes !== null && boxes !== undefined;
    const localizer = given ? this.localizer : await this.withFinder();
    this.network.reset();
    this.finder?.reset();
    const subjects =
      tracker === null
        ? localizer.localize(picture, boxes, most)
        : this.trackers[tracker].track(picture, seconds, boxes);
    const times: Times = {
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

async function checkHash(file: Uint8Array, expected: string, where: string): Promise<void> {
  if (!globalThis.crypto?.subtle) return; // a page that did not come by https
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", file as Uint8Array<ArrayBuffer>));
  const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== expected) {
    throw new Refused(
      `${where} is not the file that its .json describes: its SHA-256 is ${found.slice(0, 12)}..., not ` +
        `${expected.slice(0, 12)}...; export it again`,
    );
  }
}

interface Fetched {
  file: Uint8Array;
  record: unknown;
  where: string;
}

async function fetchSource(source: Source, base: string, progress: (n: number, total: number) => void): Promise<Fetched> {
  if ("file" in source) return { file: new Uint8Array(source.file), record: source.record, where: "the network" };
  const url = "url" in source ? source.url : new URL(`${source.name}.tflite`, base).href;
  const answers = [url.replace(/\.tflite$/, ".json"), url].map((each) => fetch(each));
  const [recordAnswer, fileAnswer] = await Promise.all(answers).catch((error: Error) => {
    throw new NotFound(`${url} can't be fetched: ${error.message}`);
  });
  if ("name" in source && recordAnswer.status === 404) throw await noEntry(source.name, base);
  if (!fileAnswer.ok) throw new NotFound(`there is no ${url}`);
  if (!recordAnswer.ok) {
    throw new NotFound(`there is no ${recordAnswer.url}; an exported file needs the .json written beside it`);
  }
  const record = await recordAnswer.json().catch((error: Error) => {
    throw new Refused(`${recordAnswer.url} is not the record of an exported file (${error.message})`);
  });
  return { file: await readAll(fileAnswer, Number(record?.bytes) || 0, progress), record, where: url };
}

async function readAll(response: Response, total: number, progress: (n: number, total: number) => void) {
  const chunks: Uint8Array[] = [];
  let loaded = 0;
  const reader = response.body!.getReader();
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

/** `index.json` beside the networks names them. */
async function noEntry(name: string, base: string): Promise<Error> {
  const list = await fetch(new URL("index.json", base)).then((answer) => answer.json()).catch(() => []);
  const names = Array.isArray(list) ? list.map((entry) => entry.name).join(", ") : "";
  return new Refused(`no entry '${name}' in the zoo${names && `; the entries are ${names}`}`);
}

/** An image's pixels; the bitmap goes. */
function pixelsOf(image: ImageBitmap | Picture): Picture {
  if (!(image instanceof ImageBitmap)) return image;
  const { width, height } = image;
  try {
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })!;
    context.drawImage(image, 0, 0);
    return context.getImageData(0, 0, width, height);
  } catch (error) {
    if ((error as Error).name === "SecurityError") throw new Refused(FOREIGN);
    throw new Refused(`an image of ${width} x ${height} pixels is too large for this browser`);
  } finally {
    image.close();
  }
}

const loading = new Loading();
let queue: Promise<void> = Promise.resolve();

async function answer(request: Request): Promise<void> {
  const { id } = request;
  const progress = (loaded: number, total: number) => scope.postMessage({ id, progress: { loaded, total } });
  try {
    if (request.op === "load") scope.postMessage({ id, done: await loading.open(request, progress) });
    else if (request.op === "tracker") scope.postMessage({ id, done: loading.tracker(request.options) });
    else scope.postMessage({ id, done: await loading.look(request) });
  } catch (error) {
    scope.postMessage({ id, error: tell(error) });
  }
}

scope.onmessage = ({ data }) => {
  queue = queue.then(() => answer(data));
};
