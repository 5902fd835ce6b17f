"""Networks as training leaves them."""

import numpy as np


def randomise(model, seed=0):
    """Give a network's batch norms and scales values as training leaves them, so that no test passes on ones and
    zeros."""
    rng = np.random.default_rng(seed)
    for variable in model.variables:
        name = variable.name.rsplit("/", 1)[-1].split(":")[0]
        if name in ("gamma", "scale"):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape) * rng.choice([-1, 1, 1, 1], variable.shape))
        elif name in ("beta", "moving_mean", "bias"):
            variable.assign(rng.normal(0, 0.3, variable.shape))
        elif name == "moving_variance":
            variable.assign(rng.uniform(0.5, 2.0, variable.shape))
    return model
