#!/bin/sh
# cv2.imread promises to turn photographs by their EXIF tag; for some files it does not, and for TIFF it reads nothing.
#
# Tried: opencv-python-headless 4.10.0.84, 4.11.0.86 and 4.12.0.88 from PyPI, Python 3.10 to 3.12.
# Four files of 60 x 40 pixels with EXIF orientation 6 (turn a quarter clockwise: 40 x 60), made by Pillow 11.3.0:
#   - JPEG and PNG: turned;
#   - JPEG whose XMP segment stands before its EXIF segment (both are APP1, any order is valid): not turned, silently;
#   - WebP: not turned, silently;
#   - TIFF: 4.10 turns it; 4.11 and 4.12 return None from imread (an assertion inside: original_ptr == real_mat.data)
#     for orientations 5 to 8, while imdecode of the same bytes turns it.
# Pillow's ImageOps.exif_transpose turns all of them. What helps: find the EXIF block oneself, and turn.
# Exits 0 as long as that is so. Needs python3 (3.10 to 3.12) with venv.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/make.py" <<'EOP'
import struct
import sys

import numpy as np
from PIL import Image, ImageOps

folder = sys.argv[1]
image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))
tags = Image.Exif()
tags[0x0112] = 6
for name in ("plain.jpg", "a.png", "a.webp", "a.tif"):
    image.save(f"{folder}/{name}", exif=tags)
data = open(f"{folder}/plain.jpg", "rb").read()
xmp = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
segment = b"\xff\xe1" + struct.pack(">H", len(xmp) + 2) + xmp
open(f"{folder}/xmp_first.jpg", "wb").write(data[:2] + segment + data[2:])
for name in ("plain.jpg", "xmp_first.jpg", "a.png", "a.webp", "a.tif"):
    assert ImageOps.exif_transpose(Image.open(f"{folder}/{name}")).size == (40, 60), name
EOP
cat > "$work/check.py" <<'EOP'
import sys

import cv2
import numpy as np

cv2.setLogLevel(0)
folder, tiff = sys.argv[1:]
turned, seen = {(60, 40, 3): "turned", (40, 60, 3): "not turned"}, {}
for name in ("plain.jpg", "xmp_first.jpg", "a.png", "a.webp", "a.tif"):
    read = cv2.imread(f"{folder}/{name}")
    seen[name] = "None" if read is None else turned[read.shape]
decoded = cv2.imdecode(np.fromfile(f"{folder}/a.tif", np.uint8), cv2.IMREAD_COLOR)
seen["a.tif by imdecode"] = turned[decoded.shape]
print(f"OpenCV {cv2.__version__}: {seen}")
sys.exit(list(seen.values()) != ["turned", "not turned", "turned", "not turned", tiff, "turned"])
EOP
python3 -m venv "$work/pillow"
"$work/pillow/bin/pip" install -q --disable-pip-version-check pillow==11.3.0 numpy==1.26.4
"$work/pillow/bin/python" "$work/make.py" "$work"
try() {  # OpenCV, NumPy, what imread does with the TIFF
    python3 -m venv "$work/$1"
    "$work/$1/bin/pip" install -q --disable-pip-version-check "opencv-python-headless==$1" "numpy==$2"
    "$work/$1/bin/python" "$work/check.py" "$work" "$3"
}
try 4.10.0.84 1.26.4 turned
try 4.11.0.86 1.26.4 None
try 4.12.0.88 2.2.6 None
echo "as described"
