"""Samples -> training batches: augmented crops and labels, the same on every run and after every resume.

See `series`: any number of workers, and a run that was stopped, give the same data.
"""

import dataclasses
import logging

import numpy as np

from bnn_landmarks.datasets.sample import subject_square
from bnn_landmarks.geometry import boxes, crops, parts
from bnn_landmarks.schemes import conversion, convert
from bnn_landmarks.training import augment, profile_views
from bnn_landmarks.training.scenes import Scenes
from bnn_landmarks.training.series import Series

LOOKED_AT = 200
logger = logging.getLogger(__name__)


def series(datasets, spec, augmentation, seed=0):
    """The training examples of a spec: `TrainingSamples`, or `Scenes` for a network that finds subjects."""
    kind = Scenes if spec.task == "boxes" else TrainingSamples
    return kind(datasets, spec, augmentation, seed)


class TrainingSamples(Series):
    """An endless, reproducible series of training examples.

    `samples[n]` is a uint8 crop [S, S, 3] and its target: for landmarks float32 [K, 3], x, y in crop pixels and 1 where
    labelled (`augment.ABSENT` three times where the crop does not show the subject); for parts uint8 [S, S], classes.

    Landmarks without known mirror pairs (AFLW-PIFA's, or a user's without left and right in their names) are never
    mirrored, which is said.

    Args:
        datasets: sequences of `Sample` with a `scheme`, joined; their landmarks are converted to the spec's scheme.
        spec: `Spec`. augmentation: `augment.Augmentation`. seed: int.

    Raises:
        ValueError: they are all empty, one lacks landmarks of the spec's scheme, or profile views are asked for of
            none that is of faces; later, for a sample of parts that can't be converted.
    """

    def __init__(self, datasets, spec, augmentation, seed=0):
        self.scheme = spec.landmark_scheme()
        if augmentation.mirror and self.scheme.not_mirrored:
            logger.warning("training without mirrored images: %s", self.scheme.not_mirrored)
            augmentation = dataclasses.replace(augmentation, mirror=0.0)
        if augmentation.profile and not any(d.scheme.name in profile_views.DEPTHS for d in datasets):
            raise ValueError(
                f"profile views (augmentation.profile) are of faces with landmarks {', '.join(profile_views.DEPTHS)}, "
                f"not {', '.join(sorted({d.scheme.name for d in datasets}))}: set it to 0"
            )
        super().__init__(datasets, spec, augmentation, seed)
        if spec.task == "landmarks":
            for dataset in datasets:
                conversion(dataset.scheme, self.scheme)

    def loosest(self):
        """How many times a subject's own crop the whole image is for all but a tenth of the subjects that `loose` is
        of, of up to `LOOKED_AT` samples: `Spec.loosest`. None without `loose`."""
        if not self.augmentation.loose:
            return None
        indices = np.linspace(0, len(self) - 1, min(len(self), LOOKED_AT)).astype(int)
        samples = [self.sample(int(index))[0] for index in indices]
        alone = [sample for sample in samples if sample.alone]
        if not alone:
            logger.warning("training on tight boxes only: no image is known to show one subject alone")
            return None
        if len(alone) < len(samples):
            logger.info(
                "loose boxes only where a subject is alone in its image: in %d of %d",
                len(alone),
                len(samples),
            )
        wider = [
            augment.whole_square(sample.image, self.spec)[1] / subject_square(sample, self.spec)[1]
            for sample in alone
        ]
        return round(max(1.0, float(np.percentile(wider, 90))), 2)

    def example(self, number):
        sample, scheme = self.sample(self.index(number))
        rng = self.generator(number)

        sample = augment.random_profile(rng, sample, scheme, self.augmentation)
        size = self.spec.input_size
        empty = augment.random_absence(rng, sample, self.spec, self.augmentation)
        if empty is not None:
            center, side = augment.whole_square(empty, self.spec)
            matrix, _ = augment.random_affine(rng, center, side, size, self.augmentation)
            patch = augment.random_appearance(rng, crops.crop(empty, matrix, size), self.augmentation)
            return patch, np.full((len(self.scheme), 3), augment.ABSENT, np.float32)
        center, side = augment.random_square(rng, sample, self.spec, self.augmentation)
        matrix, mirrored = augment.random_affine(rng, center, side, size, self.augmentation)
        patch = augment.random_appearance(rng, crops.crop(sample.image, matrix, size), self.augmentation)
        if self.spec.task == "parts":
            return patch, parts.label_map(sample, scheme, matrix, size)
        points, visible = convert(sample.landmarks, sample.visible, scheme, self.scheme)
        if mirrored:
            points, visible = augment.mirror_landmarks(points, visible, self.scheme)
        points = crops.transform(points, matrix)
        return patch, np.concatenate([points, visible[:, None] > 0], axis=1).astype(np.float32)


def batches(samples, batch_size, first=0, workers=4):
    """An endless tf.data.Dataset of float32 images [B, S, S, 3] in [0, 1] and the targets of `TrainingSamples` or
    `Scenes`, float32 [B, K, 3], uint8 [B, S, S] or float32 [B, H, W, T], from sample number `first` on."""
    import tensorflow as tf

    spec = samples.spec
    if spec.task == "parts":
        kind, shape = tf.uint8, (spec.input_size, spec.input_size)
    elif spec.task == "boxes":
        channels = boxes.TARGETS * len(spec.landmark_scheme())
        kind, shape = tf.float32, (spec.map_size, spec.map_size, channels)
    else:
        kind, shape = tf.float32, (spec.outputs, 3)

    def load(number):
        patch, target = tf.numpy_function(lambda n: samples[n], [number], [tf.uint8, kind])
        return tf.ensure_shape(patch, (spec.input_size, spec.input_size, 3)), tf.ensure_shape(target, shape)

    def finish(patches, targets):
        return tf.cast(patches, tf.float32) / 255.0, targets

    numbers = tf.data.Dataset.range(first, np.iinfo(np.int64).max)
    loaded = numbers.map(load, num_parallel_calls=workers, deterministic=True)
    return loaded.batch(batch_size, drop_remainder=True).map(finish).prefetch(2)
