"""The paper's network of 21 points, trained on AFLW (section 7, table 9).

The training of `pose_paper`, 55 epochs.
Cost: 1.32 M samples at 256x256; at 8 samples a second (two CPU cores with AMX, bfloat16) 46 hours.
Expect: NME 2.77 / 2.86 / 2.90 by yaw, mean 2.85, visible points (the paper's figures; not rerun here).
Data: `bnn-landmarks data prepare aflw`; AFLW has no official split, this one is `datasets.aflw`'s.

    bnn-landmarks train face_aflw_paper --data DATA --output runs/face_aflw_paper
"""

import dataclasses

from bnn_landmarks.recipes import pose_paper
from bnn_landmarks.spec import Spec

FACES = 24_000

recipe = dataclasses.replace(
    pose_paper.recipe,
    spec=Spec(
        "face_aflw_paper",
        scheme="aflw21",
        box_side="mean",
        padding=2.05,
        score="sigmoid",
        options=pose_paper.recipe.spec.options,
    ),
    train=(("aflw", "train"),),
    validate=(("aflw", "test"),),
    samples=55 * FACES,
    loss="sigmoid",
)
