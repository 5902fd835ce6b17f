r"""68 points of a face (iBUG's), 128x128, half the channels: the entry `face_300wlp_small`.

Cost: 160,000 samples; 20 to 30 a second on one CPU core with AVX-512: two hours.
Expect: what zoo/cards/face_300wlp_small.md says was reached, from the trunk of `pose_small`.
Data: as `face_300wlp`.

    bnn-landmarks train face_300wlp_small --data DATA --output runs/face_300wlp_small --initial runs/pose_small
"""

from bnn_landmarks.recipes import face_300wlp
from bnn_landmarks.training.recipe import override
from bnn_landmarks.zoo.entries import ENTRIES

recipe = override(
    face_300wlp.recipe,
    {"spec": ENTRIES["face_300wlp_small"].spec, "samples": 160_000, "learning_rate": 2e-3},
)
