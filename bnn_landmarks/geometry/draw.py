"""Pictures of results: skeletons, points, parts, boxes, contact sheets.

    picture = landmarks(image, points, SCHEMES["mpii16"], scores)
    picture = sheet([picture, other], columns=2)

Every function returns a new uint8 RGB image and leaves the one it is given as it was.
"""

import colorsys
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import ArrayLike

from bnn_landmarks.geometry import images
from bnn_landmarks.schemes import Scheme

THRESHOLD = 0.2
ALPHA = 0.5
SHIFT = 4  # OpenCV draws at fractions of a pixel when coordinates carry this many fractional bits.

LEFT, RIGHT, MIDDLE = (66, 165, 245), (255, 152, 0), (102, 219, 112)


def landmarks(
    image: np.ndarray,
    points: ArrayLike,
    scheme: Scheme,
    scores: ArrayLike | None = None,
    threshold: float = THRESHOLD,
) -> np.ndarray:
    """Landmarks and the scheme's edges between them.

    Left is blue, right orange, as the names of landmarks with a mirror partner say; everything else is green.
    Lines and dots grow with the box around the points.

    Args:
        image: as `images.as_rgb` takes it. points: float [K, 2], image pixels. scheme: `schemes.Scheme`.
        scores: [K] or None. Landmarks below `threshold`, or not finite, are left out, and the edges that end
            in them.
    """
    image, points = images.as_rgb(image).copy(), np.asarray(points, np.float64)
    shown = np.isfinite(points).all(axis=1)
    if scores is not None:
        shown &= np.asarray(scores) >= threshold
    if not shown.any():
        return image
    extent = np.ptp(points[shown], axis=0).max()
    line, sides = _thickness(image, extent, len(points)), scheme.sides
    for a, b in scheme.edges:
        if shown[a] and shown[b]:
            colour = _colour(sides[a], sides[b])
            cv2.line(image, _fixed(points[a]), _fixed(points[b]), colour, line, cv2.LINE_AA, SHIFT)
    radius = max(1.0, 0.9 * line)
    for k in np.flatnonzero(shown):
        place, size = _fixed(points[k]), round(radius * 2**SHIFT)
        cv2.circle(image, place, size, _colour(sides[k]), cv2.FILLED, cv2.LINE_AA, SHIFT)
        if radius >= 2:
            cv2.circle(image, place, size, (255, 255, 255), max(1, line // 3), cv2.LINE_AA, SHIFT)
    return image


def parts(image: np.ndarray, mask: ArrayLike, alpha: float = ALPHA) -> np.ndarray:
    """Classes of a mask [H, W] blended over the image; class 0 (background) is left as it is."""
    image = images.as_rgb(image).copy()
    mask = np.asarray(mask)
    if mask.shape != image.shape[:2]:
        raise ValueError(f"a mask has the image's size {list(image.shape[:2])}, not {list(mask.shape)}")
    for index, colour in enumerate(palette(int(mask.max()) + 1)[1:], start=1):
        here = mask == index
        image[here] = np.rint((1 - alpha) * image[here] + alpha * np.array(colour)).astype(np.uint8)
    return image


def palette(count: int) -> list[tuple[int, ...]]:
    """`count` colours (r, g, b), the first black for the background, the others far apart in hue."""
    hues = [(0.08 + i * 0.382) % 1 for i in range(count - 1)]
    return [(0, 0, 0)] + [tuple(round(255 * c) for c in colorsys.hsv_to_rgb(h, 0.75, 1.0)) for h in hues]


def box(
    image: np.ndarray, box: Iterable[float], colour: tuple[int, int, int] = (255, 255, 255)
) -> np.ndarray:
    """The outline of a box x, y, width, height."""
    image = images.as_rgb(image).copy()
    x, y, width, height = (float(v) for v in box)
    line = _thickness(image, max(width, height), 1)
    cv2.rectangle(image, _fixed((x, y)), _fixed((x + width, y + height)), colour, line, cv2.LINE_AA, SHIFT)
    return image


def label(image: np.ndarray, text: str) -> np.ndarray:
    """A line of white text on black in the top left corner."""
    image = images.as_rgb(image).copy()
    scale = max(0.4, min(image.shape[:2]) / 700)
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    image[: height + 2 * below, : width + 2 * below] = 0
    cv2.putText(
        image, text, (below, height + below), cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), 1, cv2.LINE_AA
    )
    return image


def sheet(pictures: Iterable[np.ndarray], columns: int = 4, side: int = 256, gap: int = 4) -> np.ndarray:
    """A contact sheet uint8 [H, W, 3]: each picture fitted into a square cell of `side` pixels, white between
    them.

    Raises:
        ValueError: there are no pictures, or columns, side are not positive.
    """
    pictures = [images.as_rgb(picture) for picture in pictures]
    if not pictures or columns < 1 or side < 1:
        raise ValueError("a contact sheet needs at least one picture, one column and cells of one pixel")
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    canvas = np.full((rows * (side + gap) + gap, columns * (side + gap) + gap, 3), 255, np.uint8)
    for i, picture in enumerate(pictures):
        scale = side / max(picture.shape[:2])
        width, height = (max(1, round(n * scale)) for n in picture.shape[1::-1])
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        y = gap + (i // columns) * (side + gap) + (side - height) // 2
        x = gap + (i % columns) * (side + gap) + (side - width) // 2
        canvas[y : y + height, x : x + width] = cv2.resize(picture, (width, height), interpolation=how)
    return canvas


def _thickness(image, extent, points):
    """Line width in pixels for a subject of this extent: many points (a face) want thin lines."""
    share = 1 / 60 if points < 20 else 1 / 150
    return int(np.clip(round(min(extent, max(image.shape[:2])) * share), 1, 40))


def _colour(*sides):
    """The colour of a landmark, or of the edge between two, on the left, the right or (None) neither."""
    return {("left",): LEFT, ("right",): RIGHT}.get(tuple({*sides} - {None}), MIDDLE)


def _fixed(point):
    # OpenCV's coordinates are int32; a point far outside is drawn far outside.
    return tuple(round(float(np.clip(v, -1e5, 1e5)) * 2**SHIFT) for v in point)
