"""Beyond the paper: `pose` with a PReLU in the place of the ReLU after each binary convolution.

Its slopes are 4,096 numbers more; on a device they are float operators between convolutions that stay binary.
Cost: 50,000 samples at 256x256; the PReLUs run on TensorFlow's own operations, so a little slower than `pose`.
Expect: not measured at this length; `python benchmarks/ablation.py` holds it beside the ReLU on a small budget.
Data: as `pose`.

    bnn-landmarks train pose_prelu --data DATA --output runs/pose_prelu
"""

from bnn_landmarks.recipes import pose
from bnn_landmarks.training.recipe import override

recipe = override(pose.recipe, {"spec.name": "pose_prelu", "spec.options.activation": "prelu"})
