r"""16 body joints (MPII's), 256x256, on cleaner labels: a trunk that may be trained for days; what `pose` ships.

Cost: as long as you like; 10 samples a second on two CPU cores with AVX-512, 2,200 on an H200 (zoo/training-log.md).
Expect: what zoo/cards/pose.md says, after 604,000 and another 882,000 samples in batches of 64, each under
    one cosine from 2e-3.
Data: as `pose_128_trunk`. Faint noise is added to half of the crops, against answers that move by what nobody sees.

    bnn-landmarks train pose_trunk --data DATA --output runs/pose_trunk --initial zoo/trunks/pose.npz
    bnn-landmarks train pose_trunk --data DATA --output runs/release --branch runs/pose_trunk \
        --set schedule=decay --set samples=22000 --set "augmentation.scale=(0.8, 1.35)" --set augmentation.shift=0.07
"""

from bnn_landmarks.recipes import pose_128_trunk
from bnn_landmarks.training.recipe import override
from bnn_landmarks.zoo.entries import ENTRIES

recipe = override(pose_128_trunk.recipe, {"spec": ENTRIES["pose"].spec, "augmentation.noise": 4.0})
