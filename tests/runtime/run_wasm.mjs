// Runs networks by a WebAssembly module of the engine: node run_wasm.mjs MODULE REQUESTS ANSWERS
//
// Requests: for each network its file and its inputs, as a list of byte strings; lists are a count before their items, byte
// strings their length, each number a uint32. Without inputs, zeros are. Answers: for each an error ("" for none), then the list of
// outputs. Every network gets a new instance, whose traps are its error, with TRAP before it. Of a module for several threads a
// worker is the second.
import fs from "node:fs";
import { once } from "node:events";
import { Worker, isMainThread, parentPort } from "node:worker_threads";

const SHARED = { initial: 32, maximum: 4096, shared: true };
const STACK = 1 << 18;

function instantiate(module, memory) {
  const imports = { env: { memory }, wasi_snapshot_preview1: { clock_time_get: () => 0 } };
  return new WebAssembly.Instance(module, imports).exports;
}

if (!isMainThread) {
  parentPort.on("message", ({ module, memory, stack, context }) => {
    const c = instantiate(module, memory);
    c.__stack_pointer.value = stack;
    parentPort.postMessage("come");
    parentPort.postMessage(c.bnn_work(context, 1)); // when the context goes
  });
  await once(parentPort, "close");
}

const [module_path, requests_path, answers_path] = process.argv.slice(2);
const module = new WebAssembly.Module(fs.readFileSync(module_path));
const requests = fs.readFileSync(requests_path);
const answers = [];
let at = 0;

function takeNumber() {
  at += 4;
  return requests.readUInt32LE(at - 4);
}

function takeBytes() {
  const length = takeNumber();
  at += length;
  return requests.subarray(at - length, at);
}

function give(number) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(number);
  answers.push(bytes);
}

function giveBytes(bytes) {
  give(bytes.length);
  answers.push(bytes);
}

let helper = WebAssembly.Module.imports(module).some(({ kind }) => kind === "memory") ? new Worker(process.argv[1]) : null;
let sent = 0;
let helped = 0;

async function run(file, inputs) {
  const memory = helper && new WebAssembly.Memory(SHARED);
  const c = instantiate(module, memory);
  c._initialize();
  const view = () => new DataView(c.memory.buffer);
  const put = (bytes) => {
    const pointer = c.malloc(bytes.length);
    if (pointer === 0) throw new Error("no memory for the test's own");
    new Uint8Array(c.memory.buffer).set(bytes, pointer);
    return pointer;
  };
  const error = () => {
    const bytes = new Uint8Array(c.memory.buffer, c.bnn_error());
    return new Error(Buffer.from(bytes.subarray(0, bytes.indexOf(0))).toString());
  };
  const model = c.bnn_open(put(file), file.length);
  if (model === 0) throw error();
  const context = c.bnn_context_new(model, helper ? 2 : 1);
  if (context === 0) throw error();
  const stack = c.malloc(STACK);
  if (stack === 0) throw new Error("no memory for the test's own");
  if (helper) {
    helper.postMessage({ module, memory, stack: (stack + STACK) & ~15, context });
    await once(helper, "message");
    sent++;
  }
  const answer = () => {
    const form = c.malloc(28);
    const sizes = (count, describe) =>
      Array.from({ length: count }, (_, i) => {
        describe(model, i, form);
        return view().getUint32(form + 24, true);
      });
    const array = (pointers) => put(new Uint8Array(Uint32Array.from(pointers).buffer));
    const input_sizes = sizes(c.bnn_input_count(model), c.bnn_input);
    const output_sizes = sizes(c.bnn_output_count(model), c.bnn_output);
    const given = inputs.length > 0 ? inputs : input_sizes.map((size) => new Uint8Array(size));
    const outputs = output_sizes.map((size) => c.malloc(size));
    if (c.bnn_run(context, array(given.map(put)), array(outputs)) !== 0) throw error();
    return outputs.map((pointer, i) => Buffer.from(new Uint8Array(c.memory.buffer, pointer, output_sizes[i])));
  };
  let results;
  try {
    results = answer();
  } catch (thrown) {
    await helper?.terminate(); // it works on memory that nobody knows the state of
    helper = helper && new Worker(process.argv[1]);
    throw thrown;
  }
  c.bnn_close(model);
  c.bnn_context_free(context);
  if (helper) {
    const [tasks] = await once(helper, "message");
    if (tasks < 0) throw new Error("the helper was sent away");
    helped += tasks;
  }
  return results;
}

while (at < requests.length) {
  const file = takeBytes();
  const inputs = Array.from({ length: takeNumber() }, takeBytes);
  let results = [];
  let error = "";
  try {
    results = await run(file, inputs);
  } catch (thrown) {
    error = thrown instanceof WebAssembly.RuntimeError ? `TRAP ${thrown.stack}` : thrown.message;
    if (error === "") throw thrown;
  }
  giveBytes(Buffer.from(error));
  give(results.length);
  results.forEach(giveBytes);
}
fs.writeFileSync(answers_path, Buffer.concat(answers));
if (sent > 0 && helped === 0) throw new Error("the second thread did nothing");
await helper?.terminate();
