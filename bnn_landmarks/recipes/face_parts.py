"""7 facial parts, 256x256: the entry `face_parts`.

Cost: 140,000 samples; 8 a second on two CPU cores with AVX2, 10 with AVX-512: four hours; a minute on an H200.
Expect: what zoo/cards/face_parts.md says was reached, from the trunk of `face_300wlp`, in batches of 64 from 1.2e-3.
Data: helen_afw and youtube_faces in COCO's layout; the masks are drawn from their 68 points.

    bnn-landmarks train face_parts --data DATA --output runs/face_parts --initial zoo/trunks/face_300wlp.npz
"""

import dataclasses

from bnn_landmarks.recipes._faces import FACES
from bnn_landmarks.training.recipe import Recipe
from bnn_landmarks.zoo.entries import ENTRIES

recipe = Recipe(
    spec=ENTRIES["face_parts"].spec,
    train=(("helen_afw", "train"), ("youtube_faces", "train")),
    validate=(("helen_afw", "val"),),
    samples=140_000,
    batch_size=8,
    loss="parts_balanced",
    augmentation=dataclasses.replace(FACES, noise=4.0),
)
