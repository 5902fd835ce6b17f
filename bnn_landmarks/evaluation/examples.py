"""What a network is scored on: a split's crops with what is annotated in them.

The crop is `datasets.sample.subject_square`'s: what the trainer and `Localizer` use; of a
finder it is the whole image.
"""

import dataclasses
import pathlib

import numpy as np

from bnn_landmarks import datasets
from bnn_landmarks.datasets.sample import subject_square
from bnn_landmarks.datasets.subjects import photo
from bnn_landmarks.geometry import boxes, crops, parts
from bnn_landmarks.schemes import convert


def open_split(dataset, split=None, data=None, category=None):
    """An annotated split.

    Args:
        dataset: a folder, a data set's name below `data`, or either with /SPLIT behind it.
        split: its split; "val" where neither says. data: directory to look in, and category, as `datasets.open`.

    Returns:
        the samples, the data set's name, the split's.

    Raises:
        FileNotFoundError: there is none. ValueError: its annotations can't be read.
    """
    path = pathlib.Path(dataset)
    if split is None:
        # A split's folder, faces/val or birds/valid, is one too.
        whole = not path.parent.name or any(map(datasets.kind_of, (path, pathlib.Path(data or ".") / path)))
        dataset, split = (dataset, "val") if whole else (str(path.parent), path.name)
    return datasets.open(dataset, split, data, category), pathlib.Path(dataset).resolve().name, split


@dataclasses.dataclass(frozen=True)
class Example:
    """One subject of a split as the network is given it.

    patch: uint8 [S, S, 3], or None once it has been used. matrix: float64 [2, 3], image pixels to crop pixels.
    points float32 [K, 2], image pixels, and visible int32 [K] (0, 1, 2) in the network's scheme.
    box_size: sqrt(w * h) of the annotated box. head_size, yaw: as `Sample`, NaN where unknown.
    labels: for parts uint8 [S, S], the class of each crop pixel, and no landmarks.
    kind: for boxes the kind of subject (`datasets.subjects`), whose box's corners the points [2, 2] are.
    """

    name: str
    patch: np.ndarray | None
    matrix: np.ndarray
    points: np.ndarray
    visible: np.ndarray
    box_size: float
    head_size: float
    yaw: float
    labels: np.ndarray | None = None
    kind: int | None = None


def examples(dataset, spec):
    """The split's `Example`s, one after another."""
    for index in range(len(dataset)):
        yield example(dataset[index], dataset.scheme, spec)


def example(sample, scheme, spec):
    """A `Sample` annotated in `scheme` -> `Example`.

    Raises:
        ValueError: the sample's scheme can't be converted to the network's, or it has no parts.
    """
    size, own = spec.input_size, spec.landmark_scheme()
    matrix = crops.affine(*subject_square(sample, spec), size)
    points, visible, labels, kind = np.zeros((0, 2), np.float32), np.zeros(0, np.int32), None, None
    if spec.task == "boxes":
        matrix = boxes.letterbox(sample.image.shape, size)
        kind, outline = photo(sample, scheme).subjects[0]
        points, visible = np.stack([outline.min(axis=0), outline.max(axis=0)]), np.full(2, 2)
    elif spec.task == "parts":
        labels = parts.label_map(sample, scheme, matrix, size)
    else:
        points, visible = convert(sample.landmarks, sample.visible, scheme, own)
    return Example(
        name=sample.name,
        patch=crops.crop(sample.image, matrix, size),
        matrix=matrix,
        points=points,
        visible=visible,
        box_size=float(np.sqrt(sample.box[2] * sample.box[3])),
        head_size=_or_nan(sample.head_size),
        yaw=_or_nan(sample.yaw),
        labels=labels,
        kind=kind,
    )


def _or_nan(value):
    return float("nan") if value is None else float(value)
