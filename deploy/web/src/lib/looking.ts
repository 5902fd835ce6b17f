/**
 * Image and boxes -> landmarks or facial parts in the image's own pixels: what bnn_landmarks/inference/localizer.py and
 * finder.py compute, on a network that runs at once. It lives in the worker; `index.ts` is its door.
 */

import * as boxes from "./boxes.js";
import { BOX_LEAST, type Affine, type Box, type Picture, affine, checkBox, crop, isList, restore, square } from "./crops.js";
import { Refused } from "./errors.js";
import { type Maps, decode, scores } from "./heatmaps.js";
import { type Mask, boxOfParts, partsMask, partsPresence } from "./parts.js";
import type { Scheme, Spec } from "./spec.js";

/** A second look is into the box of the landmarks of at least this score. */
const AGAIN = 0.2;
/** What the following is told of, besides single networks. */
const GROUPS = ["person", "face", "parts"];
/** How often to look again: once, for the points of faces twice. */
const LOOKS: Record<string, number> = { parts: 1, face: 2 };
/** Two that the finder tells apart are one where more of their boxes is common: of people's union, of the smaller face. */
const SAME_PERSON = 0.65;
const SAME_FACE = 0.5;
/**
 * Presences: from which one look is enough; below which the only one may be nobody, so that the whole image is looked at,
 * too, and a guess, or the whole image, shows nobody. By network, or else by task, or else by kind of subject.
 */
const ENOUGH: Record<string, number> = { person: 0.4, pose_128: 0.5, pose_small: 0.5, face: 0.7, parts: 0.88 };
const PRESENCE: Record<string, number> = {
  person: 0.35, pose_128: 0.4, pose_small: 0.5,
  face: 0.55, face_aflw_128: 0.65, face_300wlp_128: 0.65, face_300wlp_small: 0.7,
  parts: 0.85, face_parts_128: 0.82,
};
/** Of a network of one's own, if it learned from images that show nobody. */
const OWN_PRESENCE = 0.2;
/** The finder's scores from which a box is one, and from which those below are worth a look; how many of these are,
 * the others if nobody is in the first. */
const SURE = 0.35;
const GUESS = 0.22;
const GUESSES = 3;

const PEOPLE_SCHEMES = ["mpii16", "lsp14", "coco17"];
const FACE_SCHEMES = ["ibug68", "parts7", "pifa34", "aflw21", "aflw19"];

export const FINDER = "finder";

/** RGB pixels of a crop [S, S, 3] -> maps. */
export interface Network {
  spec: Spec;
  run(patch: Uint8Array): Maps;
}

/**
 * Where to look for a subject. found: where the box came from, "given", "detector", "image" (nothing detected: the whole
 * image) or "track" (the frame before). boxScore: what the detector gave it. track: the subject's number in a video.
 */
export interface Sighting {
  box: Box;
  found: "given" | "detector" | "image" | "track";
  detector: string | null;
  boxScore: number | null;
  track: number | null;
}

/** What was found of one subject: landmarks x, y, x, y, ... in image pixels and their scores, or a mask of parts. */
export interface Seen extends Sighting {
  points: Float64Array;
  scores: Float32Array;
  mask: Mask | null;
  presence: number;
}

export function given(box: Box): Sighting {
  return { box, found: "given", detector: null, boxScore: null, track: null };
}

function wholeImage({ width, height }: Picture): Sighting {
  return { ...given([-0.5, -0.5, width, height]), found: "image" };
}

/** What the subjects of a landmark scheme are, or null of a scheme of the user's own. */
export function kindOf(scheme: Scheme): "person" | "face" | null {
  if (PEOPLE_SCHEMES.includes(scheme.name)) return "person";
  return FACE_SCHEMES.includes(scheme.name) ? "face" : null;
}

/** A user's box, or list of boxes. Throws `Refused` where one is none, or lies outside the image. */
export function givenBoxes({ width, height }: Picture, given: unknown): Box[] {
  const list = isList(given) ? Array.from(given as ArrayLike<unknown>) : [given];
  const found = (list.length && !isList(list[0]) ? [list] : list).map(checkBox);
  for (const box of found) {
    if (!inImage(box, width, height)) {
      throw new Refused(
        `the box ${JSON.stringify(box)} lies outside the image, which is ${width} x ${height} pixels`,
      );
    }
  }
  return found;
}

/** Whether a box has a part in an image. */
export function inImage([x, y, boxWidth, boxHeight]: Box, width: number, height: number): boolean {
  return x < width && y < height && x + boxWidth > 0 && y + boxHeight > 0;
}

/** The box tight around the landmarks of at least this score; null where fewer than three have it, or have no area. */
export function boxFromLandmarks(points: Float64Array, scores: Float32Array, threshold: number): Box | null {
  let [left, top, right, bottom, seen] = [Infinity, Infinity, -Infinity, -Infinity, 0];
  for (let k = 0; k < scores.length; k++) {
    if (!(scores[k] >= threshold)) continue;
    seen++;
    left = Math.min(left, points[2 * k]);
    right = Math.max(right, points[2 * k]);
    top = Math.min(top, points[2 * k + 1]);
    bottom = Math.max(bottom, points[2 * k + 1]);
  }
  return seen < 3 || right <= left || bottom <= top ? null : [left, top, right - left, bottom - top];
}

/** The box tight around a subject's landmarks of at least this score, or its parts; null where it is lost. */
export function resultBox(result: Seen, threshold: number): Box | null {
  return result.mask ? boxOfParts(result.mask) : boxFromLandmarks(result.points, result.scores, threshold);
}

/** Where to look again for what was found of a subject; where it was, if too few of its landmarks are. */
function secondLook(result: Seen, { width, height }: Picture): Sighting {
  const box = resultBox(result, AGAIN);
  const { found, detector, boxScore, track } = result;
  return { box: box && inImage(box, width, height) ? box : result.box, found, detector, boxScore, track };
}

/**
 * The results; in place of those from the whole image, and of those of too little presence to be enough, those of a second
 * look.
 */
function lookAgain(localizer: Looker, picture: Picture, results: Seen[]): Seen[] {
  const isWeak = ({ found, presence }: Seen) => found === "image" || presence < localizer.enough;
  const again = localizer.look(picture, results.filter(isWeak).map((result) => secondLook(result, picture)));
  return results.map((result) => (isWeak(result) ? again.shift()! : result));
}

/** One result per sighting, after as many looks again as `refine` says and it takes. */
export function lookAndAgain(localizer: Looker, picture: Picture, sightings: Sighting[]): Seen[] {
  let results = localizer.look(picture, sightings);
  for (let i = 0; i < localizer.refine; i++) results = lookAgain(localizer, picture, results);
  return results;
}

/** The results, of subjects of this kind, but for those that show the subject of a surer one. */
export function oneEach(results: Seen[], kind: "person" | "face" | null): Seen[] {
  if (results.length < 2) return results;
  const shown = results.map((result) => ({ result, box: resultBox(result, AGAIN) ?? result.box }));
  shown.sort((a, b) => b.result.presence - a.result.presence);
  const kept =
    kind === "face" ? boxes.distinct(shown, SAME_FACE, boxes.cover) : boxes.distinct(shown, SAME_PERSON, boxes.overlap);
  return results.filter((result) => kept.some((each) => each.result === result));
}

/** What `Tracker` asks of a localizer. */
export interface Looker {
  leastPresence: number;
  /** The presence from which one look is enough. */
  enough: number;
  refine: number;
  hasDetector: boolean;
  look(picture: Picture, sightings: Sighting[]): Seen[];
  detect(picture: Picture): { sightings: Sighting[]; sure: boolean };
}

/**
 * finder: a network of task "boxes", or null where nothing finds the scheme's subjects. refine: how often to look again
 * where the box was not given. leastPresence: what a subject needs where nobody was detected for sure. Null for the
 * usual of either.
 */
export class Localizer implements Looker {
  readonly refine: number;
  readonly leastPresence: number;
  readonly enough: number;
  private readonly kind: number;

  constructor(
    private readonly network: Network,
    private readonly finder: Network | null,
    refine: number | null = null,
    leastPresence: number | null = null,
  ) {
    const kind = kindOf(network.spec.scheme);
    const { name, task, loosest } = network.spec;
    const own = GROUPS.includes(name) ? "" : name;
    const usual = (presences: Record<string, number>) => presences[own] ?? presences[task] ?? presences[kind ?? ""];
    this.refine = refine ?? usual(LOOKS) ?? 1;
    this.leastPresence = leastPresence ?? usual(PRESENCE) ?? (loosest ? OWN_PRESENCE : 0);
    this.enough = usual(ENOUGH) ?? Infinity;
    this.kind = finder && kind ? finder.spec.scheme.names.indexOf(kind) : -1;
  }

  get hasDetector(): boolean {
    return this.kind >= 0;
  }

  /** Every subject of an image: one result per box. Without boxes the finder looks for them. */
  localize(picture: Picture, boxes: unknown, most = Infinity): Seen[] {
    if (!(most >= 1)) throw new Refused(`subjects at most must be 1 or more, not ${most}`);
    if (boxes !== null && boxes !== undefined) return this.look(picture, givenBoxes(picture, boxes).map(given));
    const { sightings, sure } = this.detect(picture);
    const [first, others] = sure ? [sightings, []] : [sightings.slice(0, 1), sightings.slice(1)];
    let results = this.lookAt(picture, first, most);
    if (this.mayBeElsewhere(results)) {
      results = [...results, ...lookAndAgain(this, picture, [...others, wholeImage(picture)])];
      results = [results.reduce((surest, each) => (each.presence > surest.presence ? each : surest))];
    }
    return sure ? results : results.filter((result) => result.presence >= this.leastPresence);
  }

  /** The subjects at sightings, `most` at most: of two boxes of the finder's that show one, one. */
  private lookAt(picture: Picture, sightings: Sighting[], most: number): Seen[] {
    let results: Seen[] = [];
    for (let seen = 0; seen < sightings.length && results.length < most; ) {
      const end = seen + most - results.length;
      results.push(...lookAndAgain(this, picture, sightings.slice(seen, end)));
      if (this.hasDetector) results = oneEach(results, kindOf(this.network.spec.scheme));
      seen = end;
    }
    return results;
  }

  /** Whether the finder has found nobody, or one so unsure that the whole image may show more. */
  private mayBeElsewhere(results: Seen[]): boolean {
    const unsure = results.every(({ presence }) => presence < this.leastPresence);
    return this.hasDetector && this.refine > 0 && results.length < 2 && unsure;
  }

  /** Where the subjects are, the best first, and whether somebody is there for sure: if not, they are guesses. */
  detect(picture: Picture): { sightings: Sighting[]; sure: boolean } {
    const { width, height } = picture;
    if (!this.finder || this.kind < 0) return { sightings: [wholeImage(picture)], sure: false };
    const found: Sighting[] = this.find(this.finder, picture)
      .filter(({ box }) => inImage(box, width, height))
      .map(({ box, score }) => ({ box, found: "detector", detector: FINDER, boxScore: score, track: null }));
    const sure = found.filter(({ boxScore }) => boxScore! >= SURE);
    return sure.length ? { sightings: sure, sure: true } : { sightings: found.slice(0, GUESSES), sure: false };
  }

  private find(finder: Network, picture: Picture): boxes.Found[] {
    const { inputSize, stride } = finder.spec;
    const matrix = boxes.letterbox(picture.width, picture.height, inputSize);
    const maps = finder.run(crop(picture, matrix, inputSize));
    return boxes
      .decode(maps, this.kind, stride, GUESS)
      .map(({ box, score }) => ({ box: boxes.restore(box, matrix, picture.width, picture.height), score }))
      .filter(({ box }) => box[2] >= BOX_LEAST && box[3] >= BOX_LEAST);
  }

  /** One result per sighting. */
  look(picture: Picture, sightings: Sighting[]): Seen[] {
    const { spec } = this.network;
    return sightings.map((sighting) => {
      const matrix = affine(square(sighting.box, spec.boxSide, spec.padding), spec.inputSize);
      const maps = this.network.run(crop(picture, matrix, spec.inputSize));
      return { ...sighting, ...read(maps, matrix, picture, spec) };
    });
  }
}

/** What the maps of a crop say of the image. */
function read(maps: Maps, matrix: Affine, { width, height }: Picture, spec: Spec) {
  if (spec.task === "parts") {
    const mask = partsMask(maps, matrix, width, height, spec);
    return { points: new Float64Array(), scores: new Float32Array(), mask, presence: partsPresence(maps) };
  }
  const peaks = decode(maps, spec.stride, spec.score);
  const found = scores(maps, peaks, spec.score, spec.sigma);
  const presence = found.reduce((sum, score) => sum + score, 0) / found.length;
  return { points: restore(peaks.points, matrix), scores: found, mask: null, presence };
}
