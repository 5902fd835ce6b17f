"""34 points of a face, up to profile (AFLW-PIFA): the entry `face_pifa`, as the paper trains it (section 7, figure 5a).

The training of `pose_paper`, 55 epochs.
Cost: 0.21 M samples at 256x256; at 8 samples a second (two CPU cores with AMX, bfloat16) 7 hours.
Expect: NME 3.02 on visible points, 4.47 on all (the paper's figures; not rerun here: there is no data for it here).
Data: `bnn-landmarks data prepare aflw_pifa`.

    bnn-landmarks train face_pifa --data DATA --output runs/face_pifa
"""

import dataclasses

from bnn_landmarks.recipes import pose_paper
from bnn_landmarks.spec import Spec

FACES = 3_901

recipe = dataclasses.replace(
    pose_paper.recipe,
    spec=Spec(
        "face_pifa",
        scheme="pifa34",
        box_side="mean",
        padding=2.05,
        score="sigmoid",
        options=pose_paper.recipe.spec.options,
    ),
    train=(("aflw_pifa", "train"),),
    validate=(("aflw_pifa", "test"),),
    samples=55 * FACES,
    loss="sigmoid",
)
