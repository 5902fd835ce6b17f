"""Small videos as phones, browsers, cameras and downloads leave them."""

import base64
import struct

import cv2
import numpy as np

from bnn_landmarks.inference.video import writer

# Four frames of 32 x 32 in H.264, without a container: the white part grows by 8 columns a frame.
H264 = base64.b64decode(
    "AAAAAWdkAAqscgRJaEAAAAMAQAAADIPEiWEYAAAAAWjoQ4RLIsAAAAFliIEABr/wef4ESsMLE5zTgQAAAAFBmghtiFf/U+QaH3a6XbzI"
    "eFC1gAAAAAFBnhAnEK/085XDn3cAAAABAZ4YTUhX/7wosVc="
)
# OpenCV's encoders of the suffixes that it can write.
ENCODERS = {
    **{".mpg": "PIM1", ".mpeg": "MPG2", ".m2v": "MPG2", ".vob": "MPG2", ".ts": "MPG2", ".wmv": "WMV2"},
    **{".asf": "WMV2", ".3gp": "mp4v", ".mov": "mp4v", ".m4v": "mp4v", ".mkv": "mp4v", ".flv": "FLV1"},
    **{".avi": "MJPG", ".mjpeg": "MJPG", ".webm": "VP80", ".ivf": "VP80", ".mp4": "mp4v"},
}


def encoded(path, frames, rate=25):
    """Frames uint8 [H, W, 3] RGB in the format of the path's suffix, at a constant rate."""
    fourcc = cv2.VideoWriter_fourcc(*ENCODERS[path.suffix])
    output = cv2.VideoWriter(str(path), fourcc, rate, frames[0].shape[1::-1])
    assert output.isOpened()
    for frame in frames:
        output.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    output.release()
    return path


def turned(path, frames, matrix):
    """An .mp4 as a phone writes it: the sensor's frames, and in the track's header the matrix (a, b, c, d) that shows
    them upright."""
    with writer(path, 25) as add:
        for frame in frames:
            add(frame)
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 4 + 40
    a, b, c, d = (value << 16 for value in matrix)
    data[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def recorded(path, frames, milliseconds):
    """A Matroska file as browsers record it: a time for each frame, and no word of a rate."""
    height, width = frames[0].shape[:2]
    video = _element(0xE0, _element(0xB0, _number(width)), _element(0xBA, _number(height)))
    numbers = [_element(name, _number(1)) for name in (0xD7, 0x73C5, 0x83)]
    track = _element(0xAE, *numbers, _element(0x86, b"V_MJPEG"), video)
    blocks = [
        _element(0xA3, b"\x81" + struct.pack(">hB", time, 0x80) + jpeg(frame))
        for frame, time in zip(frames, milliseconds, strict=True)
    ]
    head = _element(0x1A45DFA3, _element(0x4282, b"matroska"), _element(0x4287, _number(4)))
    info = _element(0x1549A966, _element(0x2AD7B1, (1_000_000).to_bytes(3, "big")))
    cluster = _element(0x1F43B675, _element(0xE7, _number(0)), *blocks)
    path.write_bytes(head + _element(0x18538067, info, _element(0x1654AE6B, track), cluster))
    return path


def jpeg(frame):
    return cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))[1].tobytes()


def corners(shape=(48, 64)):
    """uint8 [H, W, 3]: red at the upper left, green at the upper right, blue at the lower left, black elsewhere."""
    frame = np.zeros((*shape, 3), np.uint8)
    half = shape[0] // 2, shape[1] // 2
    frame[: half[0], : half[1], 0] = frame[: half[0], half[1] :, 1] = frame[half[0] :, : half[1], 2] = 250
    return frame


def _element(name, *bodies):
    body = b"".join(bodies)
    name = name.to_bytes((name.bit_length() + 7) // 8, "big")
    return name + (0x10000000 | len(body)).to_bytes(4, "big") + body


def _number(value):
    return value.to_bytes(2, "big")
