"""Boxes <-> the maps of a network that finds subjects in a whole image: `encode` and `decode`, nowhere else.

    matrix = letterbox(image.shape, size)                        # the whole image in the network's square
    boxes, scores = decode(maps, stride)[0]                      # of the first kind, in the square's pixels
    boxes = restore(boxes, matrix, image.shape)                  # in the image's

After "Objects as Points" (Zhou, Wang & Krähenbühl 2019). Each kind of subject has `spec.CHANNELS` maps: the logit of
there being a box's centre, and, good at centres only, from the map pixel's middle to the box's centre in x and y in map
pixels, and the logarithm of the box's width and height over `UNIT` map pixels. Map pixel i has its middle at pixel
stride * (i + 0.5) - 0.5 of the square, as `heatmaps` has it. A box is x, y, width, height.
"""

import cv2
import numpy as np

from bnn_landmarks.geometry import crops
from bnn_landmarks.spec import CHANNELS

UNIT = 8.0
# Of a target [H, W, kinds * 7]: height of the centre's bump, weight of it, the four numbers of the box, weight of them.
TARGETS = CHANNELS + 2
SIGMA = 0.09
LEAST_SIGMA = 0.6
THRESHOLD = 0.35
SAME = 0.55
LARGEST_LOG = 4.0


def letterbox(shape, size):
    """The matrix float64 [2, 3] that takes the pixels of an image of a shape (H, W, ...) to a size x size square that
    shows it whole, as large as it fits, in the middle."""
    height, width = shape[:2]
    return crops.affine([(width - 1) / 2, (height - 1) / 2], max(height, width), size)


def restore(boxes, matrix, shape):
    """Boxes [N, 4] in the square's pixels -> float64 [N, 4] in the image's, cut at its border."""
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    low, high = crops.restore(boxes[:, :2], matrix), crops.restore(boxes[:, :2] + boxes[:, 2:], matrix)
    edge = np.array([shape[1], shape[0]]) - 0.5
    low, high = np.clip(low, -0.5, edge), np.clip(high, -0.5, edge)
    return np.concatenate([low, high - low], axis=1)


def encode(kind_boxes, counts, size, stride=4):
    """What a network is to learn of one square.

    Args:
        kind_boxes: per kind of subject its boxes [N, 4], the square's pixels.
        counts: per kind of subject a map float [size, size] of how much it counts that no centre is there.
        size: side of the maps.

    Returns:
        float32 [size, size, kinds * TARGETS], zero where nothing counts. A bump is 1 at the map pixel nearest to a
        box's centre and falls off beside it, further in a larger box (Liu et al. 2019, TTFNet); the box is to be read
        at all of the bump.
    """
    grid = np.arange(size, dtype=np.float32)
    target = np.zeros((size, size, len(kind_boxes), TARGETS), np.float32)
    for kind, boxes in enumerate(kind_boxes):
        target[..., kind, 1] = counts[kind]
        # The larger first: where bumps overlap, the smaller subject's is kept.
        for box in sorted(np.asarray(boxes, np.float64).reshape(-1, 4), key=lambda box: -box[2] * box[3]):
            sides = box[2:] / stride
            centre = (box[:2] + box[2:] / 2 + 0.5) / stride - 0.5
            nearest = np.clip(np.rint(centre), 0, size - 1).astype(int)
            x, y = (
                np.exp(-np.square(grid - nearest[axis]) / (2 * max(LEAST_SIGMA, SIGMA * sides[axis]) ** 2))
                for axis in (0, 1)
            )
            bump = (y[:, None] * x).astype(np.float32)
            here, strong = target[:, :, kind], bump > 0.3
            here[..., 0] = np.maximum(here[..., 0], bump)
            here[strong, 1] = 1
            here[strong, 2:] = np.concatenate(
                [
                    np.stack(np.meshgrid(centre[0] - grid, centre[1] - grid), axis=-1),
                    np.broadcast_to(np.log(np.maximum(sides, 0.25) / UNIT), (size, size, 2)),
                    bump[..., None],
                ],
                axis=-1,
            )[strong]
    return target.reshape(size, size, -1)


def decode(maps, stride, threshold=THRESHOLD):
    """Maps [H, W, kinds * CHANNELS] of one image -> per kind of subject (boxes float64 [N, 4] in the square's pixels,
    scores float32 [N]), the best first.

    A centre is a map pixel whose score, the logit's sigmoid, is at least `threshold` and the largest of its 3 x 3
    neighbourhood, the first in row order where equal. Of two boxes with more than `SAME` of their union in common the
    better is kept.
    """
    height, width = maps.shape[:2]
    found = []
    for kind in np.asarray(maps, np.float32).reshape(height, width, -1, CHANNELS).transpose(2, 0, 1, 3):
        logits = kind[..., 0]
        peaks = logits >= cv2.dilate(logits, np.ones((3, 3)))
        scores = 1 / (1 + np.exp(-logits))
        y, x = np.nonzero(peaks & (scores >= threshold))
        order = np.argsort(-scores[y, x], kind="stable")
        y, x = y[order], x[order]
        dx, dy, log_width, log_height = kind[y, x, 1:].astype(np.float64).T
        sides = stride * UNIT * np.exp(np.minimum(np.stack([log_width, log_height], axis=1), LARGEST_LOG))
        centres = stride * (np.stack([x + dx, y + dy], axis=1) + 0.5) - 0.5
        boxes = np.concatenate([centres - sides / 2, sides], axis=1)
        kept = distinct(boxes)
        found.append((boxes[kept], scores[y, x][kept]))
    return found


def overlaps(a, b):
    """Intersection over union float64 [N, M] of boxes [N, 4] and [M, 4]; 0 where both are empty."""
    both, of_a, of_b = _areas(a, b)
    return both / np.maximum(of_a + of_b - both, 1e-12)


def covers(a, b):
    """Intersection over the smaller of the two float64 [N, M] of boxes [N, 4] and [M, 4]; 0 where one is empty."""
    both, of_a, of_b = _areas(a, b)
    return both / np.maximum(np.minimum(of_a, of_b), 1e-12)


def _areas(a, b):
    """Of each pair of boxes the area in common, and of each of the two."""
    a, b = np.asarray(a, np.float64).reshape(-1, 1, 4), np.asarray(b, np.float64).reshape(1, -1, 4)
    low, high = (
        np.maximum(a[..., :2], b[..., :2]),
        np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:]),
    )
    return np.clip(high - low, 0, None).prod(axis=-1), a[..., 2:].prod(axis=-1), b[..., 2:].prod(axis=-1)


def distinct(boxes, same=SAME, common=overlaps):
    """Indices of the boxes [N, 4], the best first, that have no more than `same` in common with a better one, by
    `overlaps` or `covers`."""
    kept = []
    for i, box in enumerate(boxes):
        if not kept or common(box[None], boxes[kept]).max() <= same:
            kept.append(i)
    return np.array(kept, int)
