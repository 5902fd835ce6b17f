"""Following subjects through a video: the next frame's box comes from this frame's landmarks.

video = Video("clip.mp4")
track = Tracker(Localizer("pose"))
for frame in video:
    people = track(frame, video.seconds)
"""

import contextlib
import dataclasses
import os
import pathlib
import tempfile

import cv2
import numpy as np

from bnn_landmarks.geometry.smooth import OneEuro
from bnn_landmarks.inference import detect
from bnn_landmarks.inference.localizer import Parts

SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
DEFAULT_RATE = 30.0


class Video:
    """The frames of a video file or a camera: iterate for uint8 [H, W, 3] RGB arrays.

    Args:
        source: a path, or a camera's number.

    Attributes:
        rate: frames a second. seconds: 1 / rate. count: frames of a file as its header tells, None of a camera.

    Raises:
        FileNotFoundError: no such file. ValueError: it is no video, or there is no such camera.
    """

    def __init__(self, source):
        camera = isinstance(source, int)
        if not camera and not pathlib.Path(source).is_file():
            raise FileNotFoundError(f"no video at {source}")
        self._capture = cv2.VideoCapture(source if camera else str(source))
        if not self._capture.isOpened():
            raise ValueError(
                f"camera {source} can't be opened" if camera else f"{source} is not a video that can be read"
            )
        rate, count = self._capture.get(cv2.CAP_PROP_FPS), self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.rate = rate if np.isfinite(rate) and 0 < rate <= 1000 else DEFAULT_RATE
        self.seconds = 1 / self.rate
        self.count = int(count) if count > 0 and not camera else None

    def __iter__(self):
        while True:
            read, frame = self._capture.read()
            if not read:
                self._capture.release()
                return
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)


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


@contextlib.contextmanager
def writer(path, rate):
    """A function that adds a frame uint8 [H, W, 3] RGB to an .mp4; the file takes its name when all went well.

    Raises:
        FileNotFoundError: no such directory. OSError: OpenCV can't write video here.
    """
    path = pathlib.Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"can't write {path}: there is no directory {path.parent}")
    handle, temporary = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=".mp4", dir=path.parent)
    os.close(handle)
    output = None

    def add(frame):
        nonlocal output
        if output is None:
            size = frame.shape[1::-1]
            output = cv2.VideoWriter(temporary, cv2.VideoWriter_fourcc(*"mp4v"), rate, size)
            if not output.isOpened():
                raise OSError(f"can't write {path}: this OpenCV has no encoder for it")
        output.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))

    try:
        yield add
        if output is not None:
            output.release()
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
    finally:
        if output is not None:
            output.release()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
