"""Boxes by OpenCV's own detectors, of people and faces; and from landmarks, for video and for a second look.

    boxes = detect(image, SCHEMES["mpii16"])    # float64 [N, 4], x, y, width, height, best first; or none

These detectors are old: upright people seen whole, faces from the front and the side. `detectors` chooses them where
they are asked for, and where the zoo's finder has no weights.
"""

import functools
import pathlib
import threading

import cv2
import numpy as np
from numpy.typing import ArrayLike

from bnn_landmarks.geometry import images
from bnn_landmarks.geometry.boxes import covers, distinct
from bnn_landmarks.schemes import Scheme

PEOPLE_SIDE = 480
FACES_SIDE = 640
PERSON_SCORE = 0.8
FACE_NEIGHBOURS = 5
OVERLAP = 0.4

# Where the tight box lies in the detector's, as shares of its sides: x, y, width, height. Medians over images
# on which both exist, by benchmarks/detectors.py: people on mpii train, 68 points on helen_afw and aflw2000 train
# (the mean of the two), 21 points on aflw2000 train.
PERSON_IN_WINDOW = (0.25, 0.10, 0.53, 0.73)
FACE_IN_WINDOW = {
    "ibug68": {"frontal": (0.09, 0.24, 0.84, 0.81), "profile": (0.14, 0.28, 0.76, 0.72)},
    "aflw21": {"frontal": (0.17, 0.25, 0.70, 0.76), "profile": (0.17, 0.29, 0.65, 0.71)},
}
FACE_SCHEMES = {
    "ibug68": "ibug68",
    "parts7": "ibug68",
    "pifa34": "ibug68",
    "aflw21": "aflw21",
    "aflw19": "aflw21",
}
PEOPLE_SCHEMES = ("mpii16", "lsp14", "coco17")
_DETECTING = threading.Lock()  # OpenCV's detectors, kept from call to call, serve one caller at a time


def detect(image: np.ndarray, scheme: Scheme) -> np.ndarray:
    """Tight boxes float64 [N, 4], best first, of the subjects a landmark scheme is about; none for a scheme
    of the user's own, for which there is no detector.

    image: as `images.as_rgb` takes it. scheme: `schemes.Scheme`.
    """
    if scheme.name in PEOPLE_SCHEMES:
        return people(image)
    if scheme.name in FACE_SCHEMES:
        return faces(image, FACE_IN_WINDOW[FACE_SCHEMES[scheme.name]])
    return np.zeros((0, 4))


NOBODY = "nothing detected, and nobody found otherwise either (give boxes to look all the same)"


def check_opencv(kind: str) -> None:
    """Raise ImportError where this OpenCV (5) has its detectors of "person" or "face" no more."""
    if not hasattr(cv2, "HOGDescriptor" if kind == "person" else "CascadeClassifier"):
        raise ImportError(
            f"OpenCV {cv2.__version__} has no detector of {'people' if kind == 'person' else 'faces'} any more: use "
            "detector='finder', a function of your own, or opencv-python 4"
        )


def nothing_found(scheme: Scheme) -> str:
    """Why the whole image has to be the box, and what to do."""
    known = scheme.name in (*PEOPLE_SCHEMES, *FACE_SCHEMES)
    reason = "nothing detected" if known else f"there is no detector for {scheme.name}"
    return f"{reason}, so the whole image was used as the box (give boxes to do better)"


def people(image: np.ndarray) -> np.ndarray:
    """Upright people by histograms of oriented gradients (Dalal & Triggs 2005); boxes float64 [N, 4]."""
    small, scale = _fit(image, PEOPLE_SIDE, enlarge=2.0)
    detector = _people_detector()
    if small.shape[0] < detector.winSize[1] or small.shape[1] < detector.winSize[0]:
        return np.zeros((0, 4))
    with _DETECTING:
        windows, scores = detector.detectMultiScale(small, winStride=(8, 8), padding=(8, 8), scale=1.05)
    if len(windows) == 0:
        return np.zeros((0, 4))
    keep = np.ravel(scores) >= PERSON_SCORE
    return _distinct(_inner(windows[keep], PERSON_IN_WINDOW), np.ravel(scores)[keep]) / scale


def faces(image: np.ndarray, inside: dict = FACE_IN_WINDOW["ibug68"]) -> np.ndarray:
    """Faces by OpenCV's cascades (Viola & Jones 2001), frontal and from either side; boxes float64 [N, 4].

    inside: where the tight box lies in a frontal and in a profile window, as `FACE_IN_WINDOW`'s values.
    """
    small, scale = _fit(image, FACES_SIDE)
    grey = cv2.equalizeHist(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))
    width = grey.shape[1]
    found = [
        (_inner(_windows("haarcascade_frontalface_default.xml", grey), inside["frontal"]), 2),
        (_inner(_windows("haarcascade_profileface.xml", grey), inside["profile"]), 1),
    ]
    mirrored = _inner(_windows("haarcascade_profileface.xml", cv2.flip(grey, 1)), inside["profile"])
    mirrored[:, 0] = width - mirrored[:, 0] - mirrored[:, 2]
    found.append((mirrored, 1))
    boxes = np.concatenate([b for b, _ in found])
    # Frontal before profile, then the larger first.
    order = np.concatenate([np.full(len(b), rank, float) for b, rank in found])
    return _distinct(boxes, order + boxes[:, 3] / (2 * max(grey.shape))) / scale


def box_from_landmarks(points: ArrayLike, scores: ArrayLike, threshold: float = 0.2) -> np.ndarray | None:
    """The box float64 [4] tight around the landmarks that score at least `threshold`; None where fewer than three do,
    or they have no area: the subject is lost."""
    points = np.asarray(points, np.float64)[np.asarray(scores) >= threshold]
    if len(points) < 3:
        return None
    low, high = points.min(axis=0), points.max(axis=0)
    return None if (high <= low).any() else np.concatenate([low, high - low])


def _fit(image, side, enlarge=1.0):
    """The image as uint8 RGB, its longer side `side` but enlarged by no more than `enlarge`, and the factor."""
    scale = min(enlarge, side / max(image.shape[:2]))
    if scale != 1:
        size = [max(1, round(n * scale)) for n in image.shape[1::-1]]
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return images.as_rgb(image), scale


@functools.cache
def _people_detector():
    detector = cv2.HOGDescriptor()
    detector.setSVMDetector(cv2.HOGDescriptor_getDefaultPeopleDetector())
    return detector


@functools.cache
def _cascade(name):
    return cv2.CascadeClassifier(str(pathlib.Path(cv2.data.haarcascades) / name))


def _windows(name, grey):
    side = max(24, min(grey.shape) // 12)
    with _DETECTING:
        return _cascade(name).detectMultiScale(grey, 1.1, FACE_NEIGHBOURS, minSize=(side, side))


def _inner(windows, inside):
    """Windows [N, 4] -> the boxes that lie in them at `inside`, in shares of the windows' sides."""
    windows = np.asarray(windows, np.float64).reshape(-1, 4)
    x, y, width, height = inside
    sides = windows[:, 2:]
    return np.concatenate([windows[:, :2] + sides * [x, y], sides * [width, height]], axis=1)


def _distinct(boxes, scores):
    """Boxes by falling score, without those that overlap a better one by more than OVERLAP (intersection over
    the smaller area)."""
    boxes = boxes[np.argsort(-np.asarray(scores), kind="stable")]
    return boxes[distinct(boxes, OVERLAP, covers)].reshape(-1, 4)
