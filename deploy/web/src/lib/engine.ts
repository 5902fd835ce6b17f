/** The engine: bnn_landmarks/runtime compiled to WebAssembly, through its C interface (bnn_engine.h). */

import { CHANNELS } from "./boxes.js";
import { Refused, Unavailable } from "./errors.js";
import type { Maps } from "./heatmaps.js";
import type { Network } from "./looking.js";
import type { Spec } from "./spec.js";
import { startWorker } from "./workers.js";

/** How the engine's kernels are built: with the relaxed SIMD that newer browsers have, or without it. */
export type Kernels = "relaxed" | "plain";

const ALONE = {
  relaxed: () => new URL("./engine_relaxed.wasm", import.meta.url),
  plain: () => new URL("./engine.wasm", import.meta.url),
};
const TOGETHER = {
  relaxed: () => new URL("./engine_relaxed_threads.wasm", import.meta.url),
  plain: () => new URL("./engine_threads.wasm", import.meta.url),
};

/** The address of the build for one thread, or for more. */
export function engineUrl(kernels: Kernels, threads: number): URL {
  return (threads > 1 ? TOGETHER : ALONE)[kernels]();
}

/** Phones have two to four fast processors; what waits for a slow one is no faster. */
const MOST_THREADS = 4;

/** As many threads as are asked for, or as help. Throws `Unavailable` where several can't share memory. */
export function chooseThreads(asked: number | null): number {
  if (asked === 1) return 1;
  if (canShare()) return asked ?? Math.min(MOST_THREADS, navigator.hardwareConcurrency || 1);
  if (!asked) return 1;
  throw new Unavailable(
    `${asked} threads share memory, which browsers allow to pages that are sent with Cross-Origin-Opener-Policy: ` +
      "same-origin and Cross-Origin-Embedder-Policy: require-corp",
  );
}

/** Whether this page may share memory, and there is enough of it to set aside. */
function canShare(): boolean {
  try {
    return globalThis.crossOriginIsolated && Boolean(new WebAssembly.Memory(PAGES));
  } catch {
    return false;
  }
}

// Modules of one function: with i8x16.popcnt, and with i32x4.relaxed_dot_i8x16_i7x16_add, which adds four products of 1 by
// 1 to 5. Chrome 118, and others of its time, lose the 5 in code that they compiled in a hurry (findings/v8_relaxed_dot.sh).
const HEAD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1];
const SIMD = [...HEAD, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];
const DOT = [65, 1, 253, 15, 65, 1, 253, 15, 65, 5, 253, 17, 253, 147, 2, 253, 27, 0];
const RELAXED = [...HEAD, 127, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 22, 1, 20, 0, ...DOT, 11];

/** The faster of the builds that this browser runs. Throws `Unavailable` where it runs none. */
export function chooseKernels(): Kernels {
  const takes = (code: number[]) => typeof WebAssembly === "object" && WebAssembly.validate(Uint8Array.from(code));
  if (!takes(SIMD)) {
    throw new Unavailable(
      "this browser has no WebAssembly SIMD, which Chrome and Edge have since 91, Firefox since 89, Safari since 16.4",
    );
  }
  return takes(RELAXED) && dot() === 9 ? "relaxed" : "plain";
}

function dot(): number {
  const module = new WebAssembly.Module(Uint8Array.from(RELAXED));
  return (new WebAssembly.Instance(module).exports as { f(): number }).f();
}

/** The engine's module, compiled. Throws `Unavailable` where it can't be fetched, or is no module. */
export async function loadEngine(kernels: Kernels, threads: number): Promise<WebAssembly.Module> {
  const url = engineUrl(kernels, threads);
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
    // While it comes, and browsers keep what they made of it; they want its type for that.
    const typed = response.headers.get("Content-Type")?.startsWith("application/wasm");
    return await (typed ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer()));
  } catch (error) {
    throw new Unavailable(`the engine ${url} can't be loaded: ${(error as Error).message}`);
  }
}

interface Exports {
  memory: WebAssembly.Memory;
  _initialize?(): void;
  malloc(bytes: number): number;
  free(pointer: number): void;
  bnn_open(file: number, bytes: number): number;
  bnn_input(model: number, index: number, tensor: number): number;
  bnn_output(model: number, index: number, tensor: number): number;
  bnn_input_count(model: number): number;
  bnn_output_count(model: number): number;
  bnn_context_new(model: number, threads: number): number;
  bnn_run_uint8(context: number, images: number, maps: number): number;
  bnn_error(): number;
  // Of the builds for several threads.
  bnn_work?(context: number, thread: number): number;
  __stack_pointer?: WebAssembly.Global<"i32">;
}

/** What a helper is told: the engine and its memory, the top of a stack of its own, and which thread of what it is. */
export interface Help {
  engine: WebAssembly.Module;
  memory: WebAssembly.Memory;
  stack: number;
  context: number;
  thread: number;
}

// The memory that the builds for several threads are given (build_web.py), and a helper's stack.
const PAGES = { initial: 32, maximum: 4096, shared: true };
const STACK_BYTES = 1 << 18;
const TENSOR_BYTES = 28;
const FLOAT32 = 0;
const NO_SUCH_CALL = 52; // WASI's ENOSYS

/** A network in an instance of its own: what it takes goes with it, and what stops it stops no other. */
export class WasmNetwork implements Network {
  private readonly context: number;
  private readonly pixels: number;
  private readonly maps: number;
  private readonly exports: Exports;
  private helpers = 0;

  /**
   * file: a `.tflite`. where: what messages call it. threads: how many run it, this one among them; more than one of a
   * build for that. They take part as soon as they have come. Throws `Refused` where the engine can't run it.
   */
  constructor(engine: WebAssembly.Module, file: Uint8Array, readonly spec: Spec, where: string, threads = 1) {
    const shares = WebAssembly.Module.imports(engine).some(({ kind }) => kind === "memory");
    const memory = shares ? new WebAssembly.Memory(PAGES) : null;
    this.exports = instantiate(engine, memory);
    this.exports._initialize?.();
    const size = spec.inputSize;
    const maps = this.mapsShape();
    const refuse = (why: string): never => {
      throw new Refused(`engine runtime can't run ${where}: ${why}`);
    };
    try {
      const bytes = this.exports.malloc(file.length) || refuse("there is not enough memory");
      this.memory(bytes, file.length).set(file);
      const model = this.exports.bnn_open(bytes, file.length) || refuse(this.error());
      this.exports.free(bytes);
      if (this.exports.bnn_input_count(model) !== 1 || this.exports.bnn_output_count(model) !== 1) {
        refuse("it has not one input and one output");
      }
      const input = this.tensor((tensor) => this.exports.bnn_input(model, 0, tensor));
      const output = this.tensor((tensor) => this.exports.bnn_output(model, 0, tensor));
      const wanted = [1, maps.height, maps.width, maps.count];
      if (input.shape.join() !== [1, size, size, 3].join()) {
        refuse(`it takes images [${input.shape}], not [1,${size},${size},3]`);
      }
      if (output.shape.join() !== wanted.join() || output.type !== FLOAT32) {
        refuse(`its maps are [${output.shape}], not [${wanted}] of float32`);
      }
      this.context = this.exports.bnn_context_new(model, threads) || refuse(this.error());
      this.pixels = this.exports.malloc(size * size * 3) || refuse("there is not enough memory");
      this.maps = this.exports.malloc(4 * maps.height * maps.width * maps.count) || refuse("there is not enough memory");
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) refuse(`it stopped (${error.message})`);
      throw error;
    }
    for (let thread = 1; memory && thread < threads; thread++) {
      if (!this.summon({ engine, memory, thread })) break;
    }
  }

  /** How many threads have come to run it. */
  get threads(): number {
    return 1 + this.helpers;
  }

  run(patch: Uint8Array): Maps {
    const shape = this.mapsShape();
    this.memory(this.pixels, patch.length).set(patch);
    if (this.exports.bnn_run_uint8(this.context, this.pixels, this.maps) !== 0) {
      throw new Error(`the network did not run: ${this.error()}`);
    }
    const count = shape.height * shape.width * shape.count;
    return { ...shape, values: new Float32Array(this.exports.memory.buffer, this.maps, count).slice() };
  }

  /** Starts a thread, which takes part when it has come. False where that can't be. */
  private summon(help: Pick<Help, "engine" | "memory" | "thread">): boolean {
    const stack = this.exports.malloc(STACK_BYTES);
    if (!stack) return false;
    let helper: Worker | null = null;
    try {
      helper = startWorker(
        new URL("./helper.js", import.meta.url),
        () => new Worker(new URL("./helper.js", import.meta.url), { type: "module" }),
      );
      helper.onmessage = () => this.helpers++;
      helper.onerror = (event) => event.preventDefault(); // it did not come
      helper.postMessage({ ...help, stack: (stack + STACK_BYTES) & ~15, context: this.context });
      return true;
    } catch {
      helper?.terminate(); // WebKitGTK hands workers no shared memory
      this.exports.free(stack);
      return false;
    }
  }

  private mapsShape() {
    const { task, scheme, inputSize, stride } = this.spec;
    const side = Math.floor(inputSize / stride);
    return { height: side, width: side, count: scheme.names.length * (task === "boxes" ? CHANNELS : 1) };
  }

  private tensor(describe: (pointer: number) => number): { type: number; shape: number[] } {
    const pointer = this.exports.malloc(TENSOR_BYTES);
    describe(pointer);
    const [type, rank, ...dims] = new Int32Array(this.exports.memory.buffer, pointer, TENSOR_BYTES / 4).slice();
    this.exports.free(pointer);
    return { type, shape: dims.slice(0, rank) };
  }

  private memory(pointer: number, bytes: number): Uint8Array {
    return new Uint8Array(this.exports.memory.buffer, pointer, bytes);
  }

  private error(): string {
    const text = new Uint8Array(this.exports.memory.buffer, this.exports.bnn_error());
    return new TextDecoder().decode(text.slice(0, text.indexOf(0)));
  }
}

/** An instance of the engine, over `memory` where it takes one. Of the system calls that its C library names none does
 * anything here. */
export function instantiate(engine: WebAssembly.Module, memory: WebAssembly.Memory | null): Exports {
  const imports: WebAssembly.Imports = {};
  for (const { module, name, kind } of WebAssembly.Module.imports(engine)) {
    (imports[module] ??= {})[name] = kind === "memory" ? memory! : () => NO_SUCH_CALL;
  }
  return new WebAssembly.Instance(engine, imports).exports as unknown as Exports;
}
