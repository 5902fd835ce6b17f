import { Refused } from "./errors.js";
import { side } from "./sides.js";
const CHOICES = {
    task: ["landmarks", "parts", "boxes"],
    box_side: ["max", "mean"],
    score: ["softmax", "sigmoid"],
};
const NUMBERS = ["input_size", "stride", "padding", "sigma"];
export function readSpec(record, where) {
    const refuse = (why) => {
        throw new Refused(`${where} is not the record of an exported file (${why})`);
    };
    const json = (record ?? {});
    const spec = json.spec ?? refuse("it has no spec");
    for (const key of ["name", "scheme"]) {
        if (typeof spec[key] !== "string")
            refuse(`Spec.${key} takes text, not ${JSON.stringify(spec[key])}`);
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
    const names = json.landmarks;
    const isName = (name) => typeof name === "string";
    if (!Array.isArray(names) || !names.length || !names.every(isName))
        refuse("it names no landmarks");
    const isPair = (pair) => Array.isArray(pair) && pair.length === 2 && pair.every((i) => Number.isInteger(i) && i >= 0 && i < names.length);
    for (const key of ["mirror_pairs", "edges"]) {
        if (!Array.isArray(json[key]) || !json[key].every(isPair))
            refuse(`its ${key} are no pairs of landmarks`);
    }
    if (typeof json.sha256 !== "string")
        refuse("it has no sha256");
    const paired = new Set(json.mirror_pairs.flat());
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
