"""Image and boxes -> landmarks or facial parts in the image's own pixels, on any engine.

    localizer = Localizer("pose")               # an entry, or a file: Localizer("pose.tflite")
    for person in localizer("photo.jpg"):       # one result per box; without boxes a detector finds the people
        print(person.scheme.names, person.points, person.scores, person.found, person.detector)

With an exported file nothing here needs TensorFlow. One `Localizer` may be called from many threads at once.
"""

import dataclasses
import functools
import logging
import warnings
from typing import Any

import cv2
import numpy as np

from bnn_landmarks import records
from bnn_landmarks.geometry import crops, draw, heatmaps, images
from bnn_landmarks.geometry.boxes import covers, distinct, overlaps
from bnn_landmarks.inference import detect, detectors
from bnn_landmarks.inference.engines import Engine, open_engine
from bnn_landmarks.schemes import Scheme

STRIP, BATCH = 512, 32
# A second look is into the box of the landmarks of at least this score: the best on training images, where a larger box
# is worse (benchmarks/second_look.py).
AGAIN = 0.2
# What the following is told of, besides single networks.
GROUPS = ("person", "face", "parts")
# How often to look again: once; for the points of faces twice, which takes the mean error of 400 training faces of
# aflw2000 from 2.73 to 2.61 % of their size, and of the turned among them from 3.97 to 3.86 (zoo/training-log.md).
LOOKS = {"parts": 1, "face": 2}
# Two that the finder tells apart are one where more of their boxes is common: of people's union, of the smaller face,
# for faces hardly ever hide each other. Of 2,100 training images 11 had two such faces, of 1,500 four two such people,
# and each was one.
SAME_PERSON, SAME_FACE = 0.65, 0.5
# Presences: from which one look is enough; below which the only one may be nobody, so that the whole image is looked
# at, too, and a guess, or the whole image, shows nobody. By network, or else by task, or else by kind of subject. They
# are chosen on train splits, as benchmarks/presence.py prints them.
ENOUGH = {"person": 0.4, "pose_128": 0.5, "pose_small": 0.5, "face": 0.7, "parts": 0.88}
PRESENCE = {
    "person": 0.35,
    "pose_128": 0.4,
    "pose_small": 0.5,
    "face": 0.55,
    "face_aflw_128": 0.65,
    "face_300wlp_128": 0.65,
    "face_300wlp_small": 0.7,
    "parts": 0.85,
    "face_parts_128": 0.82,
}
# Guesses of a detector that are looked into where it is sure of none, the others if nobody is in the first.
GUESSES = 3
# Of a network of one's own, if it learned from images that show nobody (benchmarks/whole_images.py).
OWN_PRESENCE = 0.2
# How much wider than in training a whole image may be without a word.
SLACK = 1.25
logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Landmarks:
    """Landmarks of one subject.

    points: float64 [K, 2], x right and y down, 0-based pixel centres of the image; some may lie outside it.
    scores: float32 [K] in [0, 1]. scheme: `schemes.Scheme`, whose names are in the order of the points.
    box: float64 [4], the box they were looked for in: x, y, width, height.
    found: where the box came from: "given", "detector", "image" (nothing detected: the whole image), or "track" (the
        frame before).
    detector, box_score: what found the box, "finder" say, and its score; None of a given box, and where it has none.
    track: the subject's number in a video (`video.Tracker`), else None.
    """

    points: np.ndarray
    scores: np.ndarray
    scheme: Scheme
    box: np.ndarray
    found: str
    detector: str | None = None
    box_score: float | None = None
    track: int | None = None

    @property
    def presence(self) -> float:
        """The mean of the landmarks' scores: how sure it is that a subject is there at all."""
        return float(np.mean(self.scores))

    def enlarged(self, factor):
        """The same subject in the image `factor` times as large."""
        points, box = (
            factor * (self.points + 0.5) - 0.5,
            factor * (self.box + [0.5, 0.5, 0, 0]) - [0.5, 0.5, 0, 0],
        )
        return dataclasses.replace(self, points=points, box=box)

    def draw(self, image: np.ndarray, threshold: float = draw.THRESHOLD) -> np.ndarray:
        """A copy of the image, uint8 [H, W, 3], with the landmarks of at least this score."""
        return draw.landmarks(image, self.points, self.scheme, self.scores, threshold)


@dataclasses.dataclass(frozen=True)
class Parts:
    """Facial parts of one face. mask: uint8 [H, W] over the whole image, indices of scheme.names, 0
    (background) outside the crop. presence: how sure it is that a face is there (`parts_presence`).
    The others: as `Landmarks`."""

    mask: np.ndarray
    scheme: Scheme
    box: np.ndarray
    found: str
    detector: str | None = None
    box_score: float | None = None
    track: int | None = None
    presence: float = 1.0

    def enlarged(self, factor):
        """The same face in the image `factor` times as large."""
        mask = np.repeat(np.repeat(self.mask, factor, axis=0), factor, axis=1)
        box = factor * (self.box + [0.5, 0.5, 0, 0]) - [0.5, 0.5, 0, 0]
        return dataclasses.replace(self, mask=mask, box=box)

    def draw(self, image: np.ndarray, threshold: float = draw.THRESHOLD) -> np.ndarray:
        """A copy of the image, uint8 [H, W, 3], with the parts in colour."""
        return draw.parts(image, self.mask)


@dataclasses.dataclass(frozen=True)
class Sighting:
    """Where to look for a subject. box, found, detector, box_score, track: as `Landmarks`."""

    box: np.ndarray
    found: str
    detector: str | None = None
    box_score: float | None = None
    track: int | None = None


def whole_image(image):
    """The `Sighting` of somebody who may be anywhere."""
    return Sighting(np.array([-0.5, -0.5, *image.shape[1::-1]]), "image")


def given_boxes(image, boxes):
    """A user's box, or boxes [N, 4], as a list of float64 [4].

    Raises:
        ValueError: one is not four finite numbers, is empty, or lies outside the image.
    """
    height, width = image.shape[:2]
    boxes = list(boxes) if np.iterable(boxes) else [boxes]
    if boxes and not np.iterable(boxes[0]):
        boxes = [boxes]
    boxes = [crops.check_box(box) for box in boxes]
    for box in boxes:
        if not in_image(box, image.shape):
            raise ValueError(
                f"the box {box.tolist()} lies outside the image, which is {width} x {height} pixels"
            )
    return boxes


def result_box(result, threshold):
    """The box float64 [4] tight around a subject's landmarks of at least this score, or its parts; None where it is
    lost."""
    if isinstance(result, Parts):
        if np.count_nonzero(result.mask) < 3:
            return None
        x, y = (result.mask.any(axis=axis).nonzero()[0][[0, -1, 0]] for axis in (0, 1))
        return detect.box_from_landmarks(np.stack([x, y], axis=1), np.ones(3), 0)
    return detect.box_from_landmarks(result.points, result.scores, threshold)


def second_look(result, shape):
    """Where to look again for what was found of a subject in an image of this shape: the box around its landmarks of at
    least `AGAIN`; where it was, if too few are."""
    box = result_box(result, AGAIN)
    if box is None or not in_image(box, shape):
        box = result.box
    return Sighting(box, result.found, result.detector, result.box_score, result.track)


def look_again(localizer, image, results):
    """The results; in place of those from the whole image, and of those of too little presence to be `enough`, what is
    found in their `second_look` (benchmarks/second_look.py)."""
    weak = [i for i, each in enumerate(results) if each.found == "image" or each.presence < localizer.enough]
    again = localizer.look(image, [second_look(results[i], image.shape) for i in weak])
    replaced = dict(zip(weak, again, strict=True))
    return [replaced.get(i, result) for i, result in enumerate(results)]


def look_and_again(localizer, image, sightings):
    """One result per `Sighting` of an image, after as many looks again as `localizer.refine` says and it takes."""
    results = localizer.look(image, sightings)
    for _ in range(localizer.refine):
        results = look_again(localizer, image, results)
    return results


def one_each(results, kind):
    """The results, of subjects of this kind, but for those that show the subject of a surer one."""
    if len(results) < 2:
        return results
    shown = [result_box(result, AGAIN) for result in results]
    boxes = np.array([result.box if box is None else box for result, box in zip(results, shown, strict=True)])
    order = np.argsort([-result.presence for result in results], kind="stable")
    rule = (SAME_FACE, covers) if kind == "face" else (SAME_PERSON, overlaps)
    return [results[i] for i in sorted(order[distinct(boxes[order], *rule)])]


def in_image(box, shape):
    """Whether a box has a part in an image of this shape."""
    return bool(box[0] < shape[1] and box[1] < shape[0] and (box[:2] + box[2:] > 0).all())


def check_most(most):
    """Raise ValueError where subjects at most are neither None nor a whole number from 1."""
    if most is not None and not records.is_whole(most, 1):
        raise ValueError(f"subjects at most must be 1 or more, not {most!r}")


def check_presence(least):
    """Raise ValueError where a least presence is neither None nor a number from 0 to 1."""
    if least is not None and not (records.is_number(least) and 0 <= least <= 1):
        raise ValueError(f"the least presence is from 0 to 1, not {least!r}")


class Localizer:
    """A network, ready to be called on images.

    Args:
        source: an entry's name, an exported file, a packed weights file, a tf.keras.Model with `.spec`, or an
            `Engine`.
        engine, num_threads: as `engines.open_engine`, which says what it raises.
        flip: average the maps with those of the mirrored crop: a little better, twice the time. Where nobody knows
            which landmarks change places in a mirror (`Scheme.not_mirrored`), it is left out, which is logged.
        detector: what finds the subjects where no box is given: "auto", "finder", "opencv", or a function image ->
            boxes [N, 4], or (boxes, scores), as `detectors.choose` takes it. It is opened when it is needed.
        refine: how often to look again, in the box of the landmarks found (`look_again`), where the box was not
            given. None: once, for the landmarks of faces twice.
        least_presence: the `presence` that a subject needs where nobody was detected for sure, and the box is a guess
            or the whole image; below it nobody is there. None: `PRESENCE` of the entry or the scheme's subjects; of
            one's own `OWN_PRESENCE` where the network learned from whole images, else 0, for its scores do not tell.

    Attributes:
        engine: `engines.Engine`. spec: `spec.Spec`. enough: the presence from which one look is enough.

    Raises:
        ValueError: refine is no whole number from 0, least_presence none from 0 to 1; an unknown detector; and as
            `engines.open_engine`.
    """

    def __init__(
        self,
        source: Any,
        engine: str = "auto",
        num_threads: int = 1,
        flip: bool = False,
        detector: Any = "auto",
        refine: int | None = None,
        least_presence: float | None = None,
    ) -> None:
        self.engine = source if isinstance(source, Engine) else open_engine(source, engine, num_threads)
        self.spec = self.engine.spec
        self.scheme = self.spec.landmark_scheme()
        self.flip = flip and not self.scheme.not_mirrored
        if flip and not self.flip:
            logger.warning("running without flip: %s", self.scheme.not_mirrored)
        if refine is not None and not records.is_whole(refine, 0):
            raise ValueError(f"refine is how often to look again, 0, 1, 2 ..., not {refine!r}")
        check_presence(least_presence)
        detectors.check(detector)
        self._detector = detector
        kind = detectors.kind_of(self.scheme)
        self.refine = usual(LOOKS, self.spec, kind, 1) if refine is None else refine
        self.enough = usual(ENOUGH, self.spec, kind, np.inf)
        least = usual(PRESENCE, self.spec, kind, OWN_PRESENCE if self.spec.loosest else 0.0)
        self.least_presence = least if least_presence is None else least_presence

    @functools.cached_property
    def detector(self):
        """`detectors.Detector`, or None where nothing finds the scheme's subjects."""
        return detectors.choose(self._detector, self.scheme)

    def __call__(self, image: Any, boxes: Any = None, most: int | None = None) -> list:
        """Localize every subject of an image.

        Args:
            image: a path, the bytes of an encoded image, a PIL image, or an array [H, W, 3] RGB (also [H, W]
                grey or [H, W, 4]), uint8, uint16 or float in [0, 1]; or a list of such images.
            boxes: one box (x, y, width, height) or [N, 4], pixels, tight around the joints or the face's
                points. None: the detector looks for them. Where it finds nothing, or the finder only one that is so
                unsure that the whole image shows somebody surer, the whole image is the box, with a warning if the
                network did not learn from such wide ones (`knows_whole`). For a list of images a list with one of
                these for each.
            most: subjects that are taken of a detector at most, the best, 1 or more; None for all.

        Returns:
            a list of `Landmarks` or `Parts`, one per box; empty where nothing was detected and the whole image shows
            nobody either. For a list of images a list of such lists.

        Raises:
            FileNotFoundError, ValueError: the image can't be read, or is none (`images.load`); a box is not four
                finite numbers, is empty or of millions of pixels, or lies outside the image; most is no whole number
                from 1.
            ImportError: a HEIC photograph, and pillow-heif is not installed; the detector's engine is not there, or
                OpenCV has its detectors no more.
        """
        if self.spec.task == "boxes":
            raise ValueError(f"{self.spec.name} finds boxes, no landmarks: use inference.finder.Finder")
        check_most(most)
        if isinstance(image, list | tuple):
            boxes = [None] * len(image) if boxes is None else boxes
            if len(boxes) != len(image):
                raise ValueError(
                    f"{len(image)} images need as many boxes or lists of boxes, not {len(boxes)}"
                )
            return [self(one, of_one, most) for one, of_one in zip(image, boxes, strict=True)]
        image = images.load(image)
        if boxes is not None:
            return self.look(image, [Sighting(box, "given") for box in given_boxes(image, boxes)])
        sightings, sure = self.detect(image)
        first, others = (sightings, []) if sure else (sightings[:1], sightings[1:])
        results = self._look_at(image, first, most)
        if self._may_be_elsewhere(results):
            elsewhere = look_and_again(self, image, [*others, whole_image(image)])
            results = [max([*results, *elsewhere], key=lambda result: result.presence)]
        if sure:
            return results
        results = [result for result in results if result.presence >= self.least_presence]
        if not results:
            warnings.warn(detect.NOBODY, stacklevel=2)
        elif results[0].found == "image" and not self.knows_whole(results[0], image.shape):
            warnings.warn(detect.nothing_found(self.scheme), stacklevel=2)
        return results

    @property
    def _guesses(self):
        """Whether there is a detector that tells what it is sure of, as the finder does."""
        return self.detector is not None and np.isfinite(self.detector.sure)

    def _look_at(self, image, sightings, most):
        """The subjects at `Sighting`s, `most` at most: of two boxes of the finder's that show one, one."""
        results, seen = [], 0
        most = len(sightings) if most is None else most
        while seen < len(sightings) and len(results) < most:
            end = seen + most - len(results)
            results += look_and_again(self, image, sightings[seen:end])
            if self._guesses:
                results = one_each(results, detectors.kind_of(self.scheme))
            seen = end
        return results

    def _may_be_elsewhere(self, results):
        """Whether a detector that guesses has found nobody, or one so unsure that the whole image may show more."""
        return bool(
            self._guesses
            and self.refine
            and len(results) < 2
            and all(result.presence < self.least_presence for result in results)
        )

    def detect(self, image: np.ndarray) -> tuple[list, bool]:
        """Where the subjects of an image are, by the detector: `Sighting`s, the best first; and whether somebody is
        there for sure. Where not, they are the detector's best guesses; the whole image, where it does not guess."""
        found = []
        if self.detector is not None:
            boxes, scores = self.detector.find(images.as_rgb(image))
            scores = [None] * len(boxes) if scores is None else [float(score) for score in scores]
            found = [
                Sighting(box, "detector", self.detector.name, score)
                for box, score in zip(boxes, scores, strict=True)
                if in_image(box, image.shape)
            ]
        sure = [each for each in found if each.box_score is None or each.box_score >= self.detector.sure]
        if sure:
            return sure, True
        return found[:GUESSES] if self._guesses else [whole_image(image)], False

    def knows_whole(self, result: Any, shape: tuple) -> bool:
        """Whether a subject found in a whole image of this shape is as large in it as those in the whole images that
        the network learned from (`Spec.loosest`)."""
        box = result_box(result, AGAIN)
        if self.spec.loosest is None or box is None:
            return False
        whole, usual = (
            crops.square(each, self.spec.box_side, self.spec.padding)[1]
            for each in ([-0.5, -0.5, *shape[1::-1]], box)
        )
        return whole <= SLACK * self.spec.loosest * usual

    def look(self, image: np.ndarray, sightings: list) -> list:
        """One result per `Sighting` of an image."""
        results = []
        for first in range(0, len(sightings), BATCH):
            results += self._look(image, sightings[first : first + BATCH])
        return results

    def _look(self, image, sightings):
        """`look`, all in one call of the engine."""
        squares = [crops.square(each.box, self.spec.box_side, self.spec.padding) for each in sightings]
        matrices = [crops.affine(center, side, self.spec.input_size) for center, side in squares]
        maps = self.maps(np.stack([self.input(image, matrix) for matrix in matrices]))
        if self.spec.task == "parts":
            return [
                Parts(
                    parts_mask(m, matrix, image.shape[:2], self.spec),
                    self.scheme,
                    **vars(each),
                    presence=parts_presence(m),
                )
                for m, matrix, each in zip(maps, matrices, sightings, strict=True)
            ]
        points, _ = heatmaps.decode(maps, self.spec.stride, self.spec.score)
        scores = heatmaps.scores(maps, self.spec.score, self.spec.sigma)
        return [
            Landmarks(crops.restore(points[i], matrices[i]), scores[i], self.scheme, **vars(each))
            for i, each in enumerate(sightings)
        ]

    def input(self, image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        """What the network reads of an image: float32 [S, S, 3] in [0, 1]."""
        return crops.to_input(images.as_rgb(crops.crop(image, matrix, self.spec.input_size)))

    def maps(self, inputs: np.ndarray) -> np.ndarray:
        """float32 [N, S, S, 3] in [0, 1] -> maps [N, S/4, S/4, K]; with `flip` the mean with the mirror image's,
        mirrored back with left and right exchanged."""
        maps = self.engine.run(inputs)
        if not self.flip:
            return maps
        mirrored = self.engine.run(np.ascontiguousarray(inputs[:, :, ::-1]))
        return (maps + mirrored[:, :, ::-1][..., self.scheme.mirror]) / 2


def usual(presences, spec, kind, otherwise):
    """What a network has in `ENOUGH`, `PRESENCE` or `LOOKS`. kind: of its subjects, "person", "face" or None."""
    own = None if spec.name in GROUPS else spec.name
    return next((presences[key] for key in (own, spec.task, kind) if key in presences), otherwise)


def parts_presence(maps):
    """How sure a network of parts is of a face: the largest class's probability, its mean over the pixels of the middle
    half of logits [h, w, C] that are of some part; 0 where none is. (What share is of parts does not tell: a network
    that has seen nothing but faces sees skin everywhere.)"""
    height, width = maps.shape[:2]
    middle = maps[height // 4 : -(height // 4), width // 4 : -(width // 4)].astype(np.float64)
    largest = middle.max(axis=-1)
    of_parts = middle[..., 0] < largest
    if not of_parts.any():
        return 0.0
    return float(np.mean(1 / np.exp(middle - largest[..., None]).sum(axis=-1)[of_parts]))


def parts_mask(maps, matrix, shape, spec):
    """Class maps [h, w, C] of a crop -> class indices uint8 [H, W] of the image, 0 outside the crop.

    The logits are interpolated between the centres of map pixels, then the largest class is taken. matrix:
    image pixels to crop pixels. shape: H, W. Worked in strips, so that a large image takes little memory.
    """
    mask = np.zeros(shape, np.uint8)
    edge = [-0.5, spec.input_size - 0.5]
    low, high = crops.restore([[edge[0]] * 2, [edge[1]] * 2], matrix)
    left, top = np.clip(np.ceil(low), 0, None).astype(int)
    right, bottom = (np.clip(np.ceil(high), 0, [shape[1], shape[0]])).astype(int)
    to_map = np.concatenate([matrix[:, :2], (matrix[:, 2:] + 0.5)], axis=1) / spec.stride
    to_map[:, 2] -= 0.5
    for y in range(top, bottom, STRIP):
        for x in range(left, right, STRIP):
            size = (min(STRIP, right - x), min(STRIP, bottom - y))
            here = to_map.copy()
            here[:, 2] += to_map[:, :2] @ [x, y]
            logits = [
                cv2.warpAffine(
                    np.ascontiguousarray(maps[..., i], dtype=np.float32),
                    here,
                    size,
                    flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                    borderMode=cv2.BORDER_REPLICATE,
                )
                for i in range(maps.shape[-1])
            ]
            mask[y : y + size[1], x : x + size[0]] = np.argmax(logits, axis=0)
    return mask
