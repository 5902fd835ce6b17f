#!/bin/sh
# datumaro 1.13.12 (PyPI; the library behind CVAT's exports): points in a group are written to COCO keypoints only
# where a box or an outline is in the group, too.
#
# One would guess that the box is made of the points, as it is for points in no group (0), or an error. A subject
# that has points alone, and a group of its own as the library asks for where several annotations make one subject,
# is not in the file; nothing is said.
#
# Seen (Python 3.11, Linux x86-64):
#   group 0: [[10.0, 11.0, 2, 20.0, 21.0, 2]]
#   group 1: []
#   group 1 with a box: [[10.0, 11.0, 2, 20.0, 21.0, 2]]
# Exits 0 as long as that is so. Needs python3 (3.10 to 3.12) with venv.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet datumaro==1.13.12

cat > "$work/look.py" <<'PYTHON'
import json
import logging
import pathlib
import sys

import datumaro
import numpy as np
from datumaro.components.annotation import AnnotationType, Bbox, LabelCategories, Points, PointsCategories
from datumaro.components.media import Image

logging.disable(logging.CRITICAL)
work = pathlib.Path(sys.argv[1])
labels, points = LabelCategories(), PointsCategories()
labels.add("bird")
points.add(0, ["beak", "tail"], [(1, 2)])
picture = Image.from_numpy(data=np.full((90, 120, 3), 40, np.uint8), ext=".png")


def exported(name, group, *more):
    bird = Points([10, 11, 20, 21], [2, 2], label=0, group=group)
    item = datumaro.DatasetItem(id="a", subset="train", media=picture, annotations=[bird, *more])
    categories = {AnnotationType.label: labels, AnnotationType.points: points}
    data = datumaro.Dataset.from_iterable([item], categories=categories, media_type=Image)
    data.export(str(work / name), "coco_person_keypoints")
    path = work / name / "annotations" / "person_keypoints_train.json"
    return [annotation["keypoints"] for annotation in json.loads(path.read_text())["annotations"]]


print("group 0:", exported("none", 0))
print("group 1:", exported("alone", 1))
print("group 1 with a box:", exported("box", 1, Bbox(5, 5, 30, 30, label=0, group=1)))
PYTHON

cat > "$work/expected" <<'TEXT'
group 0: [[10.0, 11.0, 2, 20.0, 21.0, 2]]
group 1: []
group 1 with a box: [[10.0, 11.0, 2, 20.0, 21.0, 2]]
TEXT
"$work/venv/bin/python" "$work/look.py" "$work" 2> /dev/null | tee "$work/seen"
diff "$work/expected" "$work/seen"
