#!/bin/sh
# cv2.imread(..., IMREAD_COLOR) halves a 16-bit PNG to its high bytes: a quarter of all values come out one grey level
# too bright or dark, and never as the same array divided by 257.
#
# Tried: opencv-python-headless 4.11.0.86 from PyPI, numpy 1.26.4, Python 3.10 to 3.12.
# All 65,536 values, written as a grey 16-bit PNG and read back with IMREAD_COLOR, are value >> 8. The 8-bit value of
# the same brightness is round(value / 257), since 65535 / 255 = 257 (the PNG specification, "sample depth scaling";
# libpng's png_set_scale_16 does that, png_set_strip_16 takes the high byte). 24.8 % of the values differ, by 1.
# Who decodes one photograph with IMREAD_COLOR and converts another from its 16-bit array feeds a network two pictures.
# What helps: IMREAD_COLOR | IMREAD_ANYDEPTH, and one conversion for both.
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

values = np.arange(2**16, dtype=np.uint16).reshape(256, 256)
cv2.imwrite(f"{sys.argv[1]}/grey.png", values)
deep = cv2.imread(f"{sys.argv[1]}/grey.png", cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)[..., 0]
read = cv2.imread(f"{sys.argv[1]}/grey.png", cv2.IMREAD_COLOR)[..., 0].astype(int)
nearest = np.rint(values / 257).astype(int)
print(f"OpenCV {cv2.__version__}: value >> 8 for {(read == values >> 8).mean():.1%}, "
      f"not round(value / 257) for {(read != nearest).mean():.1%}, off by {np.abs(read - nearest).max()}")
sys.exit(not ((deep == values).all() and (read == values >> 8).all() and 0.24 < (read != nearest).mean() < 0.26))
EOP
"$work/venv/bin/python" "$work/check.py" "$work"
echo "as described"
