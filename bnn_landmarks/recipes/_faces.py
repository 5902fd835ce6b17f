"""What the faces' entries share."""

from bnn_landmarks.training.augment import Augmentation

FACES = Augmentation(
    rotation=25.0,
    rotate=0.6,
    scale=(0.8, 1.2),
    shift=0.04,
    blur=0.1,
    occlude=0.2,
    low_resolution=0.1,
    low_light=0.2,
)
