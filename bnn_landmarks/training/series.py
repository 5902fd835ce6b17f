"""An endless, reproducible series of training examples over joined data sets.

Example number n of a run is drawn from a generator seeded by (seed, n), and epoch e is the data sets in an order seeded
by (seed, e). Nothing else is random, so a run that stops after n examples goes on with example n, and any number of
workers gives the same data.
"""

import functools
import logging

import numpy as np

from bnn_landmarks.datasets.sample import subject_square

TRIES = 20
logger = logging.getLogger(__name__)


class Series:
    """What the series of crops (`samples`) and of scenes (`scenes`) share.

    Args:
        datasets: sequences of `Sample` with a `scheme`, joined. spec: `Spec`.
        augmentation: `augment.Augmentation`. seed: int.

    A subclass makes `example(number)`, which `series[number]` is, and `loosest()`, `Spec.loosest`.

    Attributes:
        failure: the last error that making an example ended in, which TensorFlow makes text of; None without one.

    Raises:
        ValueError: the data sets are all empty.
    """

    def __init__(self, datasets, spec, augmentation, seed=0):
        self.datasets, self.spec, self.augmentation, self.seed = datasets, spec, augmentation, seed
        self._starts = np.cumsum([0] + [len(d) for d in datasets])
        if self._starts[-1] == 0:
            raise ValueError("there is nothing to train on: every data set is empty")
        self._broken, self.failure = set(), None
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

    def __getitem__(self, number):
        try:
            return self.example(number)
        except Exception as error:
            self.failure = error
            raise

    def sample(self, index):
        """The `Sample` of that index and its `Scheme`. Where it can't be read any more, which is said once, the next
        that can.

        Raises:
            OSError: `TRIES` in a row can't be read.
        """
        failed = {}
        for place in ((index + i) % len(self) for i in range(TRIES)):
            source = int(np.searchsorted(self._starts, place, side="right")) - 1
            dataset = self.datasets[source]
            try:
                sample = dataset[place - int(self._starts[source])]
                subject_square(sample, self.spec)
            except (OSError, ValueError) as error:
                failed[place] = " ".join(str(error).split())
            else:
                for bad in failed.keys() - self._broken:
                    logger.warning("left out: %s", failed[bad])
                self._broken |= failed.keys()
                return sample, dataset.scheme
        raise OSError(f"{TRIES} samples in a row can't be read any more, the last: {failed[place]}")

    def generator(self, number):
        """The random generator of example `number`."""
        return np.random.default_rng((self.seed, 1, int(number)))
