"""68 points of a face (iBUG's), 128x128: the entry `face_300wlp_128`.

Cost: 175,000 samples; 15 to 25 a second on two CPU cores with AVX2, 33 with AVX-512: one to two hours.
Expect: what zoo/cards/face_300wlp_128.md says was reached, from the weights of `face_300wlp`, in batches of 64.
Data: as `face_300wlp`.

    bnn-landmarks train face_300wlp_128 --data DATA --output runs/face_300wlp_128 --initial runs/face_300wlp
"""

from bnn_landmarks.recipes import face_300wlp
from bnn_landmarks.training.recipe import override
from bnn_landmarks.zoo.entries import ENTRIES

recipe = override(face_300wlp.recipe, {"spec": ENTRIES["face_300wlp_128"].spec, "samples": 175_000})
