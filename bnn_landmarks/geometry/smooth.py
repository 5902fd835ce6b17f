"""The One Euro filter (Casiez, Roussel & Vogel, CHI 2012): steady when still, without lag when fast.

    smooth = OneEuro()
    points = smooth(points, seconds, size)        # once a frame

seconds is the time since the last frame, size the subject's in pixels.
"""

import numpy as np


class OneEuro:
    """A low-pass filter of points [K, 2] whose cut-off grows with their speed, each landmark for itself.

    Args:
        min_cutoff: Hz, the cut-off of a landmark at rest; lower is steadier.
        beta: Hz by subject sizes a second: how fast the cut-off grows with speed; higher lags less.
        speed_cutoff: Hz, of the filter of the speed itself.
    """

    def __init__(self, min_cutoff=1.0, beta=8.0, speed_cutoff=1.0):
        self.min_cutoff, self.beta, self.speed_cutoff = min_cutoff, beta, speed_cutoff
        self.reset()

    def reset(self):
        """Forget: the next points are taken as they are."""
        self.points = self.speed = None

    def __call__(self, points, seconds, size):
        """Smoothed points float64 [K, 2].

        points: [K, 2], pixels. seconds: since the last call, positive. size: pixels, of the subject (the
        longer side of its box), so that the filter acts alike near and far.
        """
        points = np.asarray(points, np.float64)
        if not seconds > 0:
            raise ValueError(f"seconds since the last frame must be positive, not {seconds}")
        if self.points is None:
            self.points, self.speed = points, np.zeros_like(points)
            return points
        speed = (points - self.points) / (seconds * size)
        self.speed = self.speed + _share(self.speed_cutoff, seconds) * (speed - self.speed)
        cutoff = self.min_cutoff + self.beta * np.linalg.norm(self.speed, axis=-1, keepdims=True)
        self.points = self.points + _share(cutoff, seconds) * (points - self.points)
        return self.points


def _share(cutoff, seconds):
    """How much of the new value a first-order low-pass filter takes: 1 / (1 + 1 / (2 pi cutoff seconds))."""
    rate = 2 * np.pi * cutoff * seconds
    return rate / (rate + 1)
