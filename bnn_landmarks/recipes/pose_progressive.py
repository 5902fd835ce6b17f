"""Beyond the paper: `pose` by progressive binarization: a real network, then binary activations, then binary weights.

Each stage starts from the one before, kernels by their names, on its own rising and falling rate; the learned scales
start at the mean size of the kernels they are given.
Cost: 50,000 samples at 256x256 as `pose`, 20,000 of them in stages whose convolutions are real: those run on
TensorFlow's own operations, on a CPU at about half the speed.
Expect: not measured at this length; `python benchmarks/ablation.py` holds it beside one stage on a small budget.
Data: as `pose`.

    bnn-landmarks train pose_progressive --data DATA --output runs/pose_progressive
"""

from bnn_landmarks.recipes import pose
from bnn_landmarks.training.recipe import override

STAGES = (
    {"samples": 10_000, "spec.options.binary": False},
    {"samples": 10_000, "spec.options.weights": "real"},
    {"samples": 30_000},
)

recipe = override(pose.recipe, {"spec.name": "pose_progressive", "stages": STAGES})
