"""68 points of a face (iBUG's), 256x256: the entry `face_300wlp`.

Cost: 260,000 samples; 8 a second on two CPU cores with AVX2, 10 with AVX-512: seven hours; two minutes on an H200.
Expect: what zoo/cards/face_300wlp.md says was reached, in batches of 64 from 2e-3; 30,000 samples in batches of 8
    give an NME of 5.5 on aflw2000 val_68.
Data: helen_afw, youtube_faces and aflw2000 in COCO's layout, the last, which has turned faces, drawn from three times,
    and near-frontal faces turned to the side (`profile_views`). On 300W-LP train `face_300wlp_paper`.

    bnn-landmarks train face_300wlp --data DATA --output runs/face_300wlp --initial zoo/trunks/face_300wlp.npz
"""

import dataclasses

from bnn_landmarks.recipes._faces import FACES
from bnn_landmarks.training.recipe import Recipe
from bnn_landmarks.zoo.entries import ENTRIES

recipe = Recipe(
    spec=ENTRIES["face_300wlp"].spec,
    train=(("helen_afw", "train"), ("youtube_faces", "train"), *3 * (("aflw2000", "train_68"),)),
    validate=(("aflw2000", "val_68"), ("helen_afw", "val")),
    samples=260_000,
    batch_size=8,
    augmentation=dataclasses.replace(FACES, profile=0.4, noise=4.0),
)
