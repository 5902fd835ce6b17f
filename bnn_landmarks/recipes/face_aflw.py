"""21 points of a face (AFLW's), up to profile, 128x128: the entry `face_aflw`.

Cost: 100,000 samples, some 15 a second on two CPU cores (AVX2): two hours.
Expect: what zoo/cards/face_aflw.md says was reached; the aim is an NME of 3.5 on aflw2000 val_21.
Data: aflw2000, helen_afw and youtube_faces in COCO's layout; of 68 points those that AFLW has, ears masked.

    bnn-landmarks train face_aflw --data DATA --output runs/face_aflw

`--initial` takes the weights of another entry, whose trunk saves the first hour; `--set spec.input_size=256 --initial
runs/face_aflw` goes on at 256x256.
"""

import dataclasses

from bnn_landmarks.recipe import Recipe
from bnn_landmarks.recipes._faces import FACES
from bnn_landmarks.zoo.entries import ENTRIES

recipe = Recipe(
    spec=ENTRIES["face_aflw"].spec,
    train=(*3 * (("aflw2000", "train_21"),), ("helen_afw", "train"), ("youtube_faces", "train")),
    validate=(("aflw2000", "val_21"),),
    samples=100_000,
    batch_size=8,
    augmentation=dataclasses.replace(FACES, profile=0.4),
)
