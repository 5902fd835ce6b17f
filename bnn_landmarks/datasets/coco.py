"""A folder in COCO's keypoints format, anybody's own data: DIR/images/* and DIR/annotations/SPLIT.json.

    samples = CocoKeypoints("data/lspet", "train")
    samples.scheme, len(samples), samples[0]          # Scheme, int, Sample

The landmark names are those of `categories[0].keypoints`; names of a known scheme give that scheme, others make a
scheme of their own, with mirror pairs found from left/right in the names and edges from `categories[0].skeleton`.
Beyond COCO, an annotation may hold `center` and `scale` (MPII's), `head_size` and `yaw`; without a `bbox` the box is
tight around its labelled keypoints.
"""

import json
import pathlib
import re

import numpy as np

from bnn_landmarks.datasets.sample import Sample, tight_box
from bnn_landmarks.geometry import crops, images
from bnn_landmarks.schemes import SCHEMES, Scheme

_SIDES = re.compile(r"(?<![a-z])(left|right|l|r)(?![a-z])", re.IGNORECASE)
_OTHER = {"left": "right", "right": "left", "l": "r", "r": "l"}


def scheme_of(category) -> Scheme:
    """The scheme of a COCO category: a known one if its names are, else one made from its names."""
    names = tuple(category["keypoints"])
    for scheme in SCHEMES.values():
        if scheme.names == names:
            return scheme
    other = [
        _SIDES.sub(lambda m: _OTHER[m.group().lower()], name.replace("_", " ")).replace(" ", "_")
        for name in names
    ]
    pairs = [(i, names.index(o)) for i, o in enumerate(other) if o in names and i < names.index(o)]
    edges = tuple((a - 1, b - 1) for a, b in category.get("skeleton", ()))
    return Scheme(category.get("name", "landmarks"), names, tuple(pairs), edges)


def read_annotations(path):
    """The scheme of an annotation file and its labelled annotations as (image's name, annotation)."""
    try:
        record = json.loads(path.read_text())
        scheme = scheme_of(record["categories"][0])
        files = {image["id"]: image["file_name"] for image in record["images"]}
        entries = [(files[a["image_id"]], a) for a in record["annotations"] if any(a["keypoints"][2::3])]
    except (json.JSONDecodeError, KeyError, IndexError, TypeError) as error:
        raise ValueError(f"{path} is not a COCO keypoints file: {type(error).__name__} {error}") from error
    for name, annotation in entries:
        if len(annotation["keypoints"]) != 3 * len(scheme):
            raise ValueError(
                f"{path}: {name} has {len(annotation['keypoints'])} keypoint values, "
                f"not 3 x {len(scheme)} as its category's names ask"
            )
        try:
            crops.check_box(box_of(annotation))
        except ValueError as error:
            raise ValueError(f"{path}: {name}: {error}") from error
    return scheme, entries


def box_of(annotation):
    """An annotation's box, float32 [4]: its `bbox`, or tight around its labelled keypoints."""
    if annotation.get("bbox"):
        return np.asarray(annotation["bbox"], np.float32)
    keypoints = np.asarray(annotation["keypoints"], np.float32).reshape(-1, 3)
    return tight_box(keypoints[:, :2], keypoints[:, 2])


class CocoKeypoints:
    """The samples of one split, read as they are asked for.

    Raises:
        FileNotFoundError: the folder, the split or an image is missing.
        ValueError: the annotation file is not COCO keypoints, or an annotation has the wrong number of values.
    """

    def __init__(self, directory, split):
        self.directory = pathlib.Path(directory)
        path = self.directory / "annotations" / f"{split}.json"
        if not path.is_file():
            there = sorted(p.stem for p in path.parent.glob("*.json")) if path.parent.is_dir() else []
            hint = (
                f"its splits are {', '.join(there)}"
                if there
                else "expected DIR/images and DIR/annotations/SPLIT.json"
            )
            raise FileNotFoundError(f"no annotations at {path}: {hint}")
        self.scheme, self._entries = read_annotations(path)

    def __len__(self):
        return len(self._entries)

    def __getitem__(self, index) -> Sample:
        name, annotation = self._entries[index]
        keypoints = np.asarray(annotation["keypoints"], np.float32).reshape(-1, 3)
        center = annotation.get("center")
        return Sample(
            name=name,
            image=images.read(self.directory / "images" / name),
            landmarks=keypoints[:, :2],
            visible=keypoints[:, 2].astype(np.int32),
            box=box_of(annotation),
            center=None if center is None else np.asarray(center, np.float32),
            scale=annotation.get("scale"),
            yaw=annotation.get("yaw"),
            head_size=annotation.get("head_size"),
        )
