"""What finds the subjects where the user gives no box: the zoo's finder, OpenCV's detectors, or the user's own.

detector = choose("auto", SCHEMES["mpii16"])          # Detector, or None where nothing finds this scheme's subjects
boxes, scores = detector.find(image)                  # float64 [N, 4]; float [N] or None
"""

import collections.abc
import dataclasses
import math

import numpy as np

from bnn_landmarks.geometry import crops
from bnn_landmarks.geometry.boxes import THRESHOLD
from bnn_landmarks.inference import detect
from bnn_landmarks.inference.finder import ENTRY, Finder

DETECTORS = ("auto", "finder", "opencv")
# The finder's scores from which a box is one, and from which the best of those below is worth a look: chosen once, on
# training images and on those of benchmarks/empty_scenes.py, which show nobody; no program here repeats it.
SURE, GUESS = THRESHOLD, 0.22


@dataclasses.dataclass(frozen=True)
class Detector:
    """name: what results call it. find: image uint8 [H, W, 3] RGB -> boxes float64 [N, 4], the best first, and their
    scores float [N], or None where the detector has none. sure: the score from which a box is one; of those below, the
    best is a guess where there is no other."""

    name: str
    find: collections.abc.Callable
    sure: float = -math.inf


def kind_of(scheme):
    """What the subjects of a landmark scheme are: "person", "face", or None of a scheme of the user's own."""
    if scheme.name in detect.PEOPLE_SCHEMES:
        return "person"
    return "face" if scheme.name in detect.FACE_SCHEMES else None


def check(detector):
    """Raise ValueError where a detector is none of `DETECTORS` and no callable."""
    if not callable(detector) and detector not in DETECTORS:
        raise ValueError(
            f"unknown detector {detector!r}; the detectors are {', '.join(DETECTORS)}, or a function image -> boxes"
        )


def choose(detector, scheme, engine="auto", num_threads=1):
    """The detector for a landmark scheme.

    Args:
        detector: "auto" (the finder, or OpenCV's where it has no weights), "finder", "opencv", or a callable image ->
            boxes [N, 4] (x, y, width, height, pixels, tight around the joints or the face's points), or (boxes, scores
            [N]). engine, num_threads: of the finder, as `engines.open_engine`.

    Returns:
        `Detector`; None where neither the finder nor OpenCV knows the scheme's subjects.

    Raises:
        ValueError: an unknown detector. ImportError: this OpenCV has no such detectors any more.
    """
    check(detector)
    if callable(detector):
        return Detector(_name_of(detector), lambda image: checked(detector(image)))
    kind = kind_of(scheme)
    if kind is None:
        return None
    if detector == "finder" or (detector == "auto" and _is_trained()):
        finder = Finder(kind, engine=engine, num_threads=num_threads, threshold=GUESS)
        return Detector(finder.name, finder, SURE)
    detect.check_opencv(kind)
    return Detector("opencv", lambda image: (detect.detect(image, scheme), None))


def _is_trained():
    from bnn_landmarks import zoo

    return zoo.entry(ENTRY).weights is not None


def _name_of(detector):
    return getattr(detector, "name", None) or getattr(detector, "__name__", None) or type(detector).__name__


def checked(found):
    """What a user's own detector gives -> boxes float64 [N, 4] and scores float64 [N], or None where it has none; by
    falling score.

    Raises:
        ValueError: it is neither boxes nor (boxes, scores).
    """
    boxes, scores = found if isinstance(found, tuple) and len(found) == 2 else (found, None)
    try:
        if boxes is None:
            raise TypeError
        boxes = np.asarray(boxes, np.float64)
        scores = None if scores is None else np.asarray(scores, np.float64).reshape(-1)
    except (TypeError, ValueError):
        raise ValueError(
            f"a detector returns boxes [N, 4], or (boxes, scores), of numbers, not {found!r}"
        ) from None
    boxes = boxes.reshape(0, 4) if boxes.size == 0 else boxes
    if boxes.ndim != 2 or boxes.shape[1] != 4 or (scores is not None and len(scores) != len(boxes)):
        told = list(boxes.shape) if scores is None else f"boxes {list(boxes.shape)} and {len(scores)} scores"
        raise ValueError(f"a detector returns boxes [N, 4], or (boxes [N, 4], scores [N]), not {told}")
    boxes = np.array([crops.check_box(box) for box in boxes]).reshape(-1, 4)
    if scores is not None:
        if not np.isfinite(scores).all():
            raise ValueError("a detector's scores must be finite numbers")
        order = np.argsort(-scores, kind="stable")
        boxes, scores = boxes[order], scores[order]
    return boxes, scores
