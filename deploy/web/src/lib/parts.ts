/** Facial parts from a network's maps: what `parts_mask` and `parts_presence` of inference/localizer.py compute. */

import { type Affine, type Box, clamp, nearest, restore } from "./crops.js";
import type { Maps } from "./heatmaps.js";
import type { Spec } from "./spec.js";

/** classes: of each pixel, rows from the top; 0 is background. */
export interface Mask {
  width: number;
  height: number;
  classes: Uint8Array;
}

const STRIP = 512;
const { fround } = Math;

/**
 * Class maps of a crop -> classes of the image's pixels, 0 outside the crop: the logits interpolated between the centres
 * of map pixels, at 1/32 of one, then the largest.
 */
export function partsMask(maps: Maps, matrix: Affine, width: number, height: number, spec: Spec): Mask {
  const classes = new Uint8Array(width * height);
  const [left, top, right, bottom] = Array.from(
    restore([-0.5, -0.5, spec.inputSize - 0.5, spec.inputSize - 0.5], matrix),
    (edge, i) => clamp(Math.ceil(edge), 0, i % 2 ? height : width),
  );
  const scale = matrix.scale / spec.stride;
  const shiftX = (matrix.shiftX + 0.5) / spec.stride - 0.5;
  const shiftY = (matrix.shiftY + 0.5) / spec.stride - 0.5;
  for (let y0 = top; y0 < bottom; y0 += STRIP) {
    for (let x0 = left; x0 < right; x0 += STRIP) {
      const columns = fixedPlaces(scale, shiftX + scale * x0, Math.min(STRIP, right - x0));
      const rows = fixedPlaces(scale, shiftY + scale * y0, Math.min(STRIP, bottom - y0), true);
      rows.forEach((y32, dy) => {
        const line = (y0 + dy) * width + x0;
        columns.forEach((x32, dx) => {
          classes[line + dx] = largest(maps, x32, y32);
        });
      });
    }
  }
  return { width, height, classes };
}

/** Where in the maps pixels lie, in 1/32 map pixels, by OpenCV's roundings: once in y and twice in x. */
function fixedPlaces(scale: number, shift: number, count: number, once = false): Int32Array {
  return Int32Array.from({ length: count }, (_, i) =>
    once
      ? (nearest((scale * i + shift) * 1024) + 16) >> 5
      : (nearest(shift * 1024) + 16 + nearest(scale * i * 1024)) >> 5,
  );
}

function largest({ width, height, count, values }: Maps, x32: number, y32: number): number {
  const [partX, partY] = [(x32 & 31) / 32, (y32 & 31) / 32];
  const left = clamp(x32 >> 5, 0, width - 1) * count;
  const right = clamp((x32 >> 5) + 1, 0, width - 1) * count;
  const upper = clamp(y32 >> 5, 0, height - 1) * width * count;
  const lower = clamp((y32 >> 5) + 1, 0, height - 1) * width * count;
  const [a, b] = [(1 - partY) * (1 - partX), (1 - partY) * partX];
  const [c, d] = [partY * (1 - partX), partY * partX];
  let [best, most] = [0, -Infinity];
  for (let k = 0; k < count; k++) {
    const logit = fround(
      fround(fround(fround(values[upper + left + k] * a) + fround(values[upper + right + k] * b)) +
        fround(values[lower + left + k] * c)) + fround(values[lower + right + k] * d),
    );
    if (logit > most) [best, most] = [k, logit];
  }
  return best;
}

/**
 * How sure it is of a face: the largest class's probability, its mean over the pixels of the middle half of the maps that
 * are of some part; 0 where none is.
 */
export function partsPresence({ width, height, count, values }: Maps): number {
  const [fromX, fromY] = [width >> 2, height >> 2];
  let [sum, pixels] = [0, 0];
  for (let y = fromY; y < height - fromY; y++) {
    for (let x = fromX; x < width - fromX; x++) {
      const at = (y * width + x) * count;
      let peak = -Infinity;
      for (let k = 0; k < count; k++) peak = Math.max(peak, values[at + k]);
      if (values[at] === peak) continue;
      let total = 0;
      for (let k = 0; k < count; k++) total += Math.exp(values[at + k] - peak);
      sum += 1 / total;
      pixels++;
    }
  }
  return pixels && sum / pixels;
}

/** The box tight around all parts of a mask; null where there are none, or they have no area. */
export function boxOfParts({ width, height, classes }: Mask): Box | null {
  let [left, top, right, bottom, seen] = [width, height, -1, -1, 0];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (!classes[i]) continue;
      seen++;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < top) top = y;
      bottom = y;
    }
  }
  return seen < 3 || right <= left || bottom <= top ? null : [left, top, right - left, bottom - top];
}
