"""21 points of a face (AFLW's), up to profile, 256x256: the entry `face_aflw`.

Cost: 150,000 samples; 8 a second on two CPU cores with AVX2, 10 with AVX-512: four hours; a minute on an H200.
Expect: what zoo/cards/face_aflw.md says was reached, from the trunk of `face_300wlp`, in batches of 64 from 1.2e-3.
Data: aflw2000, helen_afw and youtube_faces in COCO's layout; of 68 points those that AFLW has, ears masked.

    bnn-landmarks train face_aflw --data DATA --output runs/face_aflw --initial zoo/trunks/face_300wlp.npz
"""

import dataclasses

from bnn_landmarks.recipes._faces import FACES
from bnn_landmarks.training.recipe import Recipe
from bnn_landmarks.zoo.entries import ENTRIES

recipe = Recipe(
    spec=ENTRIES["face_aflw"].spec,
    train=(*3 * (("aflw2000", "train_21"),), ("helen_afw", "train"), ("youtube_faces", "train")),
    validate=(("aflw2000", "val_21"),),
    samples=150_000,
    batch_size=8,
    augmentation=dataclasses.replace(FACES, profile=0.4, noise=4.0),
)
