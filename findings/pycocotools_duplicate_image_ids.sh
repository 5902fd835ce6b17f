#!/bin/sh
# pycocotools 2.0.11 (PyPI): two images of one id are one image, the later; the annotations of both are taken to be
# its own.
#
# One would guess an error from the format's reference reader. It happens where two files are joined that both count
# from 1: half of the annotations then belong to a picture that they were not made on, and training and scores are
# wrong in silence.
#
# Seen (Python 3.11, Linux x86-64):
#   second.png annotations 1 2
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

images = [{"id": 1, "file_name": "first.png"}, {"id": 1, "file_name": "second.png"}]
bird = {"category_id": 1, "image_id": 1, "bbox": [20, 20, 60, 40], "area": 2400, "iscrowd": 0}
data = COCO()
data.dataset = {
    "images": images,
    "categories": [{"id": 1, "name": "bird"}],
    "annotations": [{"id": 1, **bird}, {"id": 2, **bird}],
}
with contextlib.redirect_stdout(io.StringIO()):
    data.createIndex()
for key in data.getImgIds():
    print(data.loadImgs(key)[0]["file_name"], "annotations", *data.getAnnIds(imgIds=key))
PYTHON

cat > "$work/expected" <<'TEXT'
second.png annotations 1 2
TEXT
"$work/venv/bin/python" "$work/look.py" "$work" 2> /dev/null | tee "$work/seen"
diff "$work/expected" "$work/seen"
