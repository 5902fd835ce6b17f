r"""16 body joints (MPII's), 256x256, on cleaner labels: goes on from a trunk at 128x128, for days if you like.

Cost: 10 samples a second on two CPU cores with AVX-512, 5 to 6 on one of them.
Expect: after 13,700 samples and a falling rate over 22,000 more what zoo/cards/pose.md says.
Data: as `pose_128_trunk`. Faint noise is added to half of the crops, against answers that move by what nobody sees.

    bnn-landmarks train pose_trunk --data DATA --output runs/pose_trunk --initial zoo/trunks/pose_128.npz
    bnn-landmarks train pose_trunk --data DATA --output runs/release --branch runs/pose_trunk \
        --set schedule=decay --set samples=22000 --set "augmentation.scale=(0.8, 1.35)" --set augmentation.shift=0.07
"""

from bnn_landmarks.recipes import pose_128_trunk
from bnn_landmarks.training.recipe import override
from bnn_landmarks.zoo.entries import ENTRIES

recipe = override(pose_128_trunk.recipe, {"spec": ENTRIES["pose"].spec, "augmentation.noise": 4.0})
