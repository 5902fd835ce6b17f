"""The paper's network of 68 points, trained on 300W-LP (section 7, figure 5b, table 14).

The training of `pose_paper`, 55 epochs.
Cost: 2.20 M samples at 256x256; at 8 samples a second (two CPU cores with AMX, bfloat16) 76 hours.
Expect: NME 2.47 / 3.01 / 4.31 by yaw, mean 3.26, on AFLW2000-3D (the paper's figures; not rerun here).
Data: `bnn-landmarks data prepare faces_300w_lp` and `aflw2000`.

    bnn-landmarks train face_300wlp_paper --data DATA --output runs/face_300wlp_paper
"""

import dataclasses

from bnn_landmarks.recipes import pose_paper
from bnn_landmarks.spec import Spec

FACES = 40_000

recipe = dataclasses.replace(
    pose_paper.recipe,
    spec=Spec(
        "face_300wlp_paper",
        scheme="ibug68",
        box_side="mean",
        padding=2.05,
        score="sigmoid",
        options=pose_paper.recipe.spec.options,
    ),
    train=(("faces_300w_lp", "train[:40000]"),),
    validate=(("aflw2000", "test"),),
    samples=55 * FACES,
    loss="sigmoid",
)
