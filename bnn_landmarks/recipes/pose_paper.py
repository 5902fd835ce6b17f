"""The paper's pose network and training (section 7): table 8, "ours, binary"; table 11, "+ ReLU".

Sigmoid cross-entropy, RMSprop, 100 epochs of MPII, the rate dropped four times from 2.5e-4 to 5e-5 (where and by how
much at each is our reading), rotation, mirror, scale and colour.
Cost: 2.2 M samples at 256x256, 8.0 G binary and 0.2 G real multiply-accumulates each; at 8 samples a second (two CPU
cores with AMX, bfloat16) three days: use a GPU.
Expect: PCKh@0.5 78.1 on MPII validation (the paper's figure; not rerun here).
Data: `bnn-landmarks data prepare mpii --from DIR`.

    bnn-landmarks train pose_paper --data DATA --output runs/pose_paper
"""

from bnn_landmarks.spec import Spec
from bnn_landmarks.training.recipe import Recipe

PEOPLE = 22_246
SCHEDULE = ((0.2, 1.67e-4), (0.4, 1.12e-4), (0.6, 7.5e-5), (0.8, 5e-5))

recipe = Recipe(
    spec=Spec("pose_paper", score="sigmoid", options={"activation": "relu", "scale": "mean"}),
    train=(("mpii", "train"),),
    validate=(("mpii", "val"),),
    samples=100 * PEOPLE,
    batch_size=8,
    loss="sigmoid",
    optimizer="rmsprop",
    learning_rate=2.5e-4,
    schedule=SCHEDULE,
)
