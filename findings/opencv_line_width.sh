#!/usr/bin/env bash
# OpenCV 4.14.0.94 (opencv-python-headless from PyPI): cv2.line with LINE_AA covers more than the thickness it is asked for:
# 1.3 pixels for 1, 3.4 for 2, 5.4 for 3 and for 4, 9.4 for 8.
#
# One would guess a width of `thickness` pixels. Whoever draws the same picture on a canvas, in SVG or by Pillow gets lines
# that are thinner by 1.4 pixels, of odd thickness by 2.4.
#
# Seen (Linux x86-64): as above, the covered area of a level line over its length.
# Exits 0 as long as that is so. Needs python3 with venv.
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv"
"$here/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==4.14.0.94 "numpy>=2" 2> /dev/null
"$here/venv/bin/python" - <<'PY'
import cv2
import numpy as np

print(cv2.__version__)
for thickness, seen in ((1, 1.3), (2, 3.4), (3, 5.4), (4, 5.4), (8, 9.4)):
    image = np.zeros((100, 100), np.uint8)
    cv2.line(image, (10 * 16, 50 * 16), (90 * 16, 50 * 16), 255, thickness, cv2.LINE_AA, 4)
    covered = image[:, 50].sum() / 255
    print(f"thickness {thickness}: {covered:.1f} pixels")
    assert abs(covered - seen) < 0.1, "cv2.line is no longer as described"
PY
