// Arrays of an .npz: a zip of .npy files, each with a text header that tells type and shape.
import { readFileSync } from "node:fs";
import { inflateRawSync } from "node:zlib";

const TYPES = { "|u1": Uint8Array, "<f4": Float32Array, "<f8": Float64Array };

/** {name: {shape, data}} */
export function readNpz(path) {
  const file = readFileSync(path);
  const arrays = {};
  let at = file.readUInt32LE(file.length - 22 + 16);
  for (let left = file.readUInt16LE(file.length - 22 + 10); left > 0; left--) {
    const [method, packed] = [file.readUInt16LE(at + 10), file.readUInt32LE(at + 20)];
    const [nameLength, extra, comment] = [28, 30, 32].map((offset) => file.readUInt16LE(at + offset));
    const local = file.readUInt32LE(at + 42);
    const name = file.toString("utf8", at + 46, at + 46 + nameLength);
    const start = local + 30 + file.readUInt16LE(local + 26) + file.readUInt16LE(local + 28);
    const bytes = file.subarray(start, start + packed);
    arrays[name.replace(/\.npy$/, "")] = readNpy(method ? inflateRawSync(bytes) : bytes);
    at += 46 + nameLength + extra + comment;
  }
  return arrays;
}

function readNpy(file) {
  const start = 10 + file.readUInt16LE(8);
  const header = file.toString("latin1", 10, start);
  const type = TYPES[/'descr': '(.*?)'/.exec(header)[1]];
  if (!type || !header.includes("'fortran_order': False")) throw new Error(`no reader for ${header}`);
  const shape = /'shape': \((.*?)\)/.exec(header)[1].split(",").filter((n) => n.trim()).map(Number);
  return { shape, data: new type(new Uint8Array(file.subarray(start)).buffer) };
}
