"""Samples -> training batches: augmented crops and labels, the same on every run and after every resume.

Sample number n of a run is drawn from a generator seeded by (seed, n), and epoch e is the data set in an order seeded
by (seed, e). Nothing else is random, so a run that stops after n samples goes on with sample n, and any number of
workers gives the same data.
"""

import dataclasses
import functools
import logging

import numpy as np

from bnn_landmarks.datasets.sample import subject_square
from bnn_landmarks.geometry import crops, parts
from bnn_landmarks.schemes import conversion, convert
from bnn_landmarks.training import augment, profile_views

logger = logging.getLogger(__name__)


class TrainingSamples:
    """An endless, reproducible series of training examples.

    `samples[n]` is a uint8 crop [S, S, 3] and its target: for landmarks float32 [K, 3], x, y in crop pixels and 1 where
    labelled; for parts uint8 [S, S], classes.

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
        self.datasets, self.spec, self.seed = datasets, spec, seed
        self.scheme = spec.landmark_scheme()
        if augmentation.mirror and self.scheme.not_mirrored:
            logger.warning("training without mirrored images: %s", self.scheme.not_mirrored)
            augmentation = dataclasses.replace(augmentation, mirror=0.0)
        self.augmentation = augmentation
        if augmentation.profile and not any(d.scheme.name in profile_views.DEPTHS for d in datasets):
            raise ValueError(
                f"profile views (augmentation.profile) are of faces with landmarks {', '.join(profile_views.DEPTHS)}, "
                f"not {', '.join(sorted({d.scheme.name for d in datasets}))}: set it to 0"
            )
        self._starts = np.cumsum([0] + [len(d) for d in datasets])
        if self._starts[-1] == 0:
            raise ValueError("there is nothing to train on: every data set is empty")
        if spec.task == "landmarks":
            for dataset in datasets:
                conversion(dataset.scheme, self.scheme)
        self._order = functools.lru_cache(maxsize=2)(self._shuffled)

    def __len__(self):
        """Samples in one epoch."""
        return int(self._starts[-1])

    def _shuffled(self, epoch):
        return np.random.default_rng((self.seed, 0, epoch)).permutation(len(self))

    def __getitem__(self, number):
        epoch, place = divmod(int(number), len(self))
        index = int(self._order(epoch)[place])
        source = int(np.searchsorted(self._starts, index, side="right")) - 1
        dataset = self.datasets[source]
        sample = dataset[index - int(self._starts[source])]
        rng = np.random.default_rng((self.seed, 1, int(number)))

        sample = augment.random_profile(rng, sample, dataset.scheme, self.augmentation)
        size = self.spec.input_size
        center, side = subject_square(sample, self.spec)
        matrix, mirrored = augment.random_affine(rng, center, side, size, self.augmentation)
        patch = augment.random_appearance(rng, crops.crop(sample.image, matrix, size), self.augmentation)
        if self.spec.task == "parts":
            return patch, parts.label_map(sample, dataset.scheme, matrix, size)
        points, visible = convert(sample.landmarks, sample.visible, dataset.scheme, self.scheme)
        if mirrored:
            points, visible = augment.mirror_landmarks(points, visible, self.scheme)
        points = crops.transform(points, matrix)
        return patch, np.concatenate([points, visible[:, None] > 0], axis=1).astype(np.float32)


def batches(samples, batch_size, first=0, workers=4):
    """An endless tf.data.Dataset of float32 images [B, S, S, 3] in [0, 1] and the targets of `TrainingSamples`, float32
    [B, K, 3] or uint8 [B, S, S], from sample number `first` on."""
    import tensorflow as tf

    spec = samples.spec
    if spec.task == "parts":
        kind, shape = tf.uint8, (spec.input_size, spec.input_size)
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
