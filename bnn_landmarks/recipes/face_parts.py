"""7 facial parts, 256x256: the entry `face_parts`.

Cost: 30,000 samples; 8 a second on two CPU cores with AVX2, 10 with AVX-512: an hour, after `face_parts_128`.
Expect: what zoo/cards/face_parts.md says was reached; the aim is a mean IU of 68 on helen_afw val.
Data: helen_afw and youtube_faces in COCO's layout; the masks are drawn from their 68 points.

    bnn-landmarks train face_parts_128 --data DATA --output runs/face_parts_128
    bnn-landmarks train face_parts --data DATA --output runs/face_parts --initial runs/face_parts_128
"""

from bnn_landmarks.recipes._faces import FACES
from bnn_landmarks.training.recipe import Recipe
from bnn_landmarks.zoo.entries import ENTRIES

recipe = Recipe(
    spec=ENTRIES["face_parts"].spec,
    train=(("helen_afw", "train"), ("youtube_faces", "train")),
    validate=(("helen_afw", "val"),),
    samples=30_000,
    batch_size=8,
    loss="parts_balanced",
    augmentation=FACES,
)
