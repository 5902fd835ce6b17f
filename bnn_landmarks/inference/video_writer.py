"""Writing an .mp4 whose frames keep their times, and which takes its name when all went well."""

import contextlib
import os
import pathlib
import shutil

import cv2

from bnn_landmarks.files import check_place, hidden_name
from bnn_landmarks.inference import mp4

LONGEST_SIDE = 8190  # pixels, of MPEG-4 part 2.
SLOWEST = 0.01  # frames per second, that the encoder can count.


@contextlib.contextmanager
def writer(path, rate):
    """A function `add(frame, time=None)` that adds a frame uint8 [H, W, 3] RGB to an .mp4.

    The encoder knows even sizes only: of an odd one the last row or column is there twice. A frame longer than
    LONGEST_SIDE is shrunk to it; one of another size than the first is fitted into that, with black beside it.

    rate: frames per second, at least SLOWEST. time: seconds from the first frame, growing; None: a step of the rate
    after the last.

    Raises:
        FileNotFoundError: no such directory. OSError: OpenCV can't write video here, or the disk is full.
    """
    path, rate = pathlib.Path(path), max(rate, SLOWEST)
    check_place(path)
    temporary = hidden_name(path.with_suffix(".mp4"))
    output, size, times = cv2.VideoWriter(), None, []

    def add(frame, time=None):
        nonlocal size
        if size is None:
            scale = min(1.0, LONGEST_SIDE / max(frame.shape[:2]))
            sides = [max(1, int(side * scale)) for side in frame.shape[1::-1]]
            size = tuple(side + side % 2 for side in sides)
            if not output.open(os.path.abspath(temporary), cv2.VideoWriter_fourcc(*"mp4v"), rate, size):
                raise OSError(f"can't write {path}: this OpenCV has no encoder for it")
        if time is None:
            time = times[-1] + 1 / rate if times else 0.0
        times.append(time)
        output.write(cv2.cvtColor(_fitted(frame, size), cv2.COLOR_RGB2BGR))

    try:
        open(temporary, "xb").close()
        yield add
        if times:
            output.release()
            try:
                mp4.set_times(temporary, times, 1 / rate)
            except (ValueError, OSError) as error:
                free = shutil.disk_usage(path.parent).free
                reason = "the disk is full" if free < 2**20 else str(error)
                raise OSError(f"can't write {path}: {reason}") from None
            os.replace(temporary, path)
    finally:
        output.release()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def _fitted(frame, size):
    """The frame at its place in a picture of this size (width, height): as it is, shrunk where it must be."""
    scale = min(1.0, size[0] / frame.shape[1], size[1] / frame.shape[0])
    if scale < 1:
        sides = [max(1, int(side * scale)) for side in frame.shape[1::-1]]
        frame = cv2.resize(frame, sides, interpolation=cv2.INTER_AREA)
    right, below = size[0] - frame.shape[1], size[1] - frame.shape[0]
    border = cv2.BORDER_REPLICATE if max(right, below) <= 1 else cv2.BORDER_CONSTANT
    return cv2.copyMakeBorder(frame, 0, below, 0, right, border) if right or below else frame
