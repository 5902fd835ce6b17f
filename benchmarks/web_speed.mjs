// The page of web_speed.py: runs networks in turn, one thread, and tells the server how long each took.

const BATCH = 150; // milliseconds of runs between two looks at the processor's time, which cost one or two themselves

/** The engine's C interface as calls; `image` and what comes back are typed arrays. */
async function engine(module, file, image) {
  const compiled = await WebAssembly.compileStreaming(fetch(module));
  const c = (await WebAssembly.instantiate(compiled, { wasi_snapshot_preview1: { clock_time_get: () => 0 } })).exports;
  c._initialize();
  const put = (bytes) => {
    const pointer = c.malloc(bytes.length);
    new Uint8Array(c.memory.buffer).set(bytes, pointer);
    return pointer;
  };
  const bytes = new Uint8Array(await (await fetch(file)).arrayBuffer());
  const model = c.bnn_open(put(bytes), bytes.length);
  const context = c.bnn_context_new(model, 1);
  const form = c.malloc(28);
  c.bnn_output(model, 0, form);
  const maps = c.malloc(new DataView(c.memory.buffer).getUint32(form + 24, true));
  const pixels = put(image);
  return () => {
    if (c.bnn_run_uint8(context, pixels, maps) !== 0) throw new Error(`${file} did not run`);
  };
}

async function litert(litertjs, file, size, image) {
  const model = await litertjs.loadAndCompile(file, { accelerator: "wasm" });
  const input = new litertjs.Tensor(Float32Array.from(image, (pixel) => pixel / 255), [1, size, size, 3]);
  return async () => {
    for (const output of await model.run(input)) output.delete();
  };
}

async function measure({ rounds, networks }) {
  const litertjs = await import("@litertjs/core");
  await litertjs.loadLiteRt("/npm/@litertjs/core/wasm/", { threads: false });
  const runs = [];
  for (const { name, file, module, size } of networks) {
    const image = Uint8Array.from({ length: size * size * 3 }, (_, i) => (i * 40503) >> 8);
    runs.push([name, module ? await engine(module, file, image) : await litert(litertjs, file, size, image)]);
  }
  const times = Object.fromEntries(runs.map(([name]) => [name, { wall: [], processor: [] }]));
  const counts = {};
  // A module's code gets better while it runs: what comes before that does not count.
  for (const [name, run] of runs) {
    let fastest = Infinity;
    for (let i = 0, first = performance.now(); i < 3 || (i < 60 && performance.now() - first < 3000); ++i) {
      const start = performance.now();
      await run();
      fastest = Math.min(fastest, performance.now() - start);
    }
    counts[name] = Math.ceil(BATCH / fastest);
  }
  const processor = async () => Number(await (await fetch("/processor")).text());
  for (let round = 0; round < rounds; ++round) {
    for (const [name, run] of runs) {
      const before = await processor();
      for (let i = 0; i < counts[name]; ++i) {
        const start = performance.now();
        await run();
        times[name].wall.push(performance.now() - start);
      }
      times[name].processor.push((await processor() - before) / counts[name]);
    }
  }
  return { agent: navigator.userAgent, times };
}

const answer = await measure(await (await fetch("/task")).json()).catch((error) => ({ error: String(error.stack ?? error) }));
await fetch("/answer", { method: "POST", body: JSON.stringify(answer) });
