r"""16 body joints (MPII's), 128x128, half the channels: the entry `pose_small`.

Cost: 180,000 samples; 20 to 30 a second on one CPU core with AVX-512: two hours.
Expect: some 42 PCKh@0.5 over the limb joints of mpii val, from random weights. The shipped weights went on from these
    for 211,000 samples in batches of 128 under one cosine from 3e-3.
Data: as `pose_128_trunk`.

    bnn-landmarks train pose_small --data DATA --output runs/pose_small
"""

from bnn_landmarks.recipes import pose_128_trunk
from bnn_landmarks.training.recipe import override
from bnn_landmarks.zoo.entries import ENTRIES

recipe = override(
    pose_128_trunk.recipe,
    {
        "spec": ENTRIES["pose_small"].spec,
        "samples": 180_000,
        "schedule": "cosine",
        "warmup": 0.02,
        "learning_rate": 2e-3,
        "augmentation.noise": 4.0,
        "augmentation.scale": (0.8, 1.35),
        "augmentation.shift": 0.07,
    },
)
