#!/bin/sh
# pycocotools 2.0.11 (PyPI): `loadRes` draws the box of a key point result around all its points, those that are not
# there (0, 0, 0) too.
#
# One would guess the box around the points that were found. A result with one point left out gets a box from the
# image's corner and an area several times the subject's. `COCOeval` keeps or drops results by that area (small,
# medium, large), so that leaving out a point moves a subject to another row of the table.
#
# Seen (Python 3.11, Linux x86-64):
#   3 points: 500 400 40 30 area 1200
#   2 points: 0 0 540 430 area 232200
# Exits 0 as long as that is so. Needs python3 (3.9 or later) with venv.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pycocotools==2.0.11 numpy

cat > "$work/look.py" <<'PYTHON'
import contextlib
import io

from pycocotools.coco import COCO

truth = COCO()
truth.dataset = {
    "info": {},
    "images": [{"id": 1, "file_name": "a.png", "width": 640, "height": 480}],
    "categories": [{"id": 1, "name": "bird", "keypoints": ["beak", "wing", "tail"]}],
    "annotations": [],
}
with contextlib.redirect_stdout(io.StringIO()):
    truth.createIndex()
for points in ([500, 400, 2, 520, 410, 2, 540, 430, 2], [500, 400, 2, 0, 0, 0, 540, 430, 2]):
    result = {"image_id": 1, "category_id": 1, "keypoints": points, "score": 0.9}
    with contextlib.redirect_stdout(io.StringIO()):
        found = truth.loadRes([result]).anns[1]
    print(f"{sum(v > 0 for v in points[2::3])} points:", *(int(v) for v in found["bbox"]), "area", int(found["area"]))
PYTHON

cat > "$work/expected" <<'TEXT'
3 points: 500 400 40 30 area 1200
2 points: 0 0 540 430 area 232200
TEXT
"$work/venv/bin/python" "$work/look.py" "$work" 2> /dev/null | tee "$work/seen"
diff "$work/expected" "$work/seen"
