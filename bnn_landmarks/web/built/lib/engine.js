import { CHANNELS } from "./boxes.js";
import { Refused, Unavailable } from "./errors.js";
import { startWorker } from "./workers.js";
const ALONE = {
    relaxed: () => new URL("./engine_relaxed.wasm", import.meta.url),
    plain: () => new URL("./engine.wasm", import.meta.url),
};
const TOGETHER = {
    relaxed: () => new URL("./engine_relaxed_threads.wasm", import.meta.url),
    plain: () => new URL("./engine_threads.wasm", import.meta.url),
};
export function engineUrl(kernels, threads) {
    return (threads > 1 ? TOGETHER : ALONE)[kernels]();
}
const MOST_THREADS = 4;
export function chooseThreads(asked) {
    if (asked === 1)
        return 1;
    if (canShare())
        return asked ?? Math.min(MOST_THREADS, navigator.hardwareConcurrency || 1);
    if (!asked)
        return 1;
    throw new Unavailable(`${asked} threads share memory, which browsers allow to pages that are sent with Cross-Origin-Opener-Policy: ` +
        "same-origin and Cross-Origin-Embedder-Policy: require-corp");
}
function canShare() {
    try {
        return globalThis.crossOriginIsolated && Boolean(new WebAssembly.Memory(PAGES));
    }
    catch {
        return false;
    }
}
const HEAD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1];
const SIMD = [...HEAD, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];
const DOT = [65, 1, 253, 15, 65, 1, 253, 15, 65, 5, 253, 17, 253, 147, 2, 253, 27, 0];
const RELAXED = [...HEAD, 127, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 22, 1, 20, 0, ...DOT, 11];
export function chooseKernels() {
    const takes = (code) => typeof WebAssembly === "object" && WebAssembly.validate(Uint8Array.from(code));
    if (!takes(SIMD)) {
        throw new Unavailable("this browser has no WebAssembly SIMD, which Chrome and Edge have since 91, Firefox since 89, Safari since 16.4");
    }
    return takes(RELAXED) && dot() === 9 ? "relaxed" : "plain";
}
function dot() {
    const module = new WebAssembly.Module(Uint8Array.from(RELAXED));
    return new WebAssembly.Instance(module).exports.f();
}
export async function loadEngine(kernels, threads) {
    const url = engineUrl(kernels, threads);
    try {
        const response = await fetch(url);
        if (!response.ok)
            throw new Error(`${response.status} ${response.statusText}`);
        const typed = response.headers.get("Content-Type")?.startsWith("application/wasm");
        return await (typed ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer()));
    }
    catch (error) {
        throw new Unavailable(`the engine ${url} can't be loaded: ${error.message}`);
    }
}
const PAGES = { initial: 32, maximum: 4096, shared: true };
const STACK_BYTES = 1 << 18;
const TENSOR_BYTES = 28;
const FLOAT32 = 0;
const NO_SUCH_CALL = 52;
export class WasmNetwork {
    spec;
    context;
    pixels;
    maps;
    exports;
    helpers = 0;
    constructor(engine, file, spec, where, threads = 1) {
        this.spec = spec;
        const shares = WebAssembly.Module.imports(engine).some(({ kind }) => kind === "memory");
        const memory = shares ? new WebAssembly.Memory(PAGES) : null;
        this.exports = instantiate(engine, memory);
        this.exports._initialize?.();
        const size = spec.inputSize;
        const maps = this.mapsShape();
        const refuse = (why) => {
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
        }
        catch (error) {
            if (error instanceof WebAssembly.RuntimeError)
                refuse(`it stopped (${error.message})`);
            throw error;
        }
        for (let thread = 1; memory && thread < threads; thread++) {
            if (!this.summon({ engine, memory, thread }))
                break;
        }
    }
    get threads() {
        return 1 + this.helpers;
    }
    run(patch) {
        const shape = this.mapsShape();
        this.memory(this.pixels, patch.length).set(patch);
        if (this.exports.bnn_run_uint8(this.context, this.pixels, this.maps) !== 0) {
            throw new Error(`the network did not run: ${this.error()}`);
        }
        const count = shape.height * shape.width * shape.count;
        return { ...shape, values: new Float32Array(this.exports.memory.buffer, this.maps, count).slice() };
    }
    summon(help) {
        const stack = this.exports.malloc(STACK_BYTES);
        if (!stack)
            return false;
        let helper = null;
        try {
            helper = startWorker(new URL("./helper.js", import.meta.url), () => new Worker(new URL("./helper.js", import.meta.url), { type: "module" }));
            helper.onmessage = () => this.helpers++;
            helper.onerror = (event) => event.preventDefault();
            helper.postMessage({ ...help, stack: (stack + STACK_BYTES) & ~15, context: this.context });
            return true;
        }
        catch {
            helper?.terminate();
            this.exports.free(stack);
            return false;
        }
    }
    mapsShape() {
        const { task, scheme, inputSize, stride } = this.spec;
        const side = Math.floor(inputSize / stride);
        return { height: side, width: side, count: scheme.names.length * (task === "boxes" ? CHANNELS : 1) };
    }
    tensor(describe) {
        const pointer = this.exports.malloc(TENSOR_BYTES);
        describe(pointer);
        const [type, rank, ...dims] = new Int32Array(this.exports.memory.buffer, pointer, TENSOR_BYTES / 4).slice();
        this.exports.free(pointer);
        return { type, shape: dims.slice(0, rank) };
    }
    memory(pointer, bytes) {
        return new Uint8Array(this.exports.memory.buffer, pointer, bytes);
    }
    error() {
        const text = new Uint8Array(this.exports.memory.buffer, this.exports.bnn_error());
        return new TextDecoder().decode(text.slice(0, text.indexOf(0)));
    }
}
export function instantiate(engine, memory) {
    const imports = {};
    for (const { module, name, kind } of WebAssembly.Module.imports(engine)) {
        (imports[module] ??= {})[name] = kind === "memory" ? memory : () => NO_SUCH_CALL;
    }
    return new WebAssembly.Instance(engine, imports).exports;
}
