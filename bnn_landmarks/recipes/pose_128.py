"""16 body joints (MPII's), 128x128: the entry `pose_128`, and what `pose` starts from.

Cost: 180,000 samples; 15 to 25 a second on two CPU cores with AVX2, 33 with AVX-512: two hours.
Expect: some 50 PCKh@0.5 over the limb joints of mpii val.
Data: as `pose`. The shipped weights went on by `pose_128_trunk`.

    bnn-landmarks train pose_128 --data DATA --output runs/pose_128
"""

from bnn_landmarks.recipes import pose
from bnn_landmarks.training.recipe import override
from bnn_landmarks.zoo.entries import ENTRIES

recipe = override(pose.recipe, {"spec": ENTRIES["pose_128"].spec, "samples": 180_000})
