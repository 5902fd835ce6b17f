/** What a network is and how its input is made and its output read: the `.json` beside an exported file. */

import { Refused } from "./errors.js";
import { type Side, side } from "./sides.js";

/**
 * names: one per landmark, part or kind of subject. mirrorPairs: indices that change places in a mirrored image. edges:
 * index pairs to draw as lines. sides: "left", "right" or null, of each landmark that has a mirror partner.
 */
export interface Scheme {
  name: string;
  names: string[];
  mirrorPairs: [number, number][];
  edges: [number, number][];
  sides: (Side | null)[];
}

/** As `bnn_landmarks.spec.Spec`, with what of it is needed to run a network. */
export interface Spec {
  name: string;
  task: "landmarks" | "parts" | "boxes";
  scheme: Scheme;
  inputSize: number;
  stride: number;
  boxSide: "max" | "mean";
  padding: number;
  score: "softmax" | "sigmoid";
  sigma: number;
  /** How much wider than a subject's crop the whole images were that it learned from; null where it saw none. */
  loosest: number | null;
  sha256: string;
}

const CHOICES: Record<string, string[]> = {
  task: ["landmarks", "parts", "boxes"],
  box_side: ["max", "mean"],
  score: ["softmax", "sigmoid"],
};
const NUMBERS = ["input_size", "stride", "padding", "sigma"];

/** Throws `Refused`. record: the parsed `.json`. where: what the message calls it. */
export function readSpec(record: unknown, where: string): Spec {
  const refuse = (why: string): never => {
    throw new Refused(`${where} is not the record of an exported file (${why})`);
  };
  const json = (record ?? {}) as Record<string, any>;
  const spec = json.spec ?? refuse("it has no spec");
  for (const key of ["name", "scheme"]) {
    if (typeof spec[key] !== "string") refuse(`Spec.${key} takes text, not ${JSON.stringify(spec[key])}`);
  }
  for (const [key, choices] of Object.entries(CHOICES)) {
    if (!choices.includes(spec[key])) {
      refuse(`Spec.${key} is one of ${choices.join(", ")}, not ${JSON.stringify(spec[key])}`);
    }
  }
  for (const key of NUMBERS) {
    if (!(Number.isFinite(spec[key]) && spec[key] > 0)) {
      refuse(`Spec.${key} takes a positive number, not ${JSON.stringify(spec[key])}`);
    }
  }
  const names: string[] = json.landmarks;
  const isName = (name: unknown) => typeof name === "string";
  if (!Array.isArray(names) || !names.length || !names.every(isName)) refuse("it names no landmarks");
  const isPair = (pair: unknown) =>
    Array.isArray(pair) && pair.length === 2 && pair.every((i) => Number.isInteger(i) && i >= 0 && i < names.length);
  for (const key of ["mirror_pairs", "edges"]) {
    if (!Array.isArray(json[key]) || !json[key].every(isPair)) refuse(`its ${key} are no pairs of landmarks`);
  }
  if (typeof json.sha256 !== "string") refuse("it has no sha256");
  const paired = new Set<number>(json.mirror_pairs.flat());
  return {
    name: spec.name,
    task: spec.task,
    scheme: {
      name: spec.landmarks?.name ?? spec.scheme,
      names,
      mirrorPairs: json.mirror_pairs,
      edges: json.edges,
      sides: names.map((name, i) => (paired.has(i) ? side(name) : null)),
    },
    inputSize: spec.input_size,
    stride: spec.stride,
    boxSide: spec.box_side,
    padding: spec.padding,
    score: spec.score,
    sigma: spec.sigma,
    loosest: spec.loosest ?? null,
    sha256: json.sha256,
  };
}
