"""Boxes from a file: COCO's results or annotations (.json), or a table (.csv).

boxes = read("boxes.json")
boxes.of("photo.jpg")                        # boxes float64 [N, 4], scores float64 [N] or None
"""

import csv
import dataclasses
import json
import pathlib

import numpy as np

from bnn_landmarks.geometry import crops

COLUMNS = ("file", "x", "y", "width", "height")


@dataclasses.dataclass(frozen=True)
class BoxFile:
    """name: the file's. found: {an image's file name without folders, its stem, or its number: [(box, score)]}."""

    name: str
    found: dict

    def of(self, image):
        """The boxes float64 [N, 4] of an image, a path, and their scores float64 [N], the best first; None where the
        file tells no scores.

        Raises:
            ValueError: the file has none for it.
        """
        path = pathlib.PurePath(str(image))
        keys = [path.name, path.stem, *([str(int(path.stem))] if path.stem.isdecimal() else [])]
        rows = next((self.found[key] for key in keys if key in self.found), None)
        if rows is None:
            raise ValueError(f"{self.name} has no box for {path.name}")
        boxes, scores = np.array([box for box, _ in rows]), [score for _, score in rows]
        if None in scores:
            return boxes, None
        order = np.argsort(-np.array(scores), kind="stable")
        return boxes[order], np.array(scores)[order]


def read(path):
    """The boxes of a file.

    COCO's results are a list of {"image_id", "bbox", "score"}, its annotations a record of "images" and "annotations".
    A table has the columns `COLUMNS`, and "score" if it likes.

    Raises:
        FileNotFoundError: no such file. ValueError: it is neither, or a box is none.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file of boxes at {path}")
    found = {}
    try:
        rows = _table(path) if path.suffix.lower() == ".csv" else _coco(json.loads(path.read_text()))
        for key, box, score in rows:
            score = None if score in (None, "") else float(score)
            found.setdefault(str(key), []).append((crops.check_box(box), score))
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError, ValueError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise ValueError(
            f"{path} is no file of boxes: COCO's results or annotations, or a .csv with the columns "
            f"{', '.join(COLUMNS)} ({reason})"
        ) from None
    if not found:
        raise ValueError(f"{path} holds no box")
    return BoxFile(path.name, found)


def _table(path):
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        missing = [column for column in COLUMNS if column not in (rows.fieldnames or ())]
        if missing:
            raise KeyError(missing[0])
        for row in rows:
            yield (
                pathlib.PurePath(row["file"]).name,
                [float(row[key]) for key in COLUMNS[1:]],
                row.get("score"),
            )


def _coco(record):
    names = {}
    if isinstance(record, dict):
        names = {image["id"]: pathlib.PurePath(image["file_name"]).name for image in record["images"]}
        record = record["annotations"]
    for each in record:
        yield names.get(each["image_id"], each["image_id"]), each["bbox"], each.get("score")
