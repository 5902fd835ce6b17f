/** Pictures of results: what bnn_landmarks/geometry/draw.py draws, on a canvas. */

import { clamp, nearest } from "./crops.js";
import type { Mask } from "./parts.js";
import type { Scheme } from "./spec.js";
import type { Subject } from "./index.js";

type Colour = readonly [number, number, number];
type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

export const LEFT: Colour = [66, 165, 245];
export const RIGHT: Colour = [255, 152, 0];
export const MIDDLE: Colour = [102, 219, 112];
const ALPHA = 0.5;

/**
 * scale: canvas pixels per image pixel. threshold: the score that a landmark needs to be drawn.
 */
export interface DrawOptions {
  scale?: number;
  threshold?: number;
}

/** Draws what was found over the image that the canvas shows. */
export function draw(context: Context, subjects: Subject[], scheme: Scheme, options: DrawOptions = {}): void {
  const { scale = 1, threshold = 0.2 } = options;
  for (const subject of subjects) {
    if (subject.mask) drawParts(context, subject.mask, scheme.names.length, scale);
    else drawLandmarks(context, subject, scheme, scale, threshold);
  }
}

function drawLandmarks(context: Context, subject: Subject, scheme: Scheme, scale: number, threshold: number): void {
  const { points, scores } = subject;
  const shown = points.map(([x, y], k) => Number.isFinite(x + y) && scores[k] >= threshold);
  const seen = points.filter((_, k) => shown[k]);
  if (!seen.length) return;
  const span = (axis: 0 | 1) =>
    Math.max(...seen.map((point) => point[axis])) - Math.min(...seen.map((point) => point[axis]));
  const line = thickness(context.canvas, scale * Math.max(span(0), span(1)), points.length);
  const at = (k: number) => points[k].map((v) => scale * (v + 0.5)) as [number, number];
  const { sides } = scheme;
  context.save();
  context.lineCap = "round";
  context.lineWidth = covered(line);
  for (const [a, b] of scheme.edges) {
    if (!shown[a] || !shown[b]) continue;
    context.strokeStyle = css(colour(sides[a], sides[b]));
    context.beginPath();
    context.moveTo(...at(a));
    context.lineTo(...at(b));
    context.stroke();
  }
  const radius = Math.max(1, 0.9 * line);
  context.lineWidth = covered(Math.max(1, Math.floor(line / 3)));
  context.strokeStyle = "#fff";
  points.forEach((_, k) => {
    if (!shown[k]) return;
    context.fillStyle = css(colour(sides[k]));
    context.beginPath();
    context.arc(...at(k), radius, 0, 2 * Math.PI);
    context.fill();
    if (radius >= 2) context.stroke();
  });
  context.restore();
}

/** The classes of a mask blended over the image; class 0 (background) is left as it is. */
function drawParts(context: Context, { width, height, classes }: Mask, count: number, scale: number): void {
  const layer = new OffscreenCanvas(width, height);
  const inks = layer.getContext("2d")!;
  const pixels = inks.createImageData(width, height);
  const colours = palette(count);
  for (let i = 0; i < classes.length; i++) {
    if (classes[i]) pixels.data.set([...colours[classes[i]], Math.round(255 * ALPHA)], 4 * i);
  }
  inks.putImageData(pixels, 0, 0);
  context.drawImage(layer, 0, 0, scale * width, scale * height);
}

/** `count` colours, the first black for the background, the others far apart in hue. */
export function palette(count: number): Colour[] {
  const hue = (i: number) => (0.08 + i * 0.382) % 1;
  return [[0, 0, 0], ...Array.from({ length: count - 1 }, (_, i) => ofHue(hue(i)))];
}

/** Of saturation 0.75 and full value. */
function ofHue(hue: number): Colour {
  const channel = (offset: number) => {
    const place = (offset + hue * 6) % 6;
    return nearest(255 * (1 - 0.75 * clamp(Math.min(place, 4 - place), 0, 1)));
  };
  return [channel(5), channel(3), channel(1)];
}

/** Line width in canvas pixels for a subject of this extent: many points (a face) want thin lines. */
function thickness({ width, height }: { width: number; height: number }, extent: number, points: number): number {
  const share = points < 20 ? 1 / 60 : 1 / 150;
  return clamp(nearest(Math.min(extent, Math.max(width, height)) * share), 1, 40);
}

/** The width that OpenCV's smoothed lines of a thickness have (findings/opencv_line_width.sh). */
function covered(thickness: number): number {
  return thickness === 1 ? 1.4 : thickness + (thickness % 2 ? 2.4 : 1.4);
}

/** The colour of a landmark, or of the edge between two, on the left, the right or neither. */
function colour(...sides: (string | null)[]): Colour {
  const named = new Set(sides.filter(Boolean));
  if (named.size !== 1) return MIDDLE;
  return named.has("left") ? LEFT : RIGHT;
}

export function css([red, green, blue]: Colour): string {
  return `rgb(${red} ${green} ${blue})`;
}
