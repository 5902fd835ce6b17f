"""68 points of a face (iBUG's), 128x128: the entry `face_300wlp`.

Cost: 100,000 samples, some 15 a second on two CPU cores (AVX2): two hours.
Expect: what zoo/cards/face_300wlp.md says was reached; the aim is an NME of 3.8 on aflw2000 val_68.
Data: helen_afw, youtube_faces and aflw2000 in COCO's layout, the last, which has turned faces, drawn from three times,
    and near-frontal faces turned to the side (`profile_views`). On 300W-LP train `face_300wlp_paper`.

    bnn-landmarks train face_300wlp --data DATA --output runs/face_300wlp

`--initial` takes the weights of another entry, whose trunk saves the first hour; `--set spec.input_size=256 --initial
runs/face_300wlp` goes on at 256x256.
"""

import dataclasses

from bnn_landmarks.recipe import Recipe
from bnn_landmarks.recipes._faces import FACES
from bnn_landmarks.zoo.entries import ENTRIES

recipe = Recipe(
    spec=ENTRIES["face_300wlp"].spec,
    train=(("helen_afw", "train"), ("youtube_faces", "train"), *3 * (("aflw2000", "train_68"),)),
    validate=(("aflw2000", "val_68"), ("helen_afw", "val")),
    samples=100_000,
    batch_size=8,
    augmentation=dataclasses.replace(FACES, profile=0.4),
)
