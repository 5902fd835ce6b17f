"""7 facial parts, 256x256: the entry `face_parts`.

Cost: 300,000 samples, the first 220,000 at 128x128 (about 30 a second on two CPU cores with AMX and
--set precision=bfloat16: two hours), the others at 256x256 (8 a second: three hours). Without AMX bfloat16 is slower
than float32, and all takes about three times as long.
Expect: what zoo/cards/face_parts.md says was reached; the aim is a mean IU of 68 on helen_afw val.
Data: helen_afw and youtube_faces in COCO's layout; the masks are drawn from their 68 points.

    bnn-landmarks train face_parts --data DATA --output runs/face_parts
"""

from bnn_landmarks.augment import Augmentation
from bnn_landmarks.recipe import Recipe
from bnn_landmarks.zoo.entries import ENTRIES

recipe = Recipe(
    spec=ENTRIES["face_parts"].spec,
    train=(("helen_afw", "train"), ("youtube_faces", "train")),
    validate=(("helen_afw", "val"),),
    samples=80_000,
    loss="parts",
    augmentation=Augmentation(
        rotation=25.0, rotate=0.6, scale=(0.8, 1.2), shift=0.04, blur=0.1, occlude=0.2, low_resolution=0.1
    ),
    stages=({"samples": 220_000, "spec.input_size": 128, "spec.sigma": 1.25}, {"learning_rate": 5e-4}),
)
