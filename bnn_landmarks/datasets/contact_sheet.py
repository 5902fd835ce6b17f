"""A sheet of a data set's images with their labels drawn: the first thing to look at before training on it."""

import dataclasses
import pathlib

import cv2
import numpy as np

from bnn_landmarks import datasets, files
from bnn_landmarks.geometry import crops, draw, parts

TILE = 256
COLUMNS = 6
MARGIN = 1.6
USUAL_SPLITS = ("train", "val", "test")


def write(name, split, output, count=24, data_dir=None, facial_parts=False, category=None):
    """Write the sheet as PNG or JPEG.

    Args:
        name, data_dir, category: as `datasets.open`. split: None for the first of train, val, test there is.
        output: its path, .png or .jpg. count: images, evenly spread over the split.
        facial_parts: show the parts that are drawn from 68 points, not the points.

    Returns:
        the samples, their split, and how many are shown.

    Raises:
        FileNotFoundError, ValueError: as `datasets.open`; or the path's suffix is neither. FileNotFoundError,
            FileExistsError: as `files.check_place`, before anything is read.
    """
    output = pathlib.Path(output)
    if output.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise ValueError(f"a contact sheet is a .png or a .jpg, not {output.name}")
    if count < 1:
        raise ValueError(f"a contact sheet shows at least one image, not {count}")
    files.check_place(output)
    split = split or first_split(name, data_dir, category)
    samples = datasets.open(name, split, data_dir, category)
    if not len(samples):
        raise ValueError(f"there is nothing to show: {name}, split {split}, has no sample with labels")
    shown = np.unique(np.linspace(0, len(samples) - 1, min(count, len(samples))).astype(int))
    chosen = (samples[int(index)] for index in shown)
    if facial_parts:
        chosen = (dataclasses.replace(s, mask=parts.mask_of(s, samples.scheme)) for s in chosen)
    tiles = [tile(sample, samples.scheme) for sample in chosen]
    sheet = cv2.cvtColor(draw.sheet(tiles, COLUMNS, TILE), cv2.COLOR_RGB2BGR)
    with files.atomic_write(output) as file:
        file.write(cv2.imencode(output.suffix, sheet)[1].tobytes())
    return samples, split, len(shown)


def first_split(name, data_dir, category=None):
    """The first of the usual splits that the set has."""
    for split in USUAL_SPLITS:
        try:
            datasets.open(name, split, data_dir, category)
            return split
        except FileNotFoundError as error:
            missing = error
    raise missing


def tile(sample, scheme):
    """A sample's surroundings with its box, its mask or landmarks, and its name drawn, uint8 [TILE, TILE, 3]."""
    matrix = crops.affine(*crops.square(sample.box, "max", MARGIN), TILE)
    picture = crops.crop(sample.image, matrix, TILE)
    x, y = crops.transform(sample.box[:2], matrix)
    width, height = sample.box[2:] * matrix[0, 0]
    picture = draw.box(picture, (x, y, width, height))
    if sample.mask is not None:
        mask = cv2.warpAffine(sample.mask, matrix, (TILE, TILE), flags=cv2.INTER_NEAREST)
        picture = draw.parts(picture, mask)
    elif len(sample.landmarks):
        points = np.where(sample.visible[:, None] > 0, crops.transform(sample.landmarks, matrix), np.nan)
        picture = draw.landmarks(picture, points, scheme)
    return draw.label(picture, sample.name)
