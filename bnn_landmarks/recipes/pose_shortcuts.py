"""Beyond the paper: `pose` with a shortcut around each binary convolution (block `hierarchical_shortcuts`).

The parameters and their names are those of `pose`, so `--initial zoo/weights/pose.npz` starts from it.
Cost: 50,000 samples at 256x256, as fast as `pose` but for the slices of channels.
Expect: not measured at this length; `python benchmarks/ablation.py` holds it beside `hierarchical` on a small budget.
Data: as `pose`.

    bnn-landmarks train pose_shortcuts --data DATA --output runs/pose_shortcuts
"""

from bnn_landmarks.recipes import pose
from bnn_landmarks.training.recipe import override

recipe = override(pose.recipe, {"spec.name": "pose_shortcuts", "spec.block": "hierarchical_shortcuts"})
