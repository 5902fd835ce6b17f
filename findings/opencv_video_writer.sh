#!/bin/sh
# cv2.VideoWriter loses what it can't write and says nothing: the last row and column of odd sizes, frames of another
# size, and everything once the disk is full.
#
# Tried: opencv-python-headless 4.11.0.86 from PyPI, numpy 1.26.4, Python 3.10 to 3.12, .mp4 with mp4v.
#   - opened for 63 x 47: isOpened() is true; the file holds 62 x 46 pixels, cut at the right and below;
#   - frames of another size than the writer was opened for: write() returns None as always; they are not in the file;
#   - files limited to 20,000 bytes (a full disk): write() and release() return None, no exception; the file can't be
#     opened any more, for the table at its end was not written.
# Expected: write() tells. What helps: pad to even sizes, fit each frame to the first's size, and count the frames in the
# finished file before it takes its name.
# Exits 0 as long as that is so. Needs python3 (3.10 to 3.12) with venv.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check opencv-python-headless==4.11.0.86 numpy==1.26.4
cat > "$work/check.py" <<'EOP'
import resource
import sys

import cv2
import numpy as np

folder, rng = sys.argv[1], np.random.default_rng(0)


def write(name, opened, frames):
    output = cv2.VideoWriter(name, cv2.VideoWriter_fourcc(*"mp4v"), 25, opened)
    assert output.isOpened()
    told = {output.write(frame) for frame in frames} | {output.release()}
    capture, shapes = cv2.VideoCapture(name), []
    while (read := capture.read())[0]:
        shapes.append(read[1].shape[1::-1])
    print(f"OpenCV {cv2.__version__}: opened for {opened}, told {told}, frames in the file: {len(shapes)} {set(shapes)}")
    return told, shapes


def noise(width, height):
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


same = write(f"{folder}/odd.mp4", (63, 47), [noise(63, 47)] * 3) == ({None}, [(62, 46)] * 3)
mixed = [noise(64, 48), noise(48, 64), noise(32, 24), noise(64, 48)]
same &= write(f"{folder}/mixed.mp4", (64, 48), mixed) == ({None}, [(64, 48)] * 2)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
same &= write(f"{folder}/full.mp4", (160, 120), [noise(160, 120) for _ in range(30)]) == ({None}, [])
sys.exit(not same)
EOP
"$work/venv/bin/python" "$work/check.py" "$work"
echo "as described"
