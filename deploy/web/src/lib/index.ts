/**
 * Body joints, face points and facial parts in the browser.
 *
 *     import { Localizer, draw } from "bnn-landmarks";
 *
 *     const pose = await Localizer.load("pose");
 *     for (const person of await pose(image)) console.log(person.names, person.points, person.scores);
 *
 * Networks run in a worker. Nothing is sent anywhere.
 */

import type { Box, Picture } from "./crops.js";
import type { Kernels } from "./engine.js";
import { FOREIGN, Refused, Unavailable, told } from "./errors.js";
import type { Seen } from "./looking.js";
import type { Load, Loaded, Look, Looked, Reply, Source, Times } from "./messages.js";
import type { Mask } from "./parts.js";
import type { Scheme, Spec } from "./spec.js";
import type { TrackerOptions } from "./tracking.js";
import { startWorker } from "./workers.js";

export { NotFound, Refused, Unavailable } from "./errors.js";
export { type DrawOptions, draw, palette } from "./draw.js";
export type { Box, Kernels, Mask, Scheme, Spec, Times, TrackerOptions };

/** An image as the browser has it. A video counts with the frame that it shows. */
export type Image =
  | HTMLImageElement
  | SVGImageElement
  | HTMLVideoElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | ImageBitmap
  | ImageData
  | VideoFrame
  | Blob;

/**
 * Landmarks of one subject, or its facial parts.
 *
 * points: [x, y] of each landmark, x right and y down, 0-based pixel centres of the image; some may lie outside it. scores:
 * of each, from 0 to 1. names: in the order of the points; of parts those of the classes. mask: of parts, the class of each
 * pixel of the image, else null. box: x, y, width, height, where they were looked for. found: where the box came from,
 * "given", "detector", "image" (nothing detected: the whole image), or "track" (the frame before). detector, boxScore: what
 * found the box, and its score. track: the subject's number in a video, else null. presence: how sure it is that a subject
 * is there at all.
 */
export interface Subject {
  points: [number, number][];
  scores: number[];
  names: string[];
  mask: Mask | null;
  box: Box;
  found: "given" | "detector" | "image" | "track";
  detector: string | null;
  boxScore: number | null;
  track: number | null;
  presence: number;
}

/**
 * base: where the networks are, an address that ends with a slash; by default beside this module. refine: how often to look
 * again, into the box of what was found, where no box was given. leastPresence: the `presence` that a subject needs where
 * nobody was detected for sure. kernels: one of the engine's builds instead of the faster that the browser runs. threads:
 * how many run the network, by default up to four where the page is cross-origin isolated, else one. progress: told the
 * bytes that have come and those that will.
 */
export interface LoadOptions {
  base?: string | URL;
  refine?: number;
  leastPresence?: number;
  kernels?: Kernels;
  threads?: number;
  progress?: (loaded: number, total: number) => void;
}

/** A network's bytes (a `.tflite`) and the record beside it (the `.json`, parsed). */
export interface NetworkFile {
  file: ArrayBuffer;
  record: unknown;
}

export interface Localizer {
  /**
   * Localizes every subject of an image, one per box. boxes: x, y, width, height in pixels, tight around the joints or the
   * face's points, or a list of such; none: the finder looks for them, and where it finds nothing the whole image is the
   * box. most: subjects that are taken of the finder at most. Empty where nobody is there. Rejects with `Refused`.
   */
  (image: Image, boxes?: Box | Box[] | null, most?: number): Promise<Subject[]>;
  /** Follows subjects through a video: a function to call with one frame after the other. Rejects with `Refused`. */
  tracker(options?: TrackerOptions): Promise<Tracker>;
  /** Ends the workers. Calls that are not answered are rejected. */
  close(): void;
  readonly spec: Spec;
  readonly scheme: Scheme;
  readonly kernels: Kernels;
  /** As many as are wanted for the network; `times` says how many have come. */
  readonly threads: number;
  readonly leastPresence: number;
  /** Of the last call that was answered; null before. */
  readonly times: Times | null;
}

/**
 * One subject after the other that is seen in this frame, smoothed, with its number. seconds: since the frame before. boxes:
 * to begin anew with these subjects, and nobody else.
 */
export type Tracker = (frame: Image, seconds: number, boxes?: Box | Box[] | null) => Promise<Subject[]>;

interface Waiting {
  resolve(done: any): void;
  reject(error: Error): void;
  progress?: LoadOptions["progress"];
}

/** Threads that a network takes at most (thread_pool.h). */
const MOST = 64;

/** The worker, and who waits for its answers. */
class Desk {
  private readonly waiting = new Map<number, Waiting>();
  private readonly worker = openWorker();
  private count = 0;
  private ended: Error | null = null;

  constructor() {
    this.worker.onmessage = ({ data }: { data: Reply }) => {
      const who = this.waiting.get(data.id);
      if (!who) return;
      if ("progress" in data) return who.progress?.(data.progress.loaded, data.progress.total);
      this.waiting.delete(data.id);
      if ("error" in data) who.reject(told(data.error));
      else who.resolve(data.done);
    };
    this.worker.onerror = (event) => {
      event.preventDefault();
      this.end(new Unavailable(`the worker does not run: ${event.message || "its script can't be loaded"}`));
    };
  }

  ask<Done>(request: object, transfer: Transferable[] = [], progress?: LoadOptions["progress"]): Promise<Done> {
    return new Promise((resolve, reject) => {
      if (this.ended) return reject(this.ended);
      const id = this.count++;
      this.waiting.set(id, { resolve, reject, progress });
      try {
        this.worker.postMessage({ id, ...request }, transfer);
      } catch (error) {
        this.waiting.delete(id);
        reject(refusal(error));
      }
    });
  }

  end(why: Error): void {
    this.ended = why;
    this.worker.terminate();
    for (const { reject } of this.waiting.values()) reject(why);
    this.waiting.clear();
  }
}

function openWorker(): Worker {
  if (typeof Worker !== "function") throw new Unavailable("there are no web workers here");
  return startWorker(
    new URL("./worker.js", import.meta.url),
    () => new Worker(new URL("./worker.js", import.meta.url), { type: "module" }),
  );
}

async function load(source: string | NetworkFile, options: LoadOptions = {}): Promise<Localizer> {
  const { refine = null, leastPresence = null, kernels = null, threads = null, progress } = options;
  if (!(refine === null || (Number.isInteger(refine) && refine >= 0))) {
    throw new Refused(`refine is how often to look again, 0, 1, 2 ..., not ${JSON.stringify(refine)}`);
  }
  if (!(threads === null || (Number.isInteger(threads) && threads >= 1 && threads <= MOST))) {
    throw new Refused(`threads is a whole number from 1 to ${MOST}, not ${JSON.stringify(threads)}`);
  }
  const base = new URL(options.base ?? new URL("./networks/", import.meta.url), location.href).href;
  const desk = new Desk();
  const request: Load = { op: "load", source: sourceOf(source), base, kernels, threads, refine, leastPresence };
  try {
    return localizer(desk, await desk.ask<Loaded>(request, [], progress));
  } catch (error) {
    desk.end(error as Error);
    throw error;
  }
}

function sourceOf(source: string | NetworkFile): Source {
  if (typeof source === "string") {
    return source.endsWith(".tflite") ? { url: new URL(source, location.href).href } : { name: source };
  }
  if (!(source?.file instanceof ArrayBuffer)) {
    throw new Refused("a network is an entry's name, a .tflite's address, or { file: its ArrayBuffer, record: its .json }");
  }
  return source;
}

function localizer(desk: Desk, { spec, kernels, threads, leastPresence }: Loaded): Localizer {
  let times: Times | null = null;

  async function look(image: Image, boxes: unknown, more: Partial<Look>): Promise<Subject[]> {
    const pixels = await pixelsOf(image);
    const request: Look = { op: "look", image: pixels, boxes: boxes ?? null, most: Infinity, tracker: null, seconds: 0, ...more };
    const done = await desk.ask<Looked>(request, pixels instanceof ImageBitmap ? [pixels] : []);
    times = done.times;
    return done.subjects.map((seen) => subject(seen, spec.scheme.names));
  }

  const call = (image: Image, boxes?: Box | Box[] | null, most = Infinity) => look(image, boxes, { most });
  return Object.defineProperty(
    Object.assign(call, {
      spec,
      scheme: spec.scheme,
      kernels,
      threads,
      leastPresence,
      async tracker(options: TrackerOptions = {}): Promise<Tracker> {
        const tracker = await desk.ask<number>({ op: "tracker", options });
        return (frame, seconds, boxes) => look(frame, boxes, { tracker, seconds });
      },
      close: () => desk.end(new Unavailable(`${spec.name} was closed`)),
    }),
    "times",
    { get: () => times },
  ) as Localizer;
}

function subject({ points, scores, ...rest }: Seen, names: string[]): Subject {
  const pairs = Array.from(scores, (_, k): [number, number] => [points[2 * k], points[2 * k + 1]]);
  return { points: pairs, scores: Array.from(scores), names, ...rest };
}

/** What the worker reads of an image: a bitmap of its own, or the pixels. */
async function pixelsOf(image: Image): Promise<ImageBitmap | Picture> {
  if (image instanceof ImageData) return { width: image.width, height: image.height, data: image.data };
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
  } catch (error) {
    if (error instanceof TypeError) {
      const told = Object.prototype.toString.call(image).slice(8, -1);
      throw new Refused(
        `an image is an <img>, a <video>, a canvas, an ImageBitmap, ImageData, a VideoFrame or a Blob, not ${told}`,
      );
    }
    throw refusal(error);
  }
}

/** What the browser says of an image that can't be handed over. */
function refusal(error: unknown): Error {
  const { name, message } = error as Error;
  if (name === "SecurityError" || name === "DataCloneError") {
    return new Refused(FOREIGN);
  }
  return new Refused(`the image can't be read: ${message}`);
}

/** Loads a network: an entry's name, the address of a `.tflite` with its `.json` beside it, or both. Rejects with
 * `Unavailable` (no SIMD, no workers), `NotFound`, or `Refused` (a damaged file, an unknown entry). */
export const Localizer = { load };
