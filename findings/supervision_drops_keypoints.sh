#!/bin/sh
# supervision 0.31.2 (PyPI): a COCO key point file that goes through `DetectionDataset` comes out without its key
# points.
#
# One would guess that reading and writing a file keeps what it holds, or refuses it. `DetectionDataset.from_coco`
# and `as_coco`, which people use to split, merge and clean folders, keep boxes and masks; `keypoints`,
# `num_keypoints`, and the category's `keypoints` and `skeleton` are gone without a word.
#
# Seen (Python 3.11, Linux x86-64):
#   categories before: id keypoints name skeleton
#   categories after: id name supercategory
#   annotations before: area bbox category_id id image_id iscrowd keypoints num_keypoints segmentation
#   annotations after: area bbox category_id id image_id iscrowd segmentation
# Exits 0 as long as that is so. Needs python3 (3.10 or later) with venv.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet supervision==0.31.2 numpy pillow

cat > "$work/look.py" <<'PYTHON'
import json
import pathlib
import sys

import numpy as np
import supervision
from PIL import Image

work = pathlib.Path(sys.argv[1])
(work / "images").mkdir()
Image.fromarray(np.full((90, 120, 3), 40, np.uint8)).save(work / "images" / "a.png")
bird = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [20, 20, 60, 40], "area": 2400, "iscrowd": 0}
bird |= {"segmentation": [], "keypoints": [25, 25, 2, 75, 58, 2], "num_keypoints": 2}
record = {
    "images": [{"id": 1, "file_name": "a.png", "width": 120, "height": 90}],
    "categories": [{"id": 1, "name": "bird", "keypoints": ["beak", "tail"], "skeleton": [[1, 2]]}],
    "annotations": [bird],
}
(work / "in.json").write_text(json.dumps(record))
data = supervision.DetectionDataset.from_coco(str(work / "images"), str(work / "in.json"))
data.as_coco(annotations_path=str(work / "out.json"))
found = json.loads((work / "out.json").read_text())
for kind in ("categories", "annotations"):
    print(f"{kind} before:", *sorted(record[kind][0]))
    print(f"{kind} after:", *sorted(found[kind][0]))
PYTHON

cat > "$work/expected" <<'TEXT'
categories before: id keypoints name skeleton
categories after: id name supercategory
annotations before: area bbox category_id id image_id iscrowd keypoints num_keypoints segmentation
annotations after: area bbox category_id id image_id iscrowd segmentation
TEXT
"$work/venv/bin/python" "$work/look.py" "$work" 2> /dev/null | tee "$work/seen"
diff "$work/expected" "$work/seen"
