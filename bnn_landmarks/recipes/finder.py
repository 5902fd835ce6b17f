"""People and faces in a whole photograph, 128x128: the entry `finder`.

Cost: 90,000 samples; 40 to 60 a second on two CPU cores with AVX2: half an hour. The shipped weights had 62,000 by this
    loss, after others by the sides alone.
Expect: what zoo/cards/finder.md says was reached.
Data: sets of bodies and of faces in COCO's layout, and celebamask's masks; scenes are made of them
    (`training.scenes`). train_clean as `pose_128_trunk` makes it.

    bnn-landmarks train finder --data DATA --output runs/finder --initial zoo/weights/pose_128.npz
"""

from bnn_landmarks.training.augment import Augmentation
from bnn_landmarks.training.recipe import Recipe
from bnn_landmarks.zoo.entries import ENTRIES

recipe = Recipe(
    spec=ENTRIES["finder"].spec,
    train=(
        ("lspet", "train_clean"),
        *3 * (("mpii", "train_clean"),),
        ("people", "train"),
        *2 * (("helen_afw", "train"),),
        ("youtube_faces", "train"),
        *2 * (("aflw2000", "train_68"),),
        ("celebamask", "train"),
    ),
    validate=(("mpii", "val"), ("lspet", "val"), ("helen_afw", "val"), ("aflw2000", "val_68")),
    samples=90_000,
    batch_size=16,
    loss="boxes",
    learning_rate=2e-3,
    augmentation=Augmentation(
        rotation=20.0, rotate=0.35, blur=0.1, low_resolution=0.1, low_light=0.15, occlude=0.05
    ),
)
