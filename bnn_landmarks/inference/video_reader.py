"""The frames of a video file, a stream or a camera, upright and each with its own time.

video = Video("clip.mp4")
for frame in video:                       # uint8 [H, W, 3] RGB
    print(video.time, video.seconds)      # since the first frame, since the frame before
"""

import math
import pathlib
import time

import cv2

SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
DEFAULT_RATE = 30.0


class Video:
    """The frames of a video file or a camera: iterate for uint8 [H, W, 3] RGB arrays.

    Args:
        source: a path, or a camera's number.

    Attributes:
        rate: frames per second, as the header tells. count: frames of a file as its header tells, None of a camera.
        time: seconds from the first frame to the one that came last. seconds: from the frame before to that one,
            positive; 1 / rate at the first.

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
        self.rate = rate if math.isfinite(rate) and 0 < rate <= 1000 else DEFAULT_RATE
        self.count = int(count) if count > 0 and not camera else None
        self.time, self.seconds = 0.0, 1 / self.rate
        self._live = camera

    def __iter__(self):
        clock = _Clock(self.rate, self._live)
        while True:
            read, frame = self._capture.read()
            if not read:
                self._capture.release()
                return
            now = clock.tell(self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
            self.seconds = now - self.time if now > 0 else 1 / self.rate
            self.time = now
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)


class _Clock:
    """Seconds since the first frame, strictly growing: as the container tells them, or, where it does not, by the
    rate (of a camera: by this machine's clock)."""

    LONGEST = 3600.0  # A larger step, or one back, is no time but a container without times.

    def __init__(self, rate, live):
        self.step, self.live = 1 / rate, live
        self.told = self.now = self.arrived = None

    def tell(self, told):
        arrived = time.monotonic()
        if self.now is None:
            self.now = 0.0
        elif 0 < told - self.told <= self.LONGEST:
            self.now += told - self.told
        else:
            self.now += max(arrived - self.arrived, 1e-3) if self.live else self.step
        self.told, self.arrived = told, arrived
        return self.now
