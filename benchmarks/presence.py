"""Which presence is enough for one look, and which is nobody's: ENOUGH and PRESENCE of `inference.localizer`.

    python benchmarks/empty_scenes.py EMPTY --data DATA
    python benchmarks/presence.py pose mpii/train lspet/train --data DATA --empty EMPTY
    python benchmarks/presence.py face_300wlp aflw2000/train_68 --data DATA --empty EMPTY
    python benchmarks/presence.py face_parts helen_afw/train aflw2000/train_68 --data DATA --empty EMPTY

For each pair of them: the scores without a box, the crops that the network looks at per image, and on what share of the
pictures without anybody it sees somebody. Run it on train splits only.
"""

import argparse
import dataclasses
import itertools
import pathlib
import warnings

import numpy as np
from detectors import headline, largest, opened, product, remembered, spread

from bnn_landmarks.evaluation import cards, metrics
from bnn_landmarks.evaluation.examples import example, open_split
from bnn_landmarks.geometry import images
from bnn_landmarks.geometry.boxes import overlaps
from bnn_landmarks.inference.localizer import Localizer, result_box

# By task, the least presences and those from which one look is enough.
TRIED = {
    "landmarks": ((0.25, 0.3, 0.35, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7), (0.4, 0.5, 0.55, 0.6, 0.7)),
    "parts": ((0.7, 0.75, 0.78, 0.8, 0.82, 0.85, 0.88), (0.85, 0.88, 0.9)),
}


class Remembered:
    """An engine that does not run twice on the same crops, and counts those that it was asked for."""

    def __init__(self, engine):
        self.engine, self.told, self.crops = engine, {}, 0

    def __getattr__(self, name):
        return getattr(self.engine, name)

    def run(self, inputs):
        self.crops += len(inputs)
        key = hash(inputs.tobytes())
        if key not in self.told:
            self.told[key] = self.engine.run(inputs)
        return self.told[key]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("splits", nargs="+")
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--empty", type=pathlib.Path, required=True, help="what empty_scenes.py made")
    parser.add_argument("--images", type=int, default=150, help="of each split")
    parser.add_argument("--finder", default="finder", help="an entry or a packed file")
    parser.add_argument("--engine", default="auto")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    given = Localizer(arguments.model, arguments.engine)
    detector = remembered(product(given.scheme, arguments.finder, arguments.engine)[0])
    free = opened(arguments.model, detector, arguments.engine)
    free.engine = Remembered(free.engine)
    pictures = [images.read(path) for path in sorted(arguments.empty.glob("*.png"))]
    sets = []
    for name in arguments.splits:
        dataset, _, _ = open_split(name, None, arguments.data)
        shots = list(spread(dataset, arguments.images))
        of_parts = given.spec.task == "parts"
        score = found_faces(shots) if of_parts else found_landmarks(shots, dataset, given)
        print(f"{name}, box given: {score([given(sample.image, [box]) for sample, box in shots])}")
        sets.append((score, [sample.image for sample, _ in shots]))
    rows = []
    for free.least_presence, free.enough in itertools.product(*TRIED[given.spec.task]):
        if free.enough < free.least_presence:
            continue
        free.engine.crops = 0
        scores = [score([free(image) for image in shown]) for score, shown in sets]
        crops = free.engine.crops / sum(len(shown) for _, shown in sets)
        seen = 100 * np.mean([len(free(picture)) > 0 for picture in pictures])
        rows.append([f"{free.least_presence}", f"{free.enough}", *scores, f"{crops:.2f}", f"{seen:.1f}"])
    print(cards.table(["least", "enough", *arguments.splits, "crops", "seen where nobody is, %"], rows))


def found_landmarks(shots, dataset, localizer):
    """What says how good the results for some (sample, box) are."""
    truth = [
        dataclasses.replace(example(sample, dataset.scheme, localizer.spec), patch=None)
        for sample, _ in shots
    ]

    def score(results):
        points = np.stack([largest(found, localizer.scheme) for found in results])
        _, value, far = headline(truth, points, localizer.scheme.names)
        return f"{value:.1f}" + (f", {far:.1f} %" if far is not None else "")

    return score


def found_faces(shots):
    """The same of facial parts: of how many faces, percent, somebody's parts fill more than half of the box."""

    def score(results):
        boxes = [[result_box(result, 0) for result in found] for found in results]
        hits = [
            any(each is not None and overlaps([box], [each]).max() > metrics.OVERLAP for each in found)
            for (_, box), found in zip(shots, boxes, strict=True)
        ]
        return f"{100 * np.mean(hits):.1f} found"

    return score


if __name__ == "__main__":
    main()
