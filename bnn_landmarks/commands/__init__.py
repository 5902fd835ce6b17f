"""One module per command; each holds a click command named `command`. Here are the types that several options have."""

import math

import click

from bnn_landmarks.runtime.engine import MOST_THREADS

THREADS = click.IntRange(1, MOST_THREADS)


class Number(click.FloatRange):
    """A finite number of a range; click's own lets nan through."""

    def convert(self, value, param, ctx):
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no number", param, ctx)
        return number
