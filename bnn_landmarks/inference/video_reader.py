"""The frames of a video file, a stream or a camera, upright and each with its own time.

video = Video("clip.mp4")
for frame in video:                       # uint8 [H, W, 3] RGB
    print(video.time, video.seconds)      # since the first frame, since the frame before
"""

import os
import pathlib
import re
import time

import cv2

from bnn_landmarks.geometry import image_bytes
from bnn_landmarks.inference import mp4

SUFFIXES = tuple(
    ".mp4 .m4v .mov .3gp .3g2 .mkv .webm .avi .wmv .asf .flv .mpg .mpeg .ts .mts .m2ts .vob .ogv .ivf .gif "
    ".mjpeg .mjpg .h264 .264 .h265 .265 .hevc .m1v .m2v .y4m".split()
)
DEFAULT_RATE = 30.0
# Per second. FFmpeg tells 1000 of a Matroska file that tells nothing (a browser's recording).
RATES = 0.01, 999.0
# OpenCV's degrees -> EXIF's numbers: plain, mirrored.
TURNED = {0: (1, 4), 90: (6, 5), 180: (3, 2), 270: (8, 7)}


def is_address(source):
    """Whether a source is an address (rtsp://, http:// ...) and no path."""
    return bool(re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", str(source)))


def shown(source):
    """A source as it may be printed: without the password of an address."""
    return re.sub(r"(?<=://)[^/@]*@", "", str(source)) if is_address(source) else str(source)


class Video:
    """The frames of a video file, a stream or a camera: iterate for uint8 [H, W, 3] RGB arrays, turned upright.

    Args:
        source: a path; an address, such as rtsp://... or http://...; a camera's number, or its device (/dev/video2).

    Attributes:
        rate: frames per second, as the header tells; DEFAULT_RATE where it does not. Phones and browsers record at
            varying rates: what counts is `time`.
        count: frames of a file as its header tells, often an estimate; None where nobody knows. Once the file was read
            to its end, as many as there were.
        time: seconds from the first frame to the one that came last. seconds: from the frame before to that one,
            positive; 1 / rate at the first.
        live: a camera or an address: it may never end.

    Raises:
        FileNotFoundError: no such file. OSError: it may not be read. ValueError: it is no video, or there is no such
            camera; when iterated, it gives no frame.
    """

    def __init__(self, source):
        if isinstance(source, int):
            self.name, self._opened, self.live = f"camera {source}", source, True
        elif is_address(source):
            self.name, self._opened, self.live = shown(source), str(source), True
        else:
            path = pathlib.Path(source)
            # Absolute, because FFmpeg takes the 12 of 12:30.mp4 for a protocol.
            self.name, self._opened = str(source), os.path.abspath(path)
            self.live = path.exists() and not path.is_file() and not path.is_dir()  # a device or a pipe
            if not self.live:
                _check_file(path)
        self._open()
        rate, count = self._capture.get(cv2.CAP_PROP_FPS), self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.rate = rate if RATES[0] <= rate <= RATES[1] else DEFAULT_RATE
        self.count = int(count) if 0 < count < 1e9 and not self.live else None
        self.time, self.seconds = 0.0, 1 / self.rate

    def _open(self):
        self._capture = cv2.VideoCapture(self._opened)
        if not self._capture.isOpened():
            reason = "is not a video that can be read (damaged, or of another kind)"
            if self.live:
                why = (
                    ": is it there, and does no other program use it?"
                    if isinstance(self._opened, int)
                    else ""
                )
                raise ValueError(f"{self.name} can't be opened{why}")
            raise ValueError(f"{self.name} {reason}")
        # Which OpenCV turns by itself depends on its version, and none knows mirrored pictures.
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
        degrees = self._capture.get(cv2.CAP_PROP_ORIENTATION_META)
        possible = TURNED.get(degrees, (1,))
        told = [] if self.live else mp4.orientations(self._opened)
        self._turn = next((number for number in told if number in possible), possible[0])

    def __iter__(self):
        if not self._capture.isOpened():
            self._open()
        clock, count = _Clock(self.rate, self.live), 0
        try:
            while True:
                read, frame = self._capture.read()
                if not read:
                    break
                count += 1
                now = clock.tell(self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
                self.time, self.seconds = now, now - self.time if count > 1 else 1 / self.rate
                yield image_bytes.turned(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), self._turn)
        finally:
            self._capture.release()
        if not count:
            raise ValueError(
                f"{self.name} gives no frame" if self.live else f"{self.name} holds no frame that can be read"
            )
        if not self.live:
            self.count = count


def _check_file(path):
    if not path.is_file():
        raise FileNotFoundError(f"no video at {path}")
    with open(path, "rb") as file:
        if not file.read(1):
            raise ValueError(f"{path} is not a video that can be read: it is empty")
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise ValueError(f"{str(path)!a} can't be read: its name is not UTF-8; rename it") from None


class _Clock:
    """Seconds since the first frame, strictly growing: as the container tells them, or, where it does not, by the
    rate (of a camera or a stream: by this machine's clock)."""

    LONGEST = 3600.0  # seconds. A larger step, or one back, is no time but a container without times.
    LATEST = 1e9  # seconds. FFmpeg's mark for "no time" comes out of OpenCV as -7.7e12.

    def __init__(self, rate, live):
        self.step, self.live = 1 / rate, live
        self.now = self.arrived = None
        # (told, now) of the last frame whose time was taken, and of the last frame: where one time is missing the next
        # ones follow the former, where times begin anew (a stream that is joined of two) they follow the latter.
        self.anchors = []

    def tell(self, told):
        """The time of a frame that just came; told: seconds, as the container has it."""
        arrived = time.monotonic()
        if self.now is None:
            self.now, self.anchors = 0.0, [(told, 0.0)] * 2
        else:
            taken = [now + told - then for then, now in self.anchors if self._plausible(told, then)]
            if taken:
                self.now = max(taken[0], self.now + 1e-3)
                self.anchors[0] = (told, self.now)
            else:
                self.now += max(arrived - self.arrived, 1e-3) if self.live else self.step
            self.anchors[1] = (told, self.now)
        self.arrived = arrived
        return self.now

    def _plausible(self, told, then):
        return 0 < told - then <= self.LONGEST and abs(told) < self.LATEST
