"""21 points of a face (AFLW's), up to profile, 128x128: the entry `face_aflw_128`.

Cost: 100,000 samples; 15 to 25 a second on two CPU cores with AVX2, 33 with AVX-512: one to two hours.
Expect: what zoo/cards/face_aflw_128.md says was reached, from the weights of `face_aflw`, in batches of 64.
Data: as `face_aflw`.

    bnn-landmarks train face_aflw_128 --data DATA --output runs/face_aflw_128 --initial runs/face_aflw
"""

from bnn_landmarks.recipes import face_aflw
from bnn_landmarks.training.recipe import override
from bnn_landmarks.zoo.entries import ENTRIES

recipe = override(face_aflw.recipe, {"spec": ENTRIES["face_aflw_128"].spec, "samples": 100_000})
