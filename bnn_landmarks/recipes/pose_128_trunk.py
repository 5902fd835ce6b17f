r"""16 body joints (MPII's), 128x128, on cleaner labels: a trunk that may be trained for days.

Cost: as long as you like; 33 samples a second on two CPU cores with AVX-512, 11 on one of them.
Expect: what zoo/cards/pose_128.md says, after 60,000 samples under one cosine from 1.2e-3, noise of up to 4 grey
    levels on half of them, from the trunk of `pose`.
Data: lspet and mpii with their labels merged with a strong network's points (MoveNet Thunder's for the shipped
    weights), which LSPET.json and MPII.json hold in COCO's results format; people, which has such points alone. The
    trunk's rate is held; a release branches off it, and its rate falls.

    bnn-landmarks data clean lspet --data-dir DATA --predictions LSPET.json \
        --output DATA/lspet/annotations/train_clean.json
    bnn-landmarks data clean mpii --data-dir DATA --predictions MPII.json --sure 0.75 \
        --output DATA/mpii/annotations/train_clean.json
    bnn-landmarks train pose_128_trunk --data DATA --output runs/pose_128_trunk \
        --initial zoo/trunks/pose.npz
    bnn-landmarks train pose_128_trunk --data DATA --output runs/release --branch runs/pose_128_trunk \
        --set schedule=decay --set samples=26000
"""

from bnn_landmarks.recipes import pose_128
from bnn_landmarks.training.recipe import override

recipe = override(
    pose_128.recipe,
    {
        "train": 2 * (("lspet", "train_clean"),) + 4 * (("mpii", "train_clean"),) + (("people", "train"),),
        "samples": 5_000_000,
        "learning_rate": 1.1e-3,
        "schedule": "hold",
        "warmup": 0.0002,
        "augmentation.scale": (0.75, 1.4),
        "augmentation.shift": 0.08,
        "augmentation.low_light": 0.1,
    },
)
