#!/bin/sh
# labelme2coco 0.2.6 (PyPI): key points drawn in labelme become boxes of one pixel, each label a category of its own.
#
# One would guess key points: labelme has the shape "point" and group_id to say which of them belong together, and
# COCO has `keypoints`. The converter warns of nothing; the groups are gone, so which beak belongs to which bird
# can't be told again.
#
# Seen (Python 3.11, Linux x86-64):
#   bird [20.0, 20.0, 60.0, 40.0] no keypoints
#   beak [25.0, 25.0, 1.0, 1.0] no keypoints
#   tail [75.0, 58.0, 1.0, 1.0] no keypoints
# Exits 0 as long as that is so. Needs python3 (3.9 to 3.12) with venv.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet labelme2coco==0.2.6 numpy pillow

cat > "$work/look.py" <<'PYTHON'
import contextlib
import io
import json
import logging
import pathlib
import sys

import labelme2coco
import numpy as np
from PIL import Image

logging.disable(logging.CRITICAL)
work = pathlib.Path(sys.argv[1])
(work / "in").mkdir()
Image.fromarray(np.full((90, 120, 3), 40, np.uint8)).save(work / "in" / "a.jpg")


def shape(label, points, kind):
    return {"label": label, "points": points, "group_id": 1, "shape_type": kind, "flags": {}}


shapes = [shape("bird", [[20, 20], [80, 60]], "rectangle")]
shapes += [shape("beak", [[25, 25]], "point"), shape("tail", [[75, 58]], "point")]
record = {"version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": "a.jpg", "imageData": None}
(work / "in" / "a.json").write_text(json.dumps({**record, "imageHeight": 90, "imageWidth": 120}))
with contextlib.redirect_stdout(io.StringIO()):
    labelme2coco.convert(str(work / "in"), str(work / "out"))
found = json.loads((work / "out" / "dataset.json").read_text())
names = {category["id"]: category["name"] for category in found["categories"]}
for annotation in found["annotations"]:
    print(names[annotation["category_id"]], annotation["bbox"], annotation.get("keypoints", "no keypoints"))
PYTHON

cat > "$work/expected" <<'TEXT'
bird [20.0, 20.0, 60.0, 40.0] no keypoints
beak [25.0, 25.0, 1.0, 1.0] no keypoints
tail [75.0, 58.0, 1.0, 1.0] no keypoints
TEXT
"$work/venv/bin/python" "$work/look.py" "$work" 2> /dev/null | tee "$work/seen"
diff "$work/expected" "$work/seen"
