"""An endless, reproducible series of training examples over joined data sets.

Example number n of a run is drawn from a generator seeded by (seed, n), and epoch e is the data sets in an order seeded
by (seed, e). Nothing else is random, so a run that stops after n examples goes on with example n, and any number of
workers gives the same data.
"""

import functools

import numpy as np


class Series:
    """What the series of crops (`samples`) and of scenes (`scenes`) share.

    Args:
        datasets: sequences of `Sample` with a `scheme`, joined. spec: `Spec`.
        augmentation: `augment.Augmentation`. seed: int.

    Raises:
        ValueError: the data sets are all empty.
    """

    def __init__(self, datasets, spec, augmentation, seed=0):
        self.datasets, self.spec, self.augmentation, self.seed = datasets, spec, augmentation, seed
        self._starts = np.cumsum([0] + [len(d) for d in datasets])
        if self._starts[-1] == 0:
            raise ValueError("there is nothing to train on: every data set is empty")
        self._order = functools.lru_cache(maxsize=2)(self._shuffled)

    def __len__(self):
        """Samples in one epoch."""
        return int(self._starts[-1])

    def _shuffled(self, epoch):
        return np.random.default_rng((self.seed, 0, epoch)).permutation(len(self))

    def index(self, number):
        """The sample, of all data sets', that example `number` is made of."""
        epoch, place = divmod(int(number), len(self))
        return int(self._order(epoch)[place])

    def sample(self, index):
        """The `Sample` of that index and its `Scheme`."""
        source = int(np.searchsorted(self._starts, index, side="right")) - 1
        dataset = self.datasets[source]
        return dataset[index - int(self._starts[source])], dataset.scheme

    def generator(self, number):
        """The random generator of example `number`."""
        return np.random.default_rng((self.seed, 1, int(number)))
