#!/usr/bin/env bash
# OpenCV 4.14.0.94 (opencv-python-headless from PyPI): a PGM whose header says that white is 1023 is read as if it were
# 65535, so that 10 or 12 bits of an industrial camera come out black; where the header says 127, half as bright.
#
# One would guess that cv2.imread(..., IMREAD_COLOR) scales by the header's maximum, as Netpbm's format defines it and
# Pillow does. It shifts 16-bit samples by 8 bits whatever the maximum, and leaves 8-bit ones as they are.
#
# Seen (Linux x86-64): the brightest of a ramp from 0 to the maximum is 3 for 1023, 15 for 4095, 127 for 127; right for 255
# and 65535. Read by IMREAD_ANYDEPTH the samples are there, and the maximum is the caller's to look up.
# Exits 0 as long as that is so. Needs python3 with venv.
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv"
"$here/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==4.14.0.94 "numpy>=2" pillow==12.0.0 2> /dev/null
"$here/venv/bin/python" - "$here" <<'PY'
import sys

import cv2
import numpy as np
from PIL import Image

print("OpenCV", cv2.__version__)
for maximum, seen in ((127, 127), (255, 255), (1023, 3), (4095, 15), (65535, 255)):
    ramp = np.linspace(0, maximum, 64).round().reshape(8, 8)
    path = f"{sys.argv[1]}/{maximum}.pgm"
    with open(path, "wb") as file:
        file.write(b"P5\n8 8\n%d\n" % maximum + ramp.astype("u1" if maximum < 256 else ">u2").tobytes())
    colour, deep = cv2.imread(path, cv2.IMREAD_COLOR), cv2.imread(path, cv2.IMREAD_ANYDEPTH)
    pillow = np.asarray(Image.open(path))
    white = 65535 if pillow.dtype.itemsize > 1 else 255
    print(f"white is {maximum}: {colour.max()}, with any depth {deep.max()}, Pillow's {pillow.max()} of {white}")
    assert colour.max() == seen and deep.max() == maximum and pillow.max() == white, "no longer as described"
PY
