"""Samples -> training batches: augmented crops and landmarks, the same on every run and after every resume.

Sample number n of a run is drawn from a generator seeded by (seed, n), and epoch e is the data set in an order seeded
by (seed, e). Nothing else is random, so a run that stops after n samples goes on with sample n, and any number of
workers gives the same data.
"""

import functools

import numpy as np

from bnn_landmarks import augment, crops
from bnn_landmarks.datasets.sample import subject_square
from bnn_landmarks.schemes import convert


class TrainingSamples:
    """An endless, reproducible series of training examples.

    `samples[n]` is (uint8 crop [S, S, 3], float32 landmarks [K, 3]: x, y in crop pixels and 1 where labelled).

    Args:
        datasets: sequences of `Sample` with a `scheme`, joined; their landmarks are converted to the spec's scheme.
        spec: `Spec`. augmentation: `augment.Augmentation`. seed: int.
    """

    def __init__(self, datasets, spec, augmentation, seed=0):
        self.datasets, self.spec, self.augmentation, self.seed = datasets, spec, augmentation, seed
        self.scheme = spec.landmark_scheme()
        self._starts = np.cumsum([0] + [len(d) for d in datasets])
        if self._starts[-1] == 0:
            raise ValueError("there is nothing to train on: every data set is empty")
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

        size = self.spec.input_size
        center, side = subject_square(sample, self.spec)
        matrix, mirrored = augment.random_affine(rng, center, side, size, self.augmentation)
        patch = augment.random_appearance(rng, crops.crop(sample.image, matrix, size), self.augmentation)
        points, visible = convert(sample.landmarks, sample.visible, dataset.scheme.name, self.scheme.name)
        if mirrored:
            points, visible = augment.mirror_landmarks(points, visible, self.scheme)
        points = crops.transform(points, matrix)
        return patch, np.concatenate([points, visible[:, None] > 0], axis=1).astype(np.float32)


def batches(samples, batch_size, first=0, workers=4):
    """An endless tf.data.Dataset of (float32 images [B, S, S, 3] in [0, 1], float32 landmarks [B, K, 3]), from sample
    number `first` on."""
    import tensorflow as tf

    size, count = samples.spec.input_size, samples.spec.outputs

    def load(number):
        patch, landmarks = tf.numpy_function(lambda n: samples[n], [number], [tf.uint8, tf.float32])
        return tf.ensure_shape(patch, (size, size, 3)), tf.ensure_shape(landmarks, (count, 3))

    def finish(patches, landmarks):
        return tf.cast(patches, tf.float32) / 255.0, landmarks

    numbers = tf.data.Dataset.range(first, np.iinfo(np.int64).max)
    loaded = numbers.map(load, num_parallel_calls=workers, deterministic=True)
    return loaded.batch(batch_size, drop_remainder=True).map(finish).prefetch(2)
