"""7 facial parts, 128x128: the entry `face_parts_128`.

Cost: 105,000 samples; 15 to 25 a second on two CPU cores with AVX2, 33 with AVX-512: one to two hours.
Expect: what zoo/cards/face_parts_128.md says was reached, from the weights of `face_parts`, in batches of 64.
Data: as `face_parts`.

    bnn-landmarks train face_parts_128 --data DATA --output runs/face_parts_128 --initial runs/face_parts
"""

from bnn_landmarks.recipes import face_parts
from bnn_landmarks.training.recipe import override
from bnn_landmarks.zoo.entries import ENTRIES

recipe = override(face_parts.recipe, {"spec": ENTRIES["face_parts_128"].spec, "samples": 105_000})
