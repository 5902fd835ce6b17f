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


def tight_box(landmarks, visible):
    """x, y, width, height around the annotated landmarks, float32 [4]."""
    points = np.asarray(landmarks)[np.asarray(visible) > 0]
    low, high = points.min(axis=0), points.max(axis=0)
    return np.concatenate([low, high - low]).astype(np.float32)


def subject_square(sample, spec):
    """Centre float [2] and side of the crop a network is given of this sample.

    MPII's own centre and scale where the set has them (side 200 x 1.25 x scale; paper digest section 5), else the
    padded square around the box.
    """
    if sample.scale is not None:
        return np.asarray(sample.center, np.float64), 250.0 * sample.scale
    return crops.square(sample.box, spec.box_side, spec.padding)
