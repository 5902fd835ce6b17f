/** What goes between the page and the worker. */

import type { Kernels } from "./engine.js";
import type { Told } from "./errors.js";
import type { Seen } from "./looking.js";
import type { Picture } from "./crops.js";
import type { Spec } from "./spec.js";
import type { TrackerOptions } from "./tracking.js";

/** name: of an entry. url: of a `.tflite` with its `.json` beside it. file: its bytes and the `.json`, parsed. */
export type Source = { name: string } | { url: string } | { file: ArrayBuffer; record: unknown };

export interface Load {
  op: "load";
  source: Source;
  base: string;
  kernels: Kernels | null;
  threads: number | null;
  refine: number | null;
  leastPresence: number | null;
}

/** tracker: the number of one that was made, or null to look at a photograph. */
export interface Look {
  op: "look";
  image: ImageBitmap | Picture;
  boxes: unknown;
  most: number;
  tracker: number | null;
  seconds: number;
}

export type Request = { id: number } & (Load | Look | { op: "tracker"; options: TrackerOptions });

/**
 * whole: milliseconds from the image's arrival in the worker to the results. network: of these, in the network; finder: in
 * the finder. Of each how often it ran. threads: how many there were for the network, 1 until the others have come.
 */
export interface Times {
  whole: number;
  network: number;
  networkRuns: number;
  finder: number;
  finderRuns: number;
  threads: number;
}

/** threads: as many as were wanted for the network. */
export interface Loaded {
  spec: Spec;
  kernels: Kernels;
  threads: number;
  leastPresence: number;
}

export interface Looked {
  subjects: Seen[];
  times: Times;
}

export type Reply =
  | { id: number; progress: { loaded: number; total: number } }
  | { id: number; done: Loaded | Looked | number }
  | { id: number; error: Told };
