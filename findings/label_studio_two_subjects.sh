#!/bin/sh
# label-studio-sdk 2.1.2 (PyPI): a COCO export makes one annotation of all key points in an image; of two birds the
# first is lost.
#
# One would guess one annotation for each subject. Key points of an image are gathered whatever box they lie in or
# belong to (`parentID`), and where a label comes twice the later point replaces the earlier without a word. So an
# image with two subjects exports one, whose points may even be of both.
#
# Seen (Python 3.11, Linux x86-64):
#   60 61 2 20 21 2
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

labels = """<Label value="beak" model_index="0"/><Label value="tail" model_index="1"/>"""
first, second = [point("beak", 10, 11), point("tail", 20, 21)], [point("beak", 60, 61)]
record = export(labels, [*first, *second])
for annotation in record["annotations"]:
    print(*annotation["keypoints"])
PYTHON

cat > "$work/expected" <<'TEXT'
60 61 2 20 21 2
TEXT
"$work/venv/bin/python" "$work/look.py" "$work" 2> /dev/null | tee "$work/seen"
diff "$work/expected" "$work/seen"
