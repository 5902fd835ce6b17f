"""Recipes of the paper's rows, each made of its row in `paper.ROWS` and the base it varies."""

import dataclasses

from bnn_landmarks import paper
from bnn_landmarks.recipes import face_parts_paper, pose_paper
from bnn_landmarks.training import augment


def of(name):
    """The recipe of the first row that `paper.ROWS` trains under this name: `pose_paper` or `face_parts_paper` with the
    row's network, loss and augmentation."""
    row = next(row for row in paper.ROWS if row.recipe == name)
    base = (face_parts_paper if row.loss == "parts" else pose_paper).recipe
    spec = dataclasses.replace(
        base.spec, block=row.block, channels=row.channels, stacks=row.stacks, options=dict(row.options)
    )
    augmentation = base.augmentation if row.augment else augment.NONE
    return dataclasses.replace(base, spec=spec, loss=row.loss, augmentation=augmentation)
