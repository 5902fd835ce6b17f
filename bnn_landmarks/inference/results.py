"""What `predict` writes of a photograph or a video: JSON, and on request CSV and COCO's results.

docs/predictions.md describes every field; `VERSION` counts the changes after which a reader has to look again.
"""

import csv
import io
import json
import pathlib

from bnn_landmarks.files import atomic_write, check_place, name_as_text, read_json
from bnn_landmarks.inference.localizer import Parts
from bnn_landmarks.schemes import SCHEMES

FORMAT, VERSION = "bnn-landmarks predictions", 1
FORMATS = ("json", "csv", "coco")
SUFFIXES = {"json": ".json", "csv": ".csv", "coco": ".coco.json"}
COLUMNS = (
    "frame",
    "time",
    "track",
    "x",
    "y",
    "width",
    "height",
    "found",
    "detector",
    "box_score",
    "presence",
)
# What the files of these formats begin with, and the keys of an entry of COCO's results.
STARTS = {"json": f'{{\n "format": "{FORMAT}"'.encode(), "csv": ",".join(["file", *COLUMNS]).encode()}
COCO_KEYS = ["image_id", "category_id", "keypoints", "score", "bbox"]


def header(localizer, source, image):
    """What all subjects of a source share. source: as it is to be named. image: uint8 [H, W, 3], its first frame."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "file": name_as_text(source),
        "width": image.shape[1],
        "height": image.shape[0],
        "model": localizer.spec.name,
        "engine": localizer.engine.name,
        "flip": localizer.flip,
        "refine": localizer.refine,
        "scheme": localizer.scheme.name,
        "names": list(localizer.scheme.names),
    }


def subject(result):
    """A `Landmarks` or `Parts` as JSON: pixels to a hundredth, scores to four digits."""
    record = {
        "track": result.track,
        "box": _pixels(result.box),
        "found": result.found,
        "detector": result.detector,
        "box_score": None if result.box_score is None else round(float(result.box_score), 4),
        "presence": round(float(result.presence), 4),
    }
    if isinstance(result, Parts):
        return record
    return record | {
        "points": [_pixels(point) for point in result.points],
        "scores": [round(float(v), 4) for v in result.scores],
    }


def _pixels(values):
    return [round(float(v), 2) for v in values]


def write(record, target, formats=("json",)):
    """A record as TARGET.json, TARGET.csv and TARGET.coco.json, as `formats` names them.

    Args:
        record: `header`'s with "subjects", or with "frames" ({"frame", "time", "subjects"}). target: without suffix.

    Raises:
        ValueError: COCO's results of facial parts, which have no keypoints.
    """
    target = pathlib.Path(target)
    made = {
        "json": lambda: json.dumps(record, indent=1),
        "csv": lambda: table(record),
        "coco": lambda: json.dumps(coco(record)),
    }
    texts = {name: made[name]() for name in formats}
    for name, text in texts.items():
        with atomic_write(_path(target, name), "w") as file:
            file.write(text)


def _path(target, name):
    """The file of a format."""
    return target.with_name(f"{target.name}{SUFFIXES[name]}")


def check_free(target, formats):
    """Raise where a file of `write` can't take its name.

    Raises:
        FileNotFoundError, FileExistsError: as `files.check_place`. ValueError: a file is there that is not one of those
            it writes, but somebody else's (labelme keeps its labels as NAME.json beside the photograph).
    """
    for name in formats:
        path = _path(pathlib.Path(target), name)
        check_place(path)
        if path.is_file() and not _is_ours(path, name):
            raise ValueError(
                f"{path} is in the way, and these predictions did not write it: choose another --output"
            )


def _is_ours(path, name):
    if name == "coco":
        try:
            entries = read_json(path)
        except ValueError:
            return False
        return isinstance(entries, list) and all(
            isinstance(each, dict) and list(each)[:5] == COCO_KEYS for each in entries
        )
    with open(path, "rb") as file:
        return file.read(len(STARTS[name])) == STARTS[name]


def check_formats(formats, task):
    """Raise ValueError where a format is unknown, or none for a task."""
    for name in formats:
        if name not in FORMATS:
            raise ValueError(f"unknown format {name!r}; the formats are {', '.join(FORMATS)}")
        if name == "coco" and task != "landmarks":
            raise ValueError(f"COCO's results are of keypoints; a network of {task} has none")


def _frames(record):
    return record.get("frames") or [{"frame": None, "time": None, "subjects": record["subjects"]}]


def table(record):
    """CSV with a row per subject: the file, `COLUMNS`, and x, y and score of each landmark by its name, also where
    nobody is."""
    of_parts = record["scheme"] in SCHEMES and SCHEMES[record["scheme"]].classes
    names = [] if of_parts else [f"{name}_{what}" for name in record["names"] for what in ("x", "y", "score")]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", *COLUMNS, *names])
    for frame in _frames(record):
        for each in frame["subjects"]:
            values = [frame["frame"], frame["time"], each["track"], *each["box"]]
            values += [each[key] for key in ("found", "detector", "box_score", "presence")]
            for (x, y), score in zip(each.get("points", ()), each.get("scores", ()), strict=True):
                values += [x, y, score]
            writer.writerow([record["file"], *values])
    return text.getvalue()


def coco(record):
    """COCO's keypoint results: a list of {"image_id", "category_id", "keypoints", "score", "bbox"}.

    image_id is the number that is the file's name, as in COCO's own (000000000139.jpg -> 139), else the name; of a
    video the frame's number. keypoints are x, y and the landmark's score; the whole score is the box's where it has
    one, times the presence.
    """
    name = pathlib.PurePath(record["file"])
    image = int(name.stem) if name.stem.isdecimal() else name.name
    return [
        {
            "image_id": image if frame["frame"] is None else frame["frame"],
            "category_id": 1,
            "keypoints": [
                v
                for point, score in zip(each["points"], each["scores"], strict=True)
                for v in (*point, score)
            ],
            "score": round(each["presence"] * (1.0 if each["box_score"] is None else each["box_score"]), 4),
            "bbox": each["box"],
            **({} if each["track"] is None else {"track_id": each["track"]}),
        }
        for frame in _frames(record)
        for each in frame["subjects"]
    ]
