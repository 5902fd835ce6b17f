"""Subjects that move through made videos, and an engine and a detector that see them: bright rectangles on black,
whose corners are the landmarks. Who is in front has a dark rim, so that who is behind stays a rectangle of its own, cut
off."""

import cv2
import numpy as np

from bnn_landmarks.geometry import heatmaps
from bnn_landmarks.inference.engines import Engine
from bnn_landmarks.schemes import Scheme
from bnn_landmarks.spec import Spec

SIZE, LEAST = 128, 40
CORNERS = Scheme("corners", ("top_left", "top_right", "bottom_left", "bottom_right"))
SPEC = Spec("corners", scheme="corners", input_size=SIZE, padding=1.3, sigma=1.0, landmarks=CORNERS.to_dict())


def frame(boxes, shape=(240, 400)):
    """uint8 [H, W, 3] with a rectangle per box x, y, width, height; the later in front."""
    image = np.zeros((*shape, 3), np.uint8)
    for x, y, width, height in np.rint(boxes).astype(int).tolist():
        cv2.rectangle(image, (x - 4, y - 4), (x + width + 4, y + height + 4), (0, 0, 0), -1)
        cv2.rectangle(image, (x, y), (x + width, y + height), (255, 255, 255), -1)
    return image


def seen(image):
    """Boxes [N, 4] of the bright rectangles in a picture [H, W, 3], the largest first."""
    bright = (np.asarray(image)[..., 0] > 0.5 * np.max(image, initial=1e-9)).astype(np.uint8)
    stats = (
        cv2.connectedComponentsWithStats(bright)[2][1:]
        if bright.any() and np.max(image) > 0
        else np.zeros((0, 5))
    )
    stats = stats[stats[:, 4] >= LEAST]
    return stats[np.argsort(-stats[:, 4], kind="stable"), :4].astype(float)


def see(inputs):
    """Maps with peaks at the corners of the rectangle nearest to the middle of each crop; flat where there is none."""
    maps = np.zeros((len(inputs), SIZE // 4, SIZE // 4, 4), np.float32)
    for out, image in zip(maps, inputs, strict=True):
        boxes = seen(image)
        if len(boxes):
            centres = boxes[:, :2] + boxes[:, 2:] / 2
            x, y, width, height = boxes[np.linalg.norm(centres - SIZE / 2, axis=1).argmin()]
            corners = [[x + i * width, y + j * height] for j in (0, 1) for i in (0, 1)]
            out[:] = 20 * heatmaps.encode(corners, np.ones(4), SIZE // 4, sigma=1.0)
    return maps


ENGINE = Engine("corners", SPEC, see)


class Looks:
    """A detector that finds the rectangles, and counts how often it is asked."""

    def __init__(self):
        self.times = 0

    def __call__(self, image):
        self.times += 1
        boxes = seen(image)
        return boxes, np.linspace(0.9, 0.5, len(boxes))
