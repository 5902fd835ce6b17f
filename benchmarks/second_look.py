"""Which rule of a second look is best where the box is the whole image: what `Localizer(refine=1)` does.

    python benchmarks/second_look.py pose mpii/train lspet/train --data DATA --images 150

For each score a landmark needs and each factor of the box around those: the score after one more look, and with the box
given. Of detected boxes: the score of the first look, of the second, and of whichever has the larger presence. It also
prints what share of the whole images, and of parts of images beside their subject, have a mean score (`presence`) above
each threshold. Run it on train splits only.
"""

import argparse
import itertools
import pathlib

import numpy as np

from bnn_landmarks.datasets.subjects import photo
from bnn_landmarks.evaluation import scoring
from bnn_landmarks.evaluation.examples import example, open_split
from bnn_landmarks.inference import detect
from bnn_landmarks.inference.localizer import Landmarks, Localizer, second_look
from bnn_landmarks.training.scenes import _surroundings, _trimmed

LEAST = (0.05, 0.1, 0.2, 0.3)
FACTORS = (1.0, 1.15, 1.3)
PRESENCE = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)


def whole(image):
    return [-0.5, -0.5, image.shape[1], image.shape[0]]


def score(localizer, truth, results):
    points = np.stack([result.points for result in results])
    names = localizer.spec.landmark_scheme().names
    metric, group, value, _ = scoring.headline(scoring.landmark_measures(truth, points, names)[0])
    return f"{metric} {group} {value:.2f}"


def again(localizer, image, result, least, factor):
    box = detect.box_from_landmarks(result.points, result.scores, least)
    if box is None:
        return result
    grown = np.concatenate([box[:2] - (factor - 1) / 2 * box[2:], factor * box[2:]])
    return localizer(image, [grown])[0]


def detected(localizer, samples):
    """The first looks, the second ones and the surer of both, of the largest subject detected in each sample; NaN where
    nobody is detected."""
    nobody = Landmarks(
        np.full((len(localizer.scheme), 2), np.nan), np.zeros(1), localizer.scheme, np.zeros(4), "image"
    )
    rows = []
    for sample in samples:
        first = localizer.look(sample.image, localizer.detect(sample.image)[0])
        second = localizer.look(sample.image, [second_look(result, sample.image.shape) for result in first])
        largest = max(range(len(first)), key=lambda i: second[i].box[2:].prod(), default=None)
        looks = [nobody, nobody] if largest is None else [first[largest], second[largest]]
        rows.append([*looks, max(looks, key=lambda result: result.presence)])
    return zip(*rows, strict=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("splits", nargs="+")
    parser.add_argument("--data", type=pathlib.Path)
    parser.add_argument("--images", type=int, default=150, help="of each split")
    parser.add_argument("--engine", default="auto")
    arguments = parser.parse_args()
    localizer = Localizer(arguments.model, arguments.engine)
    for name in arguments.splits:
        dataset, _, _ = open_split(name, None, arguments.data)
        indices = np.linspace(0, len(dataset) - 1, min(arguments.images, len(dataset))).astype(int)
        samples = [dataset[int(index)] for index in indices]
        truth = [example(sample, dataset.scheme, localizer.spec) for sample in samples]
        first = [localizer(sample.image, [whole(sample.image)])[0] for sample in samples]
        given = [localizer(sample.image, [sample.box])[0] for sample in samples]
        print(
            name,
            "box given",
            score(localizer, truth, given),
            "whole image",
            score(localizer, truth, first),
            flush=True,
        )
        for least, factor in itertools.product(LEAST, FACTORS):
            second = [
                again(localizer, s.image, r, least, factor) for s, r in zip(samples, first, strict=True)
            ]
            print(f"  at least {least}, times {factor}: {score(localizer, truth, second)}", flush=True)
        for what, results in zip(("first", "second", "surer"), detected(localizer, samples), strict=True):
            print(f"  detected, {what} look: {score(localizer, truth, results)}", flush=True)
        shown = np.array([result.scores.mean() for result in first])
        empty = [_surroundings(_trimmed(photo(sample, dataset.scheme))) for sample in samples]
        empty = [part for part in empty if min(part.shape[:2]) >= 24]
        nobody = np.array([localizer(part, [whole(part)])[0].scores.mean() for part in empty])
        for least in PRESENCE:
            print(
                f"  mean score above {least}: {100 * (shown >= least).mean():.1f} % of {len(shown)} whole images, "
                f"{100 * (nobody >= least).mean():.1f} % of {len(nobody)} parts beside the subject",
                flush=True,
            )


if __name__ == "__main__":
    main()
