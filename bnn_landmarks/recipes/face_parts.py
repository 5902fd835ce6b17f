"""7 facial parts, 128x128: the entry `face_parts`.

Cost: 100,000 samples, some 15 a second on two CPU cores (AVX2): two hours.
Expect: what zoo/cards/face_parts.md says was reached; the aim is a mean IU of 68 on helen_afw val.
Data: helen_afw and youtube_faces in COCO's layout; the masks are drawn from their 68 points.

    bnn-landmarks train face_parts --data DATA --output runs/face_parts

`--initial` takes the weights of another entry, whose trunk saves the first hour; `--set spec.input_size=256 --initial
runs/face_parts` goes on at 256x256.
"""

from bnn_landmarks.recipe import Recipe
from bnn_landmarks.recipes._faces import FACES
from bnn_landmarks.zoo.entries import ENTRIES

recipe = Recipe(
    spec=ENTRIES["face_parts"].spec,
    train=(("helen_afw", "train"), ("youtube_faces", "train")),
    validate=(("helen_afw", "val"),),
    samples=100_000,
    batch_size=8,
    loss="parts_balanced",
    augmentation=FACES,
)
