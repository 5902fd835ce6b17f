"""The square crop a network sees, and the way back: box <-> centre and side <-> affine matrix.

    center, side = square(box, spec.box_side, spec.padding)
    matrix = affine(center, side, size)
    patch = crop(image, matrix, size)              # uint8 [size, size, 3], black outside the image
    points = restore(points_in_crop, matrix)       # image pixels

All coordinates are 0-based pixel centres: the image covers [-0.5, W - 0.5] x [-0.5, H - 0.5]. A box is (x, y, width,
height), x right and y down. The crop's pixel u shows the image at center + (u + 0.5 - size / 2) * side / size.
"""

import cv2
import numpy as np
from numpy.typing import ArrayLike

WARP_LIMIT = 2**15 - 1  # warpAffine takes no image with a longer side.
BOX_LIMITS = 1e-6, 2.0**18  # pixels, of a box's sides.


def check_box(box: ArrayLike) -> np.ndarray:
    """The box as float64 [4].

    Raises:
        ValueError: not four finite numbers, without area, or with a side longer than any image's.
    """
    try:
        box = np.asarray(box, np.float64).reshape(-1)
    except (TypeError, ValueError):
        raise ValueError(f"a box is four numbers x, y, width, height, not {box!r}") from None
    if box.shape != (4,) or not np.isfinite(box).all():
        raise ValueError(f"a box is four finite numbers x, y, width, height, not {box.tolist()}")
    if min(box[2:]) < BOX_LIMITS[0]:
        raise ValueError(f"the box {box.tolist()} is empty: its width and height must be positive")
    if max(box[2:]) > BOX_LIMITS[1]:
        raise ValueError(
            f"the box {box.tolist()} is larger than any image: {BOX_LIMITS[1]:.0f} pixels at most"
        )
    return box


def square(box: ArrayLike, box_side: str = "max", padding: float = 1.0) -> tuple[np.ndarray, float]:
    """Centre float [2] and side of the padded square around a box: padding x the longer side ("max"), or x the mean
    of width and height ("mean", the paper's rule for faces)."""
    x, y, width, height = check_box(box)
    side = max(width, height) if box_side == "max" else (width + height) / 2
    return np.array([x + width / 2, y + height / 2]), padding * side


def affine(
    center: ArrayLike, side: float, size: int, rotation: float = 0.0, mirror: bool = False
) -> np.ndarray:
    """The matrix float64 [2, 3] that takes image pixels to pixels of a size x size crop.

    rotation: degrees; positive turns the picture clockwise as seen. mirror: left and right exchanged, after rotation.
    """
    scale = size / side
    cos, sin = scale * np.cos(np.radians(rotation)), scale * np.sin(np.radians(rotation))
    linear = np.array([[cos, -sin], [sin, cos]])
    if mirror:
        linear[0] = -linear[0]
    shift = (size - 1) / 2 - linear @ np.asarray(center, np.float64)
    return np.concatenate([linear, shift[:, None]], axis=1)


def transform(points: ArrayLike, matrix: np.ndarray) -> np.ndarray:
    """Points float [..., 2] through an affine matrix [2, 3]; float64."""
    return np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]


def restore(points: ArrayLike, matrix: np.ndarray) -> np.ndarray:
    """Crop pixels back to image pixels: the inverse of `transform`; float64 [..., 2]."""
    return (np.asarray(points, np.float64) - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T


def crop(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """The size x size patch an affine matrix selects, bilinear, black outside the image; dtype as `image`.

    An image shrunk by more than two is averaged down by a whole factor first, so that no detail aliases.
    """
    scale = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    shrink = max(1, int(0.5 / scale)) if scale > 0 else 1
    if shrink > 1 or max(image.shape[:2]) >= WARP_LIMIT:
        image, matrix = _shrink(image, matrix, size, shrink)
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


def _shrink(image, matrix, size, factor):
    """The part of the image under the crop, averaged over factor x factor cells, and the matrix that fits it."""
    corners = restore([[-1, -1], [size, -1], [size, size], [-1, size]], matrix)
    height, width = image.shape[:2]
    low = np.clip(np.floor(corners.min(axis=0)) - factor, 0, [width - 1, height - 1]).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + factor, low + 1, [width, height]).astype(int)
    x, y = low // factor * factor
    part = image[y : high[1], x : high[0]]
    pad_y, pad_x = -part.shape[0] % factor, -part.shape[1] % factor
    part = cv2.copyMakeBorder(part, 0, pad_y, 0, pad_x, cv2.BORDER_REPLICATE)
    part = cv2.resize(part, (part.shape[1] // factor, part.shape[0] // factor), interpolation=cv2.INTER_AREA)
    # image pixel = factor * cell + (factor - 1) / 2 + origin
    origin = np.array([x, y]) + (factor - 1) / 2
    linear = matrix[:, :2] * factor
    return part, np.concatenate([linear, (matrix[:, :2] @ origin + matrix[:, 2])[:, None]], axis=1)


def to_input(patches: ArrayLike) -> np.ndarray:
    """uint8 crops [..., S, S, 3] -> what a network reads: float32 in [0, 1]."""
    return np.asarray(patches, np.float32) / np.float32(255)
