// The TypeScript port computes what Python does: held against golden vectors, which
//   python deploy/golden.py ports.golden.npz
// writes. GOLDEN is that file.
import assert from "node:assert/strict";
import test from "node:test";

import * as boxes from "../../../bnn_landmarks/web/built/lib/boxes.js";
import * as crops from "../../../bnn_landmarks/web/built/lib/crops.js";
import * as heatmaps from "../../../bnn_landmarks/web/built/lib/heatmaps.js";
import { given, oneEach } from "../../../bnn_landmarks/web/built/lib/looking.js";
import * as parts from "../../../bnn_landmarks/web/built/lib/parts.js";
import { side } from "../../../bnn_landmarks/web/built/lib/sides.js";
import { Follower, Tracker } from "../../../bnn_landmarks/web/built/lib/tracking.js";
import { readNpz } from "./npz.mjs";

const golden = process.env.GOLDEN ? readNpz(process.env.GOLDEN) : null;
const options = golden ? {} : { skip: "GOLDEN names no file of golden vectors" };

const numbers = (name) => Array.from(golden[name].data);
const rows = (name) => {
  const { shape, data } = golden[name];
  const width = shape.slice(1).reduce((a, b) => a * b, 1);
  return Array.from({ length: shape[0] }, (_, i) => data.subarray(i * width, (i + 1) * width));
};
const mapsOf = (name) => {
  const { shape: [height, width, count], data } = golden[name];
  return { height, width, count, values: data };
};
const affineOf = (name) => {
  const [scale, , shiftX, , , shiftY] = numbers(name);
  return { scale, shiftX, shiftY };
};

/** A picture RGBA of an array [H, W, 3]. */
function pictureOf({ shape: [height, width], data }) {
  const rgba = new Uint8Array(height * width * 4).fill(255);
  for (let i = 0; i < height * width; i++) rgba.set(data.subarray(i * 3, i * 3 + 3), i * 4);
  return { width, height, data: rgba };
}

function near(found, expected, tolerance, what) {
  assert.equal(found.length, expected.length, what);
  for (let i = 0; i < found.length; i++) {
    const off = Math.abs(found[i] - expected[i]);
    assert.ok(off <= tolerance, `${what}: number ${i} is ${found[i]}, not ${expected[i]}`);
  }
}

const names = (prefix) =>
  [...new Set(Object.keys(golden ?? {}).filter((key) => key.startsWith(prefix)).map((key) => key.split("/")[1]))];

for (const name of names("crop/")) {
  test(`crop: ${name}`, () => {
    const array = (key) => `crop/${name}/${key}`;
    const [mean, padding, size] = numbers(array("options"));
    const square = crops.square(numbers(array("box")), mean ? "mean" : "max", padding);
    near([square.x, square.y, square.side], numbers(array("square")), 1e-9, "square");
    const matrix = crops.affine(square, size);
    near([matrix.scale, 0, matrix.shiftX, 0, matrix.scale, matrix.shiftY], numbers(array("matrix")), 1e-9, "matrix");
    const patch = crops.crop(pictureOf(golden[array("image")]), matrix, size);
    near(patch, numbers(array("patch")), 1, "grey levels");
    const equal = patch.filter((level, i) => level === golden[array("patch")].data[i]).length;
    assert.ok(equal >= 0.999 * patch.length, `${equal} of ${patch.length} grey levels are equal`);
  });
}

test("there are crops", options, () => assert.ok(names("crop/").length >= 6));

test("peaks, points and scores", options, () => {
  const maps = mapsOf("decode/maps");
  const [stride, sigma] = numbers("decode/options");
  for (const score of ["softmax", "sigmoid"]) {
    const peaks = heatmaps.decode(maps, stride, score);
    near(peaks.values, numbers("decode/peaks"), 0, "peaks");
    near(peaks.points, numbers(`decode/${score}/points`), 1e-4, `${score} points`);
    near(heatmaps.scores(maps, peaks, score, sigma), numbers(`decode/${score}`), 1e-6, `${score} scores`);
    const restored = crops.restore(peaks.points, affineOf("decode/matrix"));
    near(restored, numbers(`decode/${score}/restored`), 1e-3, `${score} restored`);
  }
});

test("boxes of a finder", options, () => {
  const [stride, threshold] = numbers("boxes/options");
  const [height, width] = numbers("boxes/image");
  const matrix = boxes.letterbox(width, height, 64);
  near([matrix.scale, 0, matrix.shiftX, 0, matrix.scale, matrix.shiftY], numbers("boxes/matrix"), 1e-9, "letterbox");
  for (const kind of [0, 1]) {
    const found = boxes.decode(mapsOf("boxes/maps"), kind, stride, threshold);
    near(found.flatMap(({ box }) => box), numbers(`boxes/${kind}/boxes`), 1e-4, "boxes");
    near(found.map(({ score }) => score), numbers(`boxes/${kind}/scores`), 1e-6, "scores");
    const restored = found.flatMap(({ box }) => boxes.restore(box, matrix, width, height));
    near(restored, numbers(`boxes/${kind}/restored`), 1e-3, "boxes in the image");
  }
});

test("parts of a face", options, () => {
  const { shape: [height, width], data } = golden["parts/mask"];
  const [stride, inputSize] = numbers("parts/options");
  const spec = { stride, inputSize };
  const mask = parts.partsMask(mapsOf("parts/maps"), affineOf("parts/matrix"), width, height, spec);
  const different = data.filter((value, i) => mask.classes[i] !== value).length;
  assert.ok(different <= 1e-4 * data.length, `${different} of ${data.length} pixels have another class`);
  near(parts.boxOfParts({ width, height, classes: data }), numbers("parts/box"), 0, "box");
  near([parts.partsPresence(mapsOf("parts/maps"))], numbers("parts/presence"), 1e-9, "presence");
});

test("following one subject", options, () => {
  const [height, width] = numbers("track/frame");
  let follower = new Follower();
  rows("track/points").forEach((points, i) => {
    if (!follower.box) follower = new Follower();
    const box = follower.box ?? [-0.5, -0.5, width, height];
    near(box, rows("track/boxes")[i], 1e-6, `box of frame ${i}`);
    const seen = { ...given(box), points, scores: rows("track/scores")[i], mask: null, presence: 1 };
    const { points: smooth } = follower.follow(seen, numbers("track/seconds")[i], width, height);
    near(smooth, rows("track/smooth")[i], 1e-6, `smoothed points of frame ${i}`);
  });
});

for (const name of names("tracker/")) {
  test(`following several: ${name}`, () => {
    const array = (key) => `tracker/${name}/${key}`;
    const [height, width] = numbers("track/frame");
    const [looks, asked, finds, found] = ["looks", "asked", "finds", "found"].map((key) => rows(array(key)));
    const [points, scores, smooth] = ["points", "scores", "smooth"].map((key) => rows(array(key)));
    let [look, subject, find, sighted, shown] = [0, 0, 0, 0, 0];
    const localizer = {
      leastPresence: 0.2,
      enough: 0.6,
      refine: 1,
      hasDetector: true,
      look(_, sightings) {
        assert.equal(sightings.length, looks[look++][0], "subjects that are looked at");
        return sightings.map((sighting) => {
          near(sighting.box, asked[subject], 1e-6, `box of look ${look}`);
          const presence = scores[subject].reduce((sum, score) => sum + score, 0) / 5;
          return { ...sighting, points: points[subject], scores: scores[subject++], mask: null, presence };
        });
      },
      detect() {
        const [count, sure] = finds[find++];
        const sightings = Array.from({ length: count }, () => {
          const [x, y, w, h, boxScore] = found[sighted++];
          return { box: [x, y, w, h], found: "detector", detector: "walkers", boxScore, track: null };
        });
        return { sightings, sure: Boolean(sure) };
      },
    };
    const tracker = new Tracker(localizer);
    const begin = rows(array("given"));
    rows(array("numbers")).forEach((expected, i) => {
      const boxes = i === 0 && begin.length ? begin : undefined;
      const seen = tracker.track({ width, height }, numbers(array("seconds"))[i], boxes);
      assert.deepEqual(seen.map(({ track }) => track), Array.from(expected).filter(Boolean), `numbers in frame ${i}`);
      for (const each of seen) near(each.points, smooth[shown++], 1e-6, `smoothed points of frame ${i}`);
    });
    assert.deepEqual([look, subject, find, sighted], [looks.length, asked.length, finds.length, found.length]);
  });
}

test("two that are one", options, () => {
  for (const kind of ["person", "face"]) {
    const presences = numbers(`same/${kind}/presences`);
    const results = rows(`same/${kind}/boxes`).map((row, i) => {
      const [x, y, w, h] = row;
      const points = Float64Array.of(x, y, x + w, y + h, x, y);
      const scores = new Float32Array(3).fill(presences[i]);
      return { ...given([x, y, w, h]), points, scores, mask: null, presence: presences[i] };
    });
    const kept = oneEach(results, kind).map((result) => results.indexOf(result));
    assert.deepEqual(kept, numbers(`same/${kind}/kept`), kind);
  }
});

test("sides in names", options, () => {
  const told = JSON.parse(Buffer.from(golden["sides/json"].data).toString());
  for (const [name, expected] of Object.entries(told)) assert.equal(side(name), expected, name);
});
