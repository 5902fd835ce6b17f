"""What a training run is: a `Recipe`, one short Python file each under `bnn_landmarks/recipes`."""

import dataclasses

from bnn_landmarks.augment import Augmentation
from bnn_landmarks.spec import Spec


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One training run.

    spec: the network. train, validate: (data set, split) pairs; a data set is a folder below `--data`.
    loss: `losses.LOSSES`. optimizer: "adam" or "rmsprop". learning_rate: its peak.
    schedule: "cosine" to zero, or steps: a tuple of (share of the run, learning rate).
    warmup: share of the run over which the rate rises from zero. samples: length of the run. batch_size, seed.
    """

    spec: Spec
    train: tuple
    validate: tuple
    samples: int
    batch_size: int = 16
    loss: str = "softmax"
    optimizer: str = "adam"
    learning_rate: float = 1.5e-3
    schedule: str | tuple = "cosine"
    warmup: float = 0.02
    augmentation: Augmentation = Augmentation()
    seed: int = 0

    @property
    def steps(self) -> int:
        return self.samples // self.batch_size
