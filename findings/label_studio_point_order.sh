#!/bin/sh
# label-studio-sdk 2.1.2 (PyPI): a COCO export lists the points' names in the configuration's order, their values in
# the order of `model_index`.
#
# One would guess that categories[].keypoints names the values of annotations[].keypoints one after another: that is
# what the two lists are for. Where `model_index` does not rise with the labels' order (they were sorted by hand in
# the web page, or one was put in front later), every reader takes each point for another, and nothing in the file
# tells.
#
# Seen (Python 3.11, Linux x86-64):
#   beak: 80, 81
#   wing: 50, 51
#   tail: 10, 11
# Exits 0 as long as that is so. Needs python3 (3.9 or later) with venv.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet label-studio-sdk==2.1.2 numpy pillow

cat > "$work/look.py" <<'PYTHON'
import json
import logging
import pathlib
import sys

import numpy as np
from label_studio_sdk.converter import Converter
from PIL import Image

logging.disable(logging.CRITICAL)
work = pathlib.Path(sys.argv[1])


def config(labels):
    return f"""<View><Image name="image" value="$image"/>
    <RectangleLabels name="box" toName="image"><Label value="bird"/></RectangleLabels>
    <KeyPointLabels name="points" toName="image">{labels}</KeyPointLabels></View>"""


def point(label, x, y, width=120, height=90):
    """One key point as the server stores it: percent of the picture that the browser shows."""
    value = {"x": 100 * x / width, "y": 100 * y / height, "width": 0.5, "keypointlabels": [label]}
    where = {"from_name": "points", "to_name": "image", "original_width": width, "original_height": height}
    return {"id": f"{label}{x}", "type": "keypointlabels", "image_rotation": 0, **where, "value": value}


def export(labels, result, picture="a.png"):
    task = {"id": 1, "data": {"image": str(work / picture)}, "annotations": [{"id": 1, "result": result}]}
    (work / "tasks.json").write_text(json.dumps([task]))
    Converter(config(labels), str(work), download_resources=False).convert_to_coco(
        str(work / "tasks.json"), str(work / "out"), is_dir=False
    )
    return json.loads((work / "out" / "result.json").read_text())


Image.fromarray(np.full((90, 120, 3), 40, np.uint8)).save(work / "a.png")

labels = """<Label value="beak" model_index="2"/><Label value="wing" model_index="1"/>
            <Label value="tail" model_index="0"/>"""
record = export(labels, [point("beak", 10, 11), point("wing", 50, 51), point("tail", 80, 81)])
names = record["categories"][-1]["keypoints"]
values = record["annotations"][0]["keypoints"]
for name, x, y in zip(names, values[::3], values[1::3]):
    print(f"{name}: {x}, {y}")
PYTHON

cat > "$work/expected" <<'TEXT'
beak: 80, 81
wing: 50, 51
tail: 10, 11
TEXT
"$work/venv/bin/python" "$work/look.py" "$work" 2> /dev/null | tee "$work/seen"
diff "$work/expected" "$work/seen"
