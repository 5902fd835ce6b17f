#!/bin/sh
# A phone's video lies on its side or not by OpenCV's version, and a mirrored one is never shown right.
#
# Tried: opencv-python-headless 4.10.0.84, 4.11.0.86 and 4.12.0.88 from PyPI (all bring FFmpeg), Python 3.10 to 3.12.
# A 64 x 48 .mp4, whose track header (tkhd) holds the matrix a phone writes, is read with cv2.VideoCapture:
#   - turned a quarter clockwise (a phone held upright): 4.10 and 4.12 give upright frames of 48 x 64, 4.11.0.86 gives
#     64 x 48 on their side, because it leaves CAP_PROP_ORIENTATION_AUTO at 0 where the others have 1; nothing warns;
#   - mirrored (a front camera's, matrix -1 0 0 1): every version says CAP_PROP_ORIENTATION_META = 180, so those that
#     turn by themselves put the picture upside down where it should be mirrored.
# Expected: one meaning of a default, and the eight matrices told apart. What helps: set CAP_PROP_ORIENTATION_AUTO to 0
# and turn by the file's own matrix.
# Exits 0 as long as that is so. Needs python3 (3.10 to 3.12) with venv.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/check.py" <<'EOP'
import struct
import sys

import cv2
import numpy as np

folder, auto, upright, mirrored = sys.argv[1], *map(int, sys.argv[2:])
frame = np.zeros((48, 64, 3), np.uint8)
frame[:24, :32] = 255  # white at the upper left
output = cv2.VideoWriter(f"{folder}/plain.mp4", cv2.VideoWriter_fourcc(*"mp4v"), 25, (64, 48))
for _ in range(3):
    output.write(frame)
output.release()


def read(a, b, c, d):
    data = bytearray(open(f"{folder}/plain.mp4", "rb").read())
    place = data.index(b"tkhd") + 44
    data[place : place + 36] = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    open(f"{folder}/turned.mp4", "wb").write(data)
    capture = cv2.VideoCapture(f"{folder}/turned.mp4")
    meta, default = capture.get(cv2.CAP_PROP_ORIENTATION_META), capture.get(cv2.CAP_PROP_ORIENTATION_AUTO)
    picture = capture.read()[1]
    height, width = picture.shape[:2]
    corners = {"upper left": picture[4, 4], "upper right": picture[4, -5], "lower left": picture[-5, 4],
               "lower right": picture[-5, -5]}
    white = next(name for name, pixel in corners.items() if pixel.mean() > 128)
    return int(default), int(meta), f"{width} x {height}, white at the {white}"


quarter, mirror = read(0, 1, -1, 0), read(-1, 0, 0, 1)
print(f"OpenCV {cv2.__version__}: ORIENTATION_AUTO {quarter[0]}; a quarter turn: META {quarter[1]}, {quarter[2]} "
      f"(right: 48 x 64, upper right); mirrored: META {mirror[1]}, {mirror[2]} (right: upper right)")
shown = {1: "48 x 64, white at the upper right", 0: "64 x 48, white at the upper left"}[upright]
wrong = {1: "64 x 48, white at the lower right", 0: "64 x 48, white at the upper left"}[mirrored]
sys.exit((quarter, mirror) != ((auto, 90, shown), (auto, 180, wrong)))
EOP
try() {  # OpenCV, NumPy; ORIENTATION_AUTO, whether the quarter turn is upright, whether the mirrored one is turned
    python3 -m venv "$work/$1"
    "$work/$1/bin/pip" install -q --disable-pip-version-check "opencv-python-headless==$1" "numpy==$2"
    "$work/$1/bin/python" "$work/check.py" "$work" "$3" "$4" "$5"
}
try 4.10.0.84 1.26.4 1 1 1
try 4.11.0.86 1.26.4 0 0 0
try 4.12.0.88 2.2.6 1 1 1
echo "as described"
