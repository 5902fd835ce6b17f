"""Writing an .mp4 that takes its name when all went well."""

import contextlib
import os
import pathlib
import tempfile

import cv2


@contextlib.contextmanager
def writer(path, rate):
    """A function `add(frame, time=None)` that adds a frame uint8 [H, W, 3] RGB to an .mp4.

    rate: frames per second. time: seconds from the first frame; None: as the rate says.

    Raises:
        FileNotFoundError: no such directory. OSError: OpenCV can't write video here.
    """
    path = pathlib.Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"can't write {path}: there is no directory {path.parent}")
    handle, temporary = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=".mp4", dir=path.parent)
    os.close(handle)
    output = None

    def add(frame, time=None):
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
