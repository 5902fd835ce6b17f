"""Recipes of the paper's tables, each made of its row in `paper.ROWS` and the recipe it varies."""

import dataclasses

from bnn_landmarks import paper

# The rows whose recipe has no file of its own.
NAMES = tuple(dict.fromkeys(row.recipe for row in paper.ROWS if row.recipe.startswith("table")))


def of(name):
    """The recipe of the rows of that name: `pose_paper` or `face_parts_paper` with the row's network, loss and
    augmentation."""
    from bnn_landmarks.training import augment

    row, base = _rows(name)[0], _base(name)
    spec = dataclasses.replace(
        base.spec, block=row.block, channels=row.channels, stacks=row.stacks, options=dict(row.options)
    )
    augmentation = base.augmentation if row.augment else augment.NONE
    return dataclasses.replace(base, spec=spec, loss=row.loss, augmentation=augmentation)


def text(name):
    """What the docstring of a recipe's file says: what it is, the cost, the result to expect, the command."""
    rows, base = _rows(name), _base(name)
    row = rows[0]
    tables = ", ".join(f"table {table}" for table in dict.fromkeys(each.table for each in rows))
    label = row.label[0].lower() + row.label[1:]
    if row.loss == "parts":
        varied, score = "face_parts_paper", f"mean IU {row.score['mean IU']} on the 300-W competition set"
    else:
        varied, score = "pose_paper", f"PCKh@0.5 {row.score['mean']} on MPII validation"
    size = base.spec.input_size
    network = f"the row's network{'' if row.parameters == '-' else f' ({row.parameters} parameters)'}"
    return f"""Paper, {tables}: {label}.

`{varied}` with {network}, loss and augmentation.
Cost: {base.samples / 1e6:.2g} M samples at {size}x{size}; use a GPU. `bnn-landmarks tables` counts the operations.
Expect: {score} (the paper's figure; not rerun here).

    bnn-landmarks train {name} --data DATA --output runs/{name}
"""


def _rows(name):
    return [row for row in paper.ROWS if row.recipe == name]


def _base(name):
    from bnn_landmarks.recipes import face_parts_paper, pose_paper

    return (face_parts_paper if _rows(name)[0].loss == "parts" else pose_paper).recipe
