#!/bin/sh
# A browser's recording claims 1,000 frames per second, a camera's stream without a container a time of -7.7e15 ms, and
# the number of frames is negative: cv2.VideoCapture's properties are guesses, only a frame's own time is not.
#
# Tried: opencv-python-headless 4.11.0.86 from PyPI, numpy 1.26.4, Python 3.10 to 3.12.
#   - Matroska/WebM without a DefaultDuration, as MediaRecorder writes it, frames at 0, 47, 94, 114, 148, 208,
#     255, 275 ms: CAP_PROP_FPS is 1000 (the container's clock; 59 where there are the first five frames only),
#     CAP_PROP_FRAME_COUNT about -9.2e18. Who smooths or replays by that rate is wrong by a factor of 25.
#     CAP_PROP_POS_MSEC after each read is right.
#   - JPEGs one after the other (.mjpeg, as libcamera-vid writes them): FPS 25 though nothing says so, FRAME_COUNT about
#     -1.9e14, POS_MSEC about -7.7e15 (FFmpeg's mark for "no time", converted), growing by 40.
#   - Matroska that promises 25 frames per second and has them at 0, 100, 150, 184, 217, 250 ms: FPS 25, POS_MSEC right.
# What helps: read POS_MSEC after each frame, and count frames where it is no time.
# Exits 0 as long as that is so. Needs python3 (3.10 to 3.12) with venv.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check opencv-python-headless==4.11.0.86 numpy==1.26.4
cat > "$work/check.py" <<'EOP'
import sys

import cv2
import numpy as np

folder = sys.argv[1]


def read(name):
    capture = cv2.VideoCapture(name)
    rate, count, times = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT), []
    while capture.read()[0]:
        times.append(capture.get(cv2.CAP_PROP_POS_MSEC))
    print(f"OpenCV {cv2.__version__}: {name.split('/')[-1]}: FPS {rate:g}, FRAME_COUNT {count:g}, POS_MSEC {times}")
    return rate, count, np.array(times)


def number(size, name, *bodies):
    body = b"".join(bodies)
    return name.to_bytes(size, "big") + (0x10000000 | len(body)).to_bytes(4, "big") + body


jpeg = cv2.imencode(".jpg", np.full((48, 64, 3), 99, np.uint8))[1].tobytes()
one, size = b"\1", number(1, 0xE0, number(1, 0xB0, b"\x40"), number(1, 0xBA, b"\x30"))


def matroska(name, times, *told):
    track = number(1, 0xAE, number(1, 0xD7, one), number(2, 0x73C5, one), number(1, 0x83, one),
                   number(1, 0x86, b"V_MJPEG"), *told, size)
    blocks = [number(1, 0xA3, b"\x81" + time.to_bytes(2, "big") + b"\x80" + jpeg) for time in times]
    with open(name, "wb") as file:
        file.write(number(4, 0x1A45DFA3, number(2, 0x4282, b"matroska"), number(2, 0x4287, b"\4")))
        file.write(number(4, 0x18538067, number(4, 0x1549A966, number(3, 0x2AD7B1, (10**6).to_bytes(3, "big"))),
                          number(4, 0x1654AE6B, track), number(4, 0x1F43B675, number(1, 0xE7, b"\0"), *blocks)))


browser, varying = [0, 47, 94, 114, 148, 208, 255, 275], [0, 100, 150, 184, 217, 250]
matroska(f"{folder}/recorder.mkv", browser)
matroska(f"{folder}/phone.mkv", varying, number(3, 0x23E383, (40 * 10**6).to_bytes(4, "big")))
with open(f"{folder}/camera.mjpeg", "wb") as file:
    file.write(jpeg * 5)

rate, count, times = read(f"{folder}/recorder.mkv")
same = rate == 1000 and count < -9e18 and np.allclose(times, browser)
rate, count, times = read(f"{folder}/camera.mjpeg")
same &= rate == 25 and -2e14 < count < -1.8e14 and len(times) == 5 and (times < -7e15).all()
rate, count, times = read(f"{folder}/phone.mkv")
same &= rate == 25 and np.allclose(times, varying)
sys.exit(not same)
EOP
"$work/venv/bin/python" "$work/check.py" "$work"
echo "as described"
