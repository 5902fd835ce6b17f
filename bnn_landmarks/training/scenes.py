"""Annotated crops -> scenes to learn finding from: people and faces at random sizes, places and numbers, and none.

    scenes = Scenes(datasets, spec, augmentation, seed)
    square, target = scenes[n]                   # uint8 [S, S, 3] and what `boxes.encode` makes of its boxes

The data sets annotate one subject per photograph. What they do not tell is left out of the loss, or counts less: a
person's face where no eyes are annotated, the person behind an annotated face, whoever else stands in the margins.
Scene n is a function of the seed and n, as in `samples`.
"""

import itertools

import cv2
import numpy as np

from bnn_landmarks.datasets.subjects import FACE, KINDS, PERSON, Photo, photo
from bnn_landmarks.geometry import boxes, crops
from bnn_landmarks.training import augment
from bnn_landmarks.training.series import Series

# How often a scene is: a photograph as it is, a part of one, several on one background, nobody.
SCENES = {"whole": 0.28, "part": 0.34, "several": 0.26, "empty": 0.12}
BACKGROUNDS = ("plain", "gradient", "noise", "blurred", *4 * ("surroundings",))
# Photographs looked at for surroundings wide enough, in pixels.
TRIES, WIDE = 6, 24
# How much "nobody is here" counts in the margins of a photograph, where nobody looked, and in a blurred one.
MARGIN = 0.3
# Least part of a subject that must be seen, and least longer side in pixels, for it to be asked for.
SEEN = 0.35
LEAST = {PERSON: 12.0, FACE: 6.0}
BLACK = 8


class Scenes(Series):
    """An endless, reproducible series of scenes.

    `scenes[n]` is a uint8 square [S, S, 3] and its target float32 [S / 4, S / 4, kinds * boxes.TARGETS].

    Args:
        datasets: sequences of `Sample` with a `scheme`, of bodies or faces, joined. spec: `Spec` of task "boxes".
        augmentation: `augment.Augmentation`; scale and shift are the scenes' own. seed: int.

    Raises:
        ValueError: they are all empty; later, for a sample that is neither of a body nor of a face.
    """

    def loosest(self):
        """None: it looks at whole images only."""
        return None

    def example(self, number):
        rng = self.generator(number)
        kind = rng.choice(list(SCENES), p=list(SCENES.values()))
        scene = Scene(self.spec, rng, self.augmentation)
        if kind == "whole":
            scene.show_whole(self._photo(self.index(number)))
        elif kind == "part":
            first = self._photo(self.index(number))
            scene.fill(self._any_photos(rng))
            scene.show_part(_trimmed(first))
        else:
            scene.fill(self._any_photos(rng))
            if kind == "several":
                count = int(rng.integers(2, 5))
                scene.add(_trimmed(self._photo(self.index(number))), count)
                for other in itertools.islice(self._any_photos(rng), count - 1):
                    scene.add(_trimmed(other), count)
        return augment.random_appearance(rng, scene.canvas, self.augmentation), scene.target()

    def _photo(self, index):
        sample, scheme = self.sample(index)
        return photo(sample, scheme)

    def _any_photos(self, rng):
        while True:
            yield self._photo(int(rng.integers(len(self))))


class Scene:
    """One scene in the making: its picture `canvas`, who is in it and how much "nobody" counts where."""

    def __init__(self, spec, rng, augmentation):
        self.size, self.stride, self.rng, self.how = spec.input_size, spec.stride, rng, augmentation
        self.canvas = np.zeros((self.size, self.size, 3), np.uint8)
        self.counts = np.ones((len(KINDS), spec.map_size, spec.map_size), np.float32)
        self.subjects = []

    def fill(self, others):
        """A background. others: an iterator of `Photo`s whose surroundings or colours it may be made of."""
        rng, size = self.rng, self.size
        kind = rng.choice(BACKGROUNDS)
        if kind == "plain":
            self.canvas[:] = rng.choice([np.zeros(3), np.full(3, 255), rng.integers(0, 256, 3)])
        elif kind == "gradient":
            corners = rng.integers(0, 256, (2, 2, 3)).astype(np.float32)
            self.canvas = cv2.resize(corners, (size, size)).astype(np.uint8)
        elif kind == "noise":
            coarse = rng.integers(0, 256, (*rng.integers(2, size // 2, 2), 3), dtype=np.uint8)
            self.canvas = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_LINEAR)
        elif kind == "blurred":
            small = cv2.resize(next(others).image, (size, size), interpolation=cv2.INTER_AREA)
            self.canvas = cv2.GaussianBlur(small, (0, 0), rng.uniform(0.06, 0.15) * size)
            self.counts[:] = MARGIN
        else:
            parts = (_surroundings(_trimmed(other)) for other in itertools.islice(others, TRIES))
            part = next((part for part in parts if min(part.shape[:2]) >= WIDE), None)
            if part is not None:
                side = min(part.shape[:2])
                x, y = (int(rng.integers(n - side + 1)) for n in part.shape[1::-1])
                part = part[y : y + side, x : x + side]
                self.canvas = cv2.resize(part, (size, size), interpolation=cv2.INTER_LINEAR)
                self.counts[:] = MARGIN

    def show_whole(self, shown):
        """A photograph as a whole, a little moved."""
        height, width = shown.image.shape[:2]
        side = max(height, width)
        centre = np.array([width - 1, height - 1]) / 2 + self.rng.uniform(-0.08, 0.08, 2) * side
        self._paste(shown, centre, side * self.rng.uniform(0.8, 1.25))

    def show_part(self, shown):
        """A photograph so that its first subject has a random size and place, which may be cut by the border."""
        outline = shown.subjects[0][1]
        low, high = outline.min(axis=0), outline.max(axis=0)
        share = np.exp(self.rng.uniform(np.log(0.15), np.log(1.1)))
        side = max((high - low).max(), 1.0) / share
        free = max(0.0, 1 - share) / 2 + 0.15
        self._paste(shown, (low + high) / 2 + self.rng.uniform(-free, free, 2) * side, side)

    def add(self, shown, count):
        """One of `count` cut-outs around a subject at a random size and place."""
        outline = shown.subjects[0][1]
        low, high = outline.min(axis=0), outline.max(axis=0)
        sides = np.maximum(high - low, 1.0)
        height, width = shown.image.shape[:2]
        first = np.clip(low - self.rng.uniform(0.1, 0.5, 2) * sides, 0, [width - 2, height - 2]).astype(int)
        last = np.clip(high + self.rng.uniform(0.1, 0.5, 2) * sides, first + 2, [width, height]).astype(int)
        cut = _moved(shown, first, shown.image[first[1] : last[1], first[0] : last[0]])
        share = self.rng.uniform(0.15, 1.4 / np.sqrt(count))
        side = sides.max() / share
        centre = (low + high) / 2 - first
        free = np.clip(side - sides, 0, None) / 2
        self._paste(cut, centre + self.rng.uniform(-1, 1, 2) * free, side, feather=self.rng.random() < 0.5)

    def _paste(self, shown, centre, side, feather=False):
        rng, how, size = self.rng, self.how, self.size
        turn = rng.random() < how.rotate
        angle = np.clip(rng.normal(0, how.rotation), -2 * how.rotation, 2 * how.rotation) if turn else 0.0
        if turn and rng.random() < 0.15:
            angle += rng.choice([90, 180, 270])
        matrix = crops.affine(centre, side, size, angle, rng.random() < how.mirror)
        height, width = shown.image.shape[:2]
        frame = np.array(
            [[-0.5, -0.5], [width - 0.5, -0.5], [width - 0.5, height - 0.5], [-0.5, height - 0.5]]
        )
        covered = np.zeros((size, size), np.uint8)
        cv2.fillConvexPoly(covered, np.rint(crops.transform(frame, matrix)).astype(np.int32), 255)
        self.subjects = [
            (kind, outline, seen * _uncovered(outline, covered)) for kind, outline, seen in self.subjects
        ]
        share = covered[..., None].astype(np.float32) / 255
        if feather:
            share = cv2.GaussianBlur(share, (0, 0), 2.0)[..., None] * share
        patch = crops.crop(shown.image, matrix, size)
        self.canvas = np.rint(share * patch + (1 - share) * self.canvas).astype(np.uint8)

        self._count(frame, matrix, range(len(KINDS)), MARGIN)
        for kind, outline in shown.subjects:
            self._count(_grown(outline, 1.2), matrix, [PERSON, FACE] if kind == PERSON else [FACE], 1.0)
        for kind, outline in shown.unknown:
            self._count(frame if outline is None else outline, matrix, [kind], 0.0)
        for kind, outline in shown.subjects:
            self.subjects.append((kind, crops.transform(outline, matrix), 1.0))

    def _count(self, outline, matrix, kinds, weight):
        """Let "nobody" count `weight` inside an outline [P, 2] of the photograph."""
        places = (crops.transform(outline, matrix) + 0.5) / self.stride - 0.5
        hull = cv2.convexHull(places.astype(np.float32))[:, 0]
        for kind in kinds:
            cv2.fillConvexPoly(self.counts[kind], np.rint(hull).astype(np.int32), weight)

    def target(self):
        """What `boxes.encode` makes of the subjects that can be seen well enough; elsewhere a subject is left out."""
        wanted = [[] for _ in KINDS]
        for kind, outline, seen in self.subjects:
            low, high = outline.min(axis=0), outline.max(axis=0)
            inner_low, inner_high = np.clip(low, -0.5, self.size - 0.5), np.clip(high, -0.5, self.size - 0.5)
            whole, inner = np.maximum(high - low, 1.0), inner_high - inner_low
            seen *= inner.prod() / whole.prod()
            if inner.min() < 1 or seen < 0.05:
                continue
            if seen < SEEN or inner.max() < LEAST[kind]:
                self._count(_grown(np.stack([inner_low, inner_high]), 1.0), np.eye(2, 3), [kind], 0.0)
            else:
                wanted[kind].append(np.concatenate([inner_low, inner]))
        return boxes.encode(wanted, self.counts, self.size // self.stride, self.stride)


def _surroundings(other):
    """The widest of the four parts of a photograph beside, above and below its subjects, uint8 [h, w, 3]."""
    height, width = other.image.shape[:2]
    outline = np.concatenate([outline for _, outline in other.subjects])
    low, high = outline.min(axis=0), outline.max(axis=0)
    # A face has hair, a neck and shoulders around it.
    grown = 0.8 * (high - low) if other.subjects[0][0] == FACE else 0.12 * (high - low)
    left, top = np.clip(low - grown, 0, [width, height]).astype(int)
    right, bottom = np.clip(high + grown, 0, [width, height]).astype(int)
    image = other.image
    return max(
        (image[:, :left], image[:, right:], image[:top], image[bottom:]), key=lambda part: min(part.shape[:2])
    )


def _grown(outline, factor):
    low, high = outline.min(axis=0), outline.max(axis=0)
    middle, half = (low + high) / 2, factor * (high - low) / 2
    return middle + half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])


def _uncovered(outline, covered):
    """The share of an outline's tight box that a mask uint8 [S, S] leaves free, of what is inside it."""
    size = len(covered)
    x0, y0 = np.clip(outline.min(axis=0), 0, size - 1).astype(int)
    x1, y1 = np.clip(outline.max(axis=0) + 1, [x0 + 1, y0 + 1], size).astype(int)
    return 1 - covered[y0:y1, x0:x1].mean() / 255


def _trimmed(shown):
    """A photograph without the black that pads it where its crop reached beyond the original."""
    light = cv2.cvtColor(shown.image, cv2.COLOR_RGB2GRAY) > BLACK
    rows, columns = np.flatnonzero(light.any(axis=1)), np.flatnonzero(light.any(axis=0))
    if len(rows) < 16 or len(columns) < 16:
        return shown
    first = np.array([columns[0], rows[0]])
    return _moved(shown, first, shown.image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def _moved(shown, first, image):
    """A photograph cut to `image`, whose first pixel was at `first`."""
    return Photo(
        image,
        tuple((kind, outline - first) for kind, outline in shown.subjects),
        tuple((kind, outline if outline is None else outline - first) for kind, outline in shown.unknown),
    )
