"""Image and boxes -> landmarks or facial parts in the image's own pixels, on any engine.

    localizer = Localizer("pose")               # an entry, or a file: Localizer("pose.tflite")
    for person in localizer("photo.jpg"):       # one result a box; without boxes OpenCV finds the people
        print(person.scheme.names, person.points, person.scores, person.found)

With an exported file, and LiteRT to run it, nothing here needs TensorFlow.
"""

import dataclasses
import logging
import warnings

import cv2
import numpy as np

from bnn_landmarks.geometry import crops, draw, heatmaps, images
from bnn_landmarks.inference import detect
from bnn_landmarks.inference.engines import Engine, open_engine
from bnn_landmarks.schemes import Scheme

STRIP, BATCH = 512, 32
logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Landmarks:
    """Landmarks of one subject.

    points: float64 [K, 2], x right and y down, 0-based pixel centres of the image; some may lie outside it.
    scores: float32 [K] in [0, 1]. scheme: `schemes.Scheme`, whose names are in the order of the points.
    box: float64 [4], the box they were looked for in: x, y, width, height.
    found: where the box came from: "given", "detector", or "image" (nothing detected: the whole image).
    """

    points: np.ndarray
    scores: np.ndarray
    scheme: Scheme
    box: np.ndarray
    found: str

    def draw(self, image, threshold=draw.THRESHOLD):
        """A copy of the image, uint8 [H, W, 3], with the landmarks of at least this score."""
        return draw.landmarks(image, self.points, self.scheme, self.scores, threshold)


@dataclasses.dataclass(frozen=True)
class Parts:
    """Facial parts of one face. mask: uint8 [H, W] over the whole image, indices of scheme.names, 0
    (background) outside the crop. scheme, box, found: as `Landmarks`."""

    mask: np.ndarray
    scheme: Scheme
    box: np.ndarray
    found: str

    def draw(self, image, threshold=draw.THRESHOLD):
        """A copy of the image, uint8 [H, W, 3], with the parts in colour."""
        return draw.parts(image, self.mask)


class Localizer:
    """A network, ready to be called on images.

    Args:
        source: an entry's name, an exported file, a packed weights file, a tf.keras.Model with `.spec`, or an
            `Engine`.
        engine, num_threads: as `engines.open_engine`, which says what it raises.
        flip: average the maps with those of the mirrored crop: a little better, twice the time. Where nobody knows
            which landmarks change places in a mirror (`Scheme.not_mirrored`), it is left out, which is logged.

    Attributes:
        engine: `engines.Engine`. spec: `spec.Spec`.
    """

    def __init__(self, source, engine="auto", num_threads=1, flip=False):
        self.engine = source if isinstance(source, Engine) else open_engine(source, engine, num_threads)
        self.spec = self.engine.spec
        self.scheme = self.spec.landmark_scheme()
        self.flip = flip and not self.scheme.not_mirrored
        if flip and not self.flip:
            logger.warning("running without flip: %s", self.scheme.not_mirrored)

    def __call__(self, image, boxes=None):
        """Localize every subject of an image.

        Args:
            image: a path, the bytes of an encoded image, a PIL image, or an array [H, W, 3] RGB (also [H, W]
                grey or [H, W, 4]), uint8, uint16 or float in [0, 1]; or a list of such images.
            boxes: one box (x, y, width, height) or [N, 4], pixels, tight around the joints or the face's
                points. None: `detect.detect` looks for them, and where it finds nothing the whole image is
                the box, with a warning. For a list of images a list with one of these for each.

        Returns:
            a list of `Landmarks` or `Parts`, one a box; for a list of images a list of such lists.

        Raises:
            FileNotFoundError, ValueError: the image can't be read, or is none (`images.load`); a box is not four
                finite numbers, is empty or of millions of pixels, or lies outside the image.
            ImportError: a HEIC photograph, and pillow-heif is not installed.
        """
        if isinstance(image, list | tuple):
            boxes = [None] * len(image) if boxes is None else boxes
            if len(boxes) != len(image):
                raise ValueError(
                    f"{len(image)} images need as many boxes or lists of boxes, not {len(boxes)}"
                )
            return [self(one, of_one) for one, of_one in zip(image, boxes, strict=True)]
        image = images.load(image)
        boxes, found = self._boxes(image, boxes)
        squares = [crops.square(box, self.spec.box_side, self.spec.padding) for box in boxes]
        matrices = [crops.affine(center, side, self.spec.input_size) for center, side in squares]
        results = []
        for first in range(0, len(boxes), BATCH):
            part = slice(first, first + BATCH)
            results += self._localize(image, boxes[part], matrices[part], found)
        return results

    def _localize(self, image, boxes, matrices, found):
        """One result per box, all in one call of the engine."""
        maps = self.maps(np.stack([self.input(image, matrix) for matrix in matrices]))
        if self.spec.task == "parts":
            masks = [
                parts_mask(m, matrix, image.shape[:2], self.spec)
                for m, matrix in zip(maps, matrices, strict=True)
            ]
            return [Parts(mask, self.scheme, box, found) for mask, box in zip(masks, boxes, strict=True)]
        points, _ = heatmaps.decode(maps, self.spec.stride, self.spec.score)
        scores = heatmaps.scores(maps, self.spec.score, self.spec.sigma)
        return [
            Landmarks(crops.restore(points[i], matrices[i]), scores[i], self.scheme, box, found)
            for i, box in enumerate(boxes)
        ]

    def _boxes(self, image, boxes):
        """Boxes float64 [N, 4] and where they came from."""
        height, width = image.shape[:2]
        if boxes is not None:
            boxes = list(boxes) if np.iterable(boxes) else [boxes]
            if boxes and not np.iterable(boxes[0]):
                boxes = [boxes]
            boxes = [crops.check_box(box) for box in boxes]
            for x, y, w, h in boxes:
                if x >= width or y >= height or x + w <= 0 or y + h <= 0:
                    raise ValueError(
                        f"the box {[x, y, w, h]} lies outside the image, which is {width} x {height} pixels"
                    )
            return boxes, "given"
        boxes = detect.detect(image, self.scheme)
        if len(boxes):
            return list(boxes), "detector"
        warnings.warn(detect.nothing_found(self.scheme), stacklevel=3)
        return [np.array([-0.5, -0.5, width, height])], "image"

    def input(self, image, matrix):
        """What the network reads of an image: float32 [S, S, 3] in [0, 1]."""
        return crops.to_input(images.as_rgb(crops.crop(image, matrix, self.spec.input_size)))

    def maps(self, inputs):
        """float32 [N, S, S, 3] in [0, 1] -> maps [N, S/4, S/4, K]; with `flip` the mean with the mirror image's,
        mirrored back with left and right exchanged."""
        maps = self.engine.run(inputs)
        if not self.flip:
            return maps
        mirrored = self.engine.run(np.ascontiguousarray(inputs[:, :, ::-1]))
        return (maps + mirrored[:, :, ::-1][..., self.scheme.mirror]) / 2


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
