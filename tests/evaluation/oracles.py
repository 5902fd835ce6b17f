"""Splits that are made up, and a network that knows what is annotated in them."""

import numpy as np

from bnn_landmarks.datasets.sample import Sample
from bnn_landmarks.evaluation.examples import examples
from bnn_landmarks.geometry import crops, heatmaps
from bnn_landmarks.inference.engines import Engine
from bnn_landmarks.inference.localizer import Localizer
from bnn_landmarks.schemes import SCHEMES
from bnn_landmarks.spec import Spec

POSE = Spec("pose", input_size=64)


FACE = Spec("face", scheme="ibug68", input_size=64, box_side="mean")


class Split(list):
    def __init__(self, scheme, samples):
        super().__init__(samples)
        self.scheme = scheme


def bodies(count=4, **facts):
    rng = np.random.default_rng(3)
    samples = []
    for i in range(count):
        landmarks = rng.uniform(60, 100, (16, 2)).astype(np.float32)  # a shift keeps them inside the crop
        box = np.array([40, 40, 80, 80], np.float32)
        image = np.full((160, 160, 3), 60 * i, np.uint8)
        samples.append(Sample(f"{i}.jpg", image, landmarks, np.full(16, 2), box, head_size=20.0, **facts))
    return Split(SCHEMES["mpii16"], samples)


def face_points():
    angle = np.linspace(0.1, 3.0, 68)
    return (80 + 40 * np.stack([np.cos(angle), np.sin(3 * angle)], axis=1)).astype(np.float32)


def faces(yaws):
    image = np.zeros((160, 160, 3), np.uint8)
    box = np.array([40, 40, 80, 80], np.float32)
    return Split(
        SCHEMES["ibug68"],
        [
            Sample(f"{i}.jpg", image, face_points(), np.full(68, 2), box, yaw=yaw)
            for i, yaw in enumerate(yaws)
        ],
    )


def oracle(spec, dataset, shift=0.0):
    """A network that knows the landmarks, moved `shift` image pixels to the right, as distributions."""
    waiting = iter(examples(dataset, spec))

    def run(images):
        group = [next(waiting) for _ in images]
        moved = [crops.transform(e.points + [shift, 0], e.matrix) for e in group]
        maps = [heatmaps.encode(p, np.ones(len(p)), spec.map_size, sigma=spec.sigma) for p in moved]
        return np.log(np.stack(maps) + 1e-9)

    return Localizer(Engine("oracle", spec, run))
