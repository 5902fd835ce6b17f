"""The paper's network of 7 facial parts (appendix A3, table 15, "binary, ours").

The training of `pose_paper`, 55 epochs; the loss is taken on the crop's pixels, the logits interpolated.
Cost: 0.17 M samples at 256x256; at 8 samples a second (two CPU cores with AMX, bfloat16) 6 hours.
Expect: pixel accuracy 97.91, mean class accuracy 76.02, mean IU 68.05 (the paper's figures; not rerun here).
Data: `bnn-landmarks data prepare faces_300w`; the masks are drawn from the 68 points.

    bnn-landmarks train face_parts_paper --data DATA --output runs/face_parts_paper
"""

import dataclasses

from bnn_landmarks.recipes import pose_paper
from bnn_landmarks.spec import Spec

FACES = 3_148

recipe = dataclasses.replace(
    pose_paper.recipe,
    spec=Spec(
        "face_parts_paper",
        task="parts",
        scheme="parts7",
        box_side="mean",
        padding=2.05,
        score="softmax",
        options=pose_paper.recipe.spec.options,
    ),
    train=(("faces_300w", "train"),),
    validate=(("faces_300w", "test"),),
    samples=55 * FACES,
    loss="parts",
)
