"""Following subjects through a video: the next frame's box comes from this frame's landmarks.

video = Video("clip.mp4")
track = Tracker(Localizer("pose"))
for frame in video:
    people = track(frame, video.seconds)
"""

import dataclasses

import numpy as np

from bnn_landmarks.geometry.smooth import OneEuro
from bnn_landmarks.inference import detect
from bnn_landmarks.inference.localizer import Parts
from bnn_landmarks.inference.video_reader import DEFAULT_RATE, SUFFIXES, Video, is_address, shown
from bnn_landmarks.inference.video_writer import writer

__all__ = ["DEFAULT_RATE", "SUFFIXES", "Tracker", "Video", "is_address", "shown", "writer"]


class Tracker:
    """Frame after frame -> its `Landmarks` or `Parts`, smoothed.

    Subjects are looked for by `detect.detect` (else the whole frame) as long as none is followed; then each one's box
    is the box of its last landmarks, until fewer than three of them score `threshold` or they leave the frame.

    Args:
        localizer: `Localizer`. threshold: score a landmark must have to be followed. smooth: filter the landmarks.
    """

    def __init__(self, localizer, threshold=0.1, smooth=True):
        self.localizer, self.threshold, self.smooth = localizer, threshold, smooth
        self.boxes, self.filters = [], []

    def __call__(self, frame, seconds, boxes=None):
        """One result a subject.

        frame: uint8 [H, W, 3] RGB. seconds: since the frame before. boxes: where the subjects are, to begin anew.
        """
        if boxes is not None or not self.boxes:
            found = self.localizer(frame, boxes)
            self.filters = [OneEuro() for _ in found]
        else:
            found = self.localizer(frame, self.boxes)
        if self.smooth:
            found = [
                _smoothed(result, each, seconds) for result, each in zip(found, self.filters, strict=True)
            ]
        boxes = [_next_box(result, frame.shape, self.threshold) for result in found]
        kept = [i for i, box in enumerate(boxes) if box is not None]
        self.boxes, self.filters = [boxes[i] for i in kept], [self.filters[i] for i in kept]
        return found


def _smoothed(result, smooth, seconds):
    if isinstance(result, Parts):
        return result
    return dataclasses.replace(result, points=smooth(result.points, seconds, max(result.box[2:])))


def _next_box(result, shape, threshold):
    """The box to look in next, or None where the subject is lost or out of the frame."""
    if isinstance(result, Parts):
        y, x = np.nonzero(result.mask)
        points, scores = np.stack([x, y], axis=1), np.ones(len(x))
    else:
        points, scores = result.points, result.scores
    box = detect.box_from_landmarks(points, scores, threshold)
    if box is None:
        return None
    x, y, width, height = box
    return None if x >= shape[1] or y >= shape[0] or x + width <= 0 or y + height <= 0 else box
