/** Boxes from the maps of a network that finds subjects: what bnn_landmarks/geometry/boxes.py computes. */

import { type Affine, type Box, affine, clamp, restore as restorePoints } from "./crops.js";
import type { Maps } from "./heatmaps.js";

/** Maps per kind of subject: its centres, and at each the centre's offset in x and y and the box's width and height. */
export const CHANNELS = 5;
const UNIT = 8;
const SAME = 0.55;
const LARGEST_LOG = 4;

export interface Found {
  box: Box;
  score: number;
}

/** Shows an image whole, as large as it fits, in the middle of a size x size square. */
export function letterbox(width: number, height: number, size: number): Affine {
  return affine({ x: (width - 1) / 2, y: (height - 1) / 2, side: Math.max(width, height) }, size);
}

/** A box in the square's pixels -> in the image's, cut at its border. */
export function restore([x, y, boxWidth, boxHeight]: Box, matrix: Affine, width: number, height: number): Box {
  const corners = restorePoints([x, y, x + boxWidth, y + boxHeight], matrix);
  const [left, top, right, bottom] = corners.map((v, i) => clamp(v, -0.5, (i % 2 ? height : width) - 0.5));
  return [left, top, right - left, bottom - top];
}

/**
 * The boxes of one kind of subject (its place in the network's scheme), in the square's pixels, the best first.
 *
 * A centre is a map pixel whose score, the logit's sigmoid, is at least `threshold` and the largest of its 3 x 3
 * neighbourhood. Of two boxes with more than `SAME` of their union in common the better is kept.
 */
export function decode(maps: Maps, kind: number, stride: number, threshold: number): Found[] {
  const { height, width, count, values } = maps;
  const at = (y: number, x: number, channel: number) => values[(y * width + x) * count + kind * CHANNELS + channel];
  const found: Found[] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const logit = at(y, x, 0);
      const score = Math.fround(1 / (1 + Math.exp(-logit)));
      if (!(score >= threshold) || !isPeak(logit)) continue;
      const [boxWidth, boxHeight] = [3, 4].map((c) => stride * UNIT * Math.exp(Math.min(at(y, x, c), LARGEST_LOG)));
      const centreX = stride * (x + at(y, x, 1) + 0.5) - 0.5;
      const centreY = stride * (y + at(y, x, 2) + 0.5) - 0.5;
      found.push({ box: [centreX - boxWidth / 2, centreY - boxHeight / 2, boxWidth, boxHeight], score });

      function isPeak(logit: number): boolean {
        for (let j = Math.max(0, y - 1); j <= Math.min(height - 1, y + 1); j++) {
          for (let i = Math.max(0, x - 1); i <= Math.min(width - 1, x + 1); i++) {
            if (at(j, i, 0) > logit) return false;
          }
        }
        return true;
      }
    }
  }
  found.sort((a, b) => b.score - a.score);
  return distinct(found, SAME, overlap);
}

/** Of what has boxes, the best first, all that have no more than `same` in common with a better one. */
export function distinct<T extends { box: Box }>(found: T[], same: number, common: (a: Box, b: Box) => number): T[] {
  const kept: T[] = [];
  for (const each of found) {
    if (kept.every((better) => common(each.box, better.box) <= same)) kept.push(each);
  }
  return kept;
}

/** Intersection over union; 0 where both are empty. */
export function overlap(a: Box, b: Box): number {
  const both = common(a, b);
  return both / Math.max(a[2] * a[3] + b[2] * b[3] - both, 1e-12);
}

/** Intersection over the smaller of the two; 0 where one is empty. */
export function cover(a: Box, b: Box): number {
  return common(a, b) / Math.max(Math.min(a[2] * a[3], b[2] * b[3]), 1e-12);
}

function common(a: Box, b: Box): number {
  const width = Math.min(a[0] + a[2], b[0] + b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[1] + a[3], b[1] + b[3]) - Math.max(a[1], b[1]);
  return Math.max(width, 0) * Math.max(height, 0);
}
