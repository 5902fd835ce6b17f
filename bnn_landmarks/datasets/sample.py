"""The one record every data set yields."""

import dataclasses

import numpy as np

from bnn_landmarks.geometry import crops


@dataclasses.dataclass(frozen=True)
class Sample:
    """One annotated subject.

    image: uint8 [H, W, 3], RGB. landmarks: float32 [K, 2], image pixels, 0-based pixel centres.
    visible: int32 [K]: 0 not annotated, 1 annotated but hidden, 2 visible.
    box: float32 [4], x, y, width, height, tight around the joints or the face's points, or the set's own face box.
    center, scale: the subject in MPII's convention (side 200 x scale) where the set has its own, else None.
    yaw: degrees, absolute. head_size: PCKh's normaliser in pixels. mask: uint8 [H, W] classes. None where unknown.
    alone: whether the image's annotations know of nobody else in it; False where there are no such annotations.
    """

    name: str
    image: np.ndarray
    landmarks: np.ndarray
    visible: np.ndarray
    box: np.ndarray
    center: np.ndarray | None = None
    scale: float | None = None
    yaw: float | None = None
    head_size: float | None = None
    mask: np.ndarray | None = None
    alone: bool = False


def tight_box(landmarks, visible):
    """x, y, width, height around the annotated landmarks, float32 [4]."""
    points = np.asarray(landmarks)[np.asarray(visible) > 0]
    low, high = points.min(axis=0), points.max(axis=0)
    return np.concatenate([low, high - low]).astype(np.float32)


def check_labels(landmarks, visible, box=None, size=None):
    """Refuse labels that no picture has: what else would be learned, and then blamed on the learning rate.

    Args:
        landmarks, visible: as in `Sample`. box: the annotated one, None where it is only the landmarks' own.
        size: width, height of the image, None where unknown.

    Raises:
        ValueError: a labelled landmark or the box is not finite, or further out of the image than it is large; the box
            has no area, less than a pixel's side, or is outside the image.
    """
    points = np.asarray(landmarks, np.float64)[np.asarray(visible) > 0]
    if not np.isfinite(points).all():
        raise ValueError("a labelled landmark is not a finite number")
    if box is not None and max(crops.check_box(box)[2:]) < 1:
        raise ValueError(f"the box {_listed(box)} is smaller than a pixel")
    if size is None:
        return
    size = np.asarray(size, np.float64)
    width, height = size.astype(int)
    away = (np.abs(points + 0.5 - size / 2) > 1.5 * size).any(axis=1)
    if away.any():
        x, y = points[away][0]
        raise ValueError(f"a landmark at {x:g}, {y:g} is far outside its image of {width} x {height} pixels")
    if box is None:
        return
    low, high = np.asarray(box[:2], np.float64), np.add(box[:2], box[2:], dtype=np.float64)
    if (low >= size).any() or (high <= 0).any() or (high - low > 4 * size.max()).any():
        raise ValueError(f"the box {_listed(box)} does not fit its image of {width} x {height} pixels")


def _listed(box):
    return "[" + ", ".join(f"{float(value):g}" for value in box) + "]"


def check_size(size, actual):
    """Refuse an image that is not as large as its annotation says: its landmarks would lie elsewhere.

    Args:
        size: width, height as annotated, or None. actual: width, height of the image, upright.

    Raises:
        ValueError: they differ; the message says how.
    """
    if size is None or tuple(size) == tuple(actual):
        return
    width, height = size
    turned = "a quarter turn away" if (height, width) == tuple(actual) else "another copy"
    raise ValueError(
        f"annotated on {width} x {height} pixels, but the upright image has {actual[0]} x {actual[1]}: {turned}"
    )


def subject_square(sample, spec):
    """Centre float [2] and side of the crop a network is given of this sample.

    MPII's own centre and scale where the set has them (side 200 x 1.25 x scale, as is custom on MPII), else the padded
    square around the box.
    """
    if sample.scale is not None:
        return np.asarray(sample.center, np.float64), 250.0 * sample.scale
    return crops.square(sample.box, spec.box_side, spec.padding)
