"""How long networks of several widths, input sizes and options take in our engine, in turn.

    python benchmarks/shapes.py 256@64 128@128 256@128 256@128,first=real --rounds 60

CHANNELS@SIZE and options of `spec.Options`, the rest as the entry `pose`, with random weights: time does not depend on
them. One thread; medians and shortest times of each, wall-clock, and what a network costs in operations and bytes.
"""

import argparse
import dataclasses
import functools
import statistics

import numpy as np
from runtime_speed import measure

from bnn_landmarks import zoo
from bnn_landmarks.evaluation import cards
from bnn_landmarks.network.build import build
from bnn_landmarks.network.counting import count
from bnn_landmarks.runtime.engine import Network
from export import lce

HEAD = ["network", "bytes", "binary G MAC", "real M MAC", "median ms", "shortest ms"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shapes", nargs="+", metavar="CHANNELS@SIZE[,OPTION=VALUE]")
    parser.add_argument("--rounds", type=int, default=60)
    arguments = parser.parse_args()
    runs, rows = {}, {}
    for shape in arguments.shapes:
        form, *options = shape.split(",")
        channels, size = map(int, form.split("@"))
        spec = zoo.entry("pose").spec
        options = spec.options | dict(option.split("=") for option in options)
        model = build(dataclasses.replace(spec, channels=channels, input_size=size, options=options))
        content, costs = lce.convert(model), count(model)
        image = np.random.default_rng(0).random((1, size, size, 3)).astype(np.float32)
        runs[shape] = functools.partial(Network(content).run, [image])
        rows[shape] = [f"{len(content):,}", f"{costs.binary_macs / 1e9:.2f}", f"{costs.real_macs / 1e6:.0f}"]
    lines = [
        [shape, *rows[shape], *(f"{1e3 * of(clocks['wall']):.2f}" for of in (statistics.median, min))]
        for shape, clocks in measure(runs, arguments.rounds).items()
    ]
    print(cards.table(HEAD, lines))


if __name__ == "__main__":
    main()
