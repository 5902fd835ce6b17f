"""68 points of a face (iBUG's), 256x256: the entry `face_300wlp`.

Cost: 300,000 samples, the first 220,000 at 128x128 (about 30 a second on two CPU cores with AMX and
--set precision=bfloat16: two hours), the others at 256x256 (8 a second: three hours). Without AMX bfloat16 is slower
than float32, and all takes about three times as long.
Expect: what zoo/cards/face_300wlp.md says was reached; the aim is an NME of 3.8 on aflw2000 val_68.
Data: helen_afw, youtube_faces and aflw2000 in COCO's layout. On 300W-LP train `face_300wlp_paper`.

    bnn-landmarks train face_300wlp --data DATA --output runs/face_300wlp
"""

from bnn_landmarks.augment import Augmentation
from bnn_landmarks.recipe import Recipe
from bnn_landmarks.zoo.entries import ENTRIES

recipe = Recipe(
    spec=ENTRIES["face_300wlp"].spec,
    train=(("helen_afw", "train"), ("youtube_faces", "train"), ("aflw2000", "train_68")),
    validate=(("aflw2000", "val_68"), ("helen_afw", "val")),
    samples=80_000,
    augmentation=Augmentation(
        rotation=25.0, rotate=0.6, scale=(0.8, 1.2), shift=0.04, blur=0.1, occlude=0.2, low_resolution=0.1
    ),
    stages=({"samples": 220_000, "spec.input_size": 128, "spec.sigma": 1.25}, {"learning_rate": 5e-4}),
)
