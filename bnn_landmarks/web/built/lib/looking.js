import * as boxes from "./boxes.js";
import { BOX_LEAST, affine, checkBox, crop, isList, restore, square } from "./crops.js";
import { Refused } from "./errors.js";
import { decode, scores } from "./heatmaps.js";
import { boxOfParts, partsMask, partsPresence } from "./parts.js";
const AGAIN = 0.2;
const GROUPS = ["person", "face", "parts"];
const LOOKS = { parts: 1, face: 2 };
const SAME_PERSON = 0.65;
const SAME_FACE = 0.5;
const ENOUGH = { person: 0.4, pose_128: 0.5, pose_small: 0.5, face: 0.7, parts: 0.88 };
const PRESENCE = {
    person: 0.35, pose_128: 0.4, pose_small: 0.5,
    face: 0.55, face_aflw_128: 0.65, face_300wlp_128: 0.65, face_300wlp_small: 0.7,
    parts: 0.85, face_parts_128: 0.82,
};
const OWN_PRESENCE = 0.2;
const SURE = 0.35;
const GUESS = 0.22;
const GUESSES = 3;
const PEOPLE_SCHEMES = ["mpii16", "lsp14", "coco17"];
const FACE_SCHEMES = ["ibug68", "parts7", "pifa34", "aflw21", "aflw19"];
export const FINDER = "finder";
export function given(box) {
    return { box, found: "given", detector: null, boxScore: null, track: null };
}
function wholeImage({ width, height }) {
    return { ...given([-0.5, -0.5, width, height]), found: "image" };
}
export function kindOf(scheme) {
    if (PEOPLE_SCHEMES.includes(scheme.name))
        return "person";
    return FACE_SCHEMES.includes(scheme.name) ? "face" : null;
}
export function givenBoxes({ width, height }, given) {
    const list = isList(given) ? Array.from(given) : [given];
    const found = (list.length && !isList(list[0]) ? [list] : list).map(checkBox);
    for (const box of found) {
        if (!inImage(box, width, height)) {
            throw new Refused(`the box ${JSON.stringify(box)} lies outside the image, which is ${width} x ${height} pixels`);
        }
    }
    return found;
}
export function inImage([x, y, boxWidth, boxHeight], width, height) {
    return x < width && y < height && x + boxWidth > 0 && y + boxHeight > 0;
}
export function boxFromLandmarks(points, scores, threshold) {
    let [left, top, right, bottom, seen] = [Infinity, Infinity, -Infinity, -Infinity, 0];
    for (let k = 0; k < scores.length; k++) {
        if (!(scores[k] >= threshold))
            continue;
        seen++;
        left = Math.min(left, points[2 * k]);
        right = Math.max(right, points[2 * k]);
        top = Math.min(top, points[2 * k + 1]);
        bottom = Math.max(bottom, points[2 * k + 1]);
    }
    return seen < 3 || right <= left || bottom <= top ? null : [left, top, right - left, bottom - top];
}
export function resultBox(result, threshold) {
    return result.mask ? boxOfParts(result.mask) : boxFromLandmarks(result.points, result.scores, threshold);
}
function secondLook(result, { width, height }) {
    const box = resultBox(result, AGAIN);
    const { found, detector, boxScore, track } = result;
    return { box: box && inImage(box, width, height) ? box : result.box, found, detector, boxScore, track };
}
function lookAgain(localizer, picture, results) {
    const isWeak = ({ found, presence }) => found === "image" || presence < localizer.enough;
    const again = localizer.look(picture, results.filter(isWeak).map((result) => secondLook(result, picture)));
    return results.map((result) => (isWeak(result) ? again.shift() : result));
}
export function lookAndAgain(localizer, picture, sightings) {
    let results = localizer.look(picture, sightings);
    for (let i = 0; i < localizer.refine; i++)
        results = lookAgain(localizer, picture, results);
    return results;
}
export function oneEach(results, kind) {
    if (results.length < 2)
        return results;
    const shown = results.map((result) => ({ result, box: resultBox(result, AGAIN) ?? result.box }));
    shown.sort((a, b) => b.result.presence - a.result.presence);
    const kept = kind === "face" ? boxes.distinct(shown, SAME_FACE, boxes.cover) : boxes.distinct(shown, SAME_PERSON, boxes.overlap);
    return results.filter((result) => kept.some((each) => each.result === result));
}
export class Localizer {
    network;
    finder;
    refine;
    leastPresence;
    enough;
    kind;
    constructor(network, finder, refine = null, leastPresence = null) {
        this.network = network;
        this.finder = finder;
        const kind = kindOf(network.spec.scheme);
        const { name, task, loosest } = network.spec;
        const own = GROUPS.includes(name) ? "" : name;
        const usual = (presences) => presences[own] ?? presences[task] ?? presences[kind ?? ""];
        this.refine = refine ?? usual(LOOKS) ?? 1;
        this.leastPresence = leastPresence ?? usual(PRESENCE) ?? (loosest ? OWN_PRESENCE : 0);
        this.enough = usual(ENOUGH) ?? Infinity;
        this.kind = finder && kind ? finder.spec.scheme.names.indexOf(kind) : -1;
    }
    get hasDetector() {
        return this.kind >= 0;
    }
    localize(picture, boxes, most = Infinity) {
        if (!(most >= 1))
            throw new Refused(`subjects at most must be 1 or more, not ${most}`);
        if (boxes !== null && boxes !== undefined)
            return this.look(picture, givenBoxes(picture, boxes).map(given));
        const { sightings, sure } = this.detect(picture);
        const [first, others] = sure ? [sightings, []] : [sightings.slice(0, 1), sightings.slice(1)];
        let results = this.lookAt(picture, first, most);
        if (this.mayBeElsewhere(results)) {
            results = [...results, ...lookAndAgain(this, picture, [...others, wholeImage(picture)])];
            results = [results.reduce((surest, each) => (each.presence > surest.presence ? each : surest))];
        }
        return sure ? results : results.filter((result) => result.presence >= this.leastPresence);
    }
    lookAt(picture, sightings, most) {
        let results = [];
        for (let seen = 0; seen < sightings.length && results.length < most;) {
            const end = seen + most - results.length;
            results.push(...lookAndAgain(this, picture, sightings.slice(seen, end)));
            if (this.hasDetector)
                results = oneEach(results, kindOf(this.network.spec.scheme));
            seen = end;
        }
        return results;
    }
    mayBeElsewhere(results) {
        const unsure = results.every(({ presence }) => presence < this.leastPresence);
        return this.hasDetector && this.refine > 0 && results.length < 2 && unsure;
    }
    detect(picture) {
        const { width, height } = picture;
        if (!this.finder || this.kind < 0)
            return { sightings: [wholeImage(picture)], sure: false };
        const found = this.find(this.finder, picture)
            .filter(({ box }) => inImage(box, width, height))
            .map(({ box, score }) => ({ box, found: "detector", detector: FINDER, boxScore: score, track: null }));
        const sure = found.filter(({ boxScore }) => boxScore >= SURE);
        return sure.length ? { sightings: sure, sure: true } : { sightings: found.slice(0, GUESSES), sure: false };
    }
    find(finder, picture) {
        const { inputSize, stride } = finder.spec;
        const matrix = boxes.letterbox(picture.width, picture.height, inputSize);
        const maps = finder.run(crop(picture, matrix, inputSize));
        return boxes
            .decode(maps, this.kind, stride, GUESS)
            .map(({ box, score }) => ({ box: boxes.restore(box, matrix, picture.width, picture.height), score }))
            .filter(({ box }) => box[2] >= BOX_LEAST && box[3] >= BOX_LEAST);
    }
    look(picture, sightings) {
        const { spec } = this.network;
        return sightings.map((sighting) => {
            const matrix = affine(square(sighting.box, spec.boxSide, spec.padding), spec.inputSize);
            const maps = this.network.run(crop(picture, matrix, spec.inputSize));
            return { ...sighting, ...read(maps, matrix, picture, spec) };
        });
    }
}
function read(maps, matrix, { width, height }, spec) {
    if (spec.task === "parts") {
        const mask = partsMask(maps, matrix, width, height, spec);
        return { points: new Float64Array(), scores: new Float32Array(), mask, presence: partsPresence(maps) };
    }
    const peaks = decode(maps, spec.stride, spec.score);
    const found = scores(maps, peaks, spec.score, spec.sigma);
    const presence = found.reduce((sum, score) => sum + score, 0) / found.length;
    return { points: restore(peaks.points, matrix), scores: found, mask: null, presence };
}
