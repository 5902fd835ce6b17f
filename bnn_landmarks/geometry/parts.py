"""Facial parts: 68 points -> the seven classes of the paper's appendix A3, and other sets' classes as these.

    mask = draw(landmarks, image.shape[:2])          # uint8 [H, W], 0 background ... 6 nose: SCHEMES["parts7"]

The paper joins the 68 points "to fully enclose each facial component" and does not say which with which. The
recipe here, `CONTOURS`, is drawn in docs/parts.png.
"""

import cv2
import numpy as np

from bnn_landmarks.geometry import crops
from bnn_landmarks.schemes import SCHEMES

CLASSES = SCHEMES["parts7"].names

# Painted in this order. Skin: jaw and, back again, brows. Nose: the convex hull of bridge and wings, since in a turned
# face the tip stands out. The lips come after the inner mouth, so a closed mouth has none.
CONTOURS = (
    ("skin", (*range(17), *range(26, 16, -1))),
    ("nose", tuple(range(27, 36))),
    ("eyes", tuple(range(36, 42))),
    ("eyes", tuple(range(42, 48))),
    ("inner_mouth", tuple(range(60, 68))),
    ("upper_lip", (*range(48, 55), *range(64, 59, -1))),
    ("lower_lip", (*range(54, 60), 48, 60, *range(67, 63, -1))),
)

# CelebAMask-HQ's classes in its own order, and as parts7. Its skin reaches up to the hair, the drawn one to the brows;
# glasses and brows count as skin, all that is outside the face as background.
CELEBAMASK_HQ_NAMES = (
    "background skin nose eye_g l_eye r_eye l_brow r_brow l_ear r_ear mouth u_lip l_lip hair hat ear_r neck_l "
    "neck cloth"
).split()
_SAME = {"skin": "skin", "nose": "nose", "eye_g": "skin", "l_eye": "eyes", "r_eye": "eyes", "l_brow": "skin"}
_SAME |= {"r_brow": "skin", "mouth": "inner_mouth", "u_lip": "upper_lip", "l_lip": "lower_lip"}
CELEBAMASK_HQ = np.array(
    [CLASSES.index(_SAME.get(name, "background")) for name in CELEBAMASK_HQ_NAMES], np.uint8
)

_FINE = 5  # odd: a pixel's centre is then a cell's centre


def draw(points, shape):
    """The parts' mask of a face, uint8 [H, W]: each pixel's class is that of the contour its centre lies in.

    Args:
        points: float [68, 2], pixels of the mask. shape: (H, W).

    Raises:
        ValueError: not 68 finite points.
    """
    points = np.asarray(points, np.float64)
    if points.shape != (68, 2) or not np.isfinite(points).all():
        raise ValueError(f"a face's parts are drawn from 68 points [68, 2], not from {list(points.shape)}")
    # Drawn on a grid _FINE times finer, where a contour's own width is small; then each pixel's middle cell is taken.
    fine = np.rint(np.clip(_FINE * (points + 0.5) - 0.5, -30000, 30000)).astype(np.int32)
    mask = np.zeros((_FINE * shape[0], _FINE * shape[1]), np.uint8)
    for name, contour in CONTOURS:
        cv2.fillPoly(mask, [outline(fine, name, contour)], CLASSES.index(name))
    return np.ascontiguousarray(mask[_FINE // 2 :: _FINE, _FINE // 2 :: _FINE])


def outline(points, name, contour):
    """The polygon [N, 2] of one of `CONTOURS`, from float32 or int32 points [68, 2]."""
    polygon = points[list(contour)]
    return cv2.convexHull(polygon)[:, 0] if name == "nose" else polygon


def label_map(sample, scheme, matrix, size):
    """A sample's classes on the pixels of a crop, uint8 [size, size]: its mask, or contours drawn from its 68 points.

    Args:
        scheme: of the sample's landmarks. matrix: the crop's affine matrix [2, 3]. size: the crop's side.

    Raises:
        ValueError: the sample has neither.
    """
    if sample.mask is None:
        return draw(crops.transform(landmarks_of(sample, scheme), matrix), (size, size))
    return cv2.warpAffine(
        sample.mask, matrix, (size, size), flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT
    )


def mask_of(sample, scheme):
    """A sample's classes over its whole image, uint8 [H, W]: its mask, or one drawn from its 68 points.

    Raises:
        ValueError: it has neither.
    """
    if sample.mask is not None:
        return sample.mask
    return draw(landmarks_of(sample, scheme), sample.image.shape[:2])


def landmarks_of(sample, scheme):
    """The 68 points of a sample, float32 [68, 2]. Raises ValueError where its scheme has others, or one is missing."""
    if scheme.name != "ibug68" or not (sample.visible > 0).all():
        what = "are not all annotated" if scheme.name == "ibug68" else f"are of scheme {scheme.name}"
        raise ValueError(
            f"{sample.name} has no mask, and its landmarks {what}: facial parts need one or the 68 points"
        )
    return sample.landmarks
