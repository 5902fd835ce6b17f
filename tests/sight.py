"""An engine that sees: three white discs are the landmarks left, right (of the picture) and middle."""

import cv2
import numpy as np

from bnn_landmarks.geometry import heatmaps
from bnn_landmarks.inference.engines import Engine
from bnn_landmarks.schemes import Scheme
from bnn_landmarks.spec import Spec

SIZE = 128
DISCS = Scheme("discs", ("left", "right", "middle"), mirror_pairs=((0, 1),))
SPEC = Spec("discs", scheme="discs", input_size=SIZE, padding=1.25, landmarks=DISCS.to_dict())


def see(inputs):
    """Maps with a peak of 20 at the disc of each landmark: the leftmost, the rightmost, the one between."""
    assert inputs.dtype == np.float32 and inputs.shape[1:] == (SIZE, SIZE, 3)
    maps = []
    for image in inputs:
        labels = cv2.connectedComponents((image[..., 1] > 0.05).astype(np.uint8))[1]
        centres = []
        for label in range(1, labels.max() + 1):
            weights = np.where(labels == label, image[..., 1], 0)
            y, x = np.mgrid[:SIZE, :SIZE]
            centres.append([(x * weights).sum() / weights.sum(), (y * weights).sum() / weights.sum()])
        left, middle, right = sorted(centres)
        maps.append(20 * heatmaps.encode([left, right, middle], np.ones(3), SIZE // 4, sigma=1.0))
    return np.stack(maps)


def discs(points, shape=(300, 400), radius=9):
    """uint8 [H, W, 3] with a white disc at each point."""
    image = np.zeros((*shape, 3), np.uint8)
    for x, y in points:
        cv2.circle(image, (round(x * 16), round(y * 16)), radius * 16, (255,) * 3, -1, cv2.LINE_AA, 4)
    return image


ENGINE = Engine("sight", SPEC, see)
