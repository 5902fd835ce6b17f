"""Where an answer's movement under noise comes from, from how little it comes, and what would lower it.

    python benchmarks/movement.py pose mpii/train --data DATA --images 150

Movement as `evaluation.steadiness` counts it: of landmarks, percent of the longer side of the annotated box. Printed:
how far the answer moves when one value of one pixel in the middle changes by one grey level, when more do, and under
noise; of noise of one grey level, how much of the mean square the far moves make, how many of these end nearer to where
the mirror partner (the other ankle) was than to where they began, and what landmarks of each score have; and movement
and score with other readings of the maps. Run it on train splits if anything is to be chosen by it.
"""

import argparse
import functools
import itertools
import pathlib

import numpy as np

from bnn_landmarks.evaluation import scoring
from bnn_landmarks.evaluation.examples import example, open_split
from bnn_landmarks.evaluation.steadiness import movement
from bnn_landmarks.geometry import crops, heatmaps, images
from bnn_landmarks.inference.localizer import Localizer

SEED = 5
FAR = (2, 5, 10, 20)
SCORES = (0.0, 0.2, 0.4, 0.6, 1.01)
NOISE = "noise of 1 grey level"


def changed(patch, rng, count):
    """A crop uint8 [S, S, 3] in whose middle half `count` values have changed by one grey level."""
    size, patch = len(patch), patch.copy()
    at = (*rng.integers(size // 4, size - size // 4, (2, count)), rng.integers(0, 3, count))
    patch[at] = np.where(patch[at] > 127, patch[at] - 1, patch[at] + 1)
    return patch


DISTURBANCES = {
    NOISE: functools.partial(images.add_noise, deviation=1),
    "one value by 1 grey level": functools.partial(changed, count=1),
    "ten values by 1 grey level": functools.partial(changed, count=10),
    "noise of 3 grey levels": functools.partial(images.add_noise, deviation=3),
    "noise of 10 grey levels": functools.partial(images.add_noise, deviation=10),
}


def shares(maps):
    """The softmax over positions of maps [..., H, W, K], float64."""
    positive = np.exp((maps - maps.max(axis=(-3, -2), keepdims=True)).astype(np.float64))
    return positive / positive.sum(axis=(-3, -2), keepdims=True)


def median(along):
    """Where half of distributions [..., W, K] lies to each side, [..., K] map pixels."""
    total = along.cumsum(axis=-2)
    cell = (total < 0.5).sum(axis=-2)[..., None, :]
    here, mass = (np.take_along_axis(values, cell, axis=-2) for values in (total, along))
    return (cell + 0.5 - (here - 0.5) / mass)[..., 0, :]


def crop_points(x, y, stride):
    return stride * (np.stack([x, y], axis=-1) + 0.5) - 0.5


def medians(maps, spec):
    """The median in x and the median in y."""
    found = shares(maps)
    return crop_points(median(found.sum(axis=-3)), median(found.sum(axis=-2)), spec.stride)


def means(maps, spec):
    """The mean over the whole map."""
    found = shares(maps)
    place = np.arange(spec.map_size)[:, None]
    return crop_points(
        (found.sum(axis=-3) * place).sum(axis=-2), (found.sum(axis=-2) * place).sum(axis=-2), spec.stride
    )


def decoded(maps, spec):
    return heatmaps.decode(maps, spec.stride, spec.score)[0]


READINGS = {"as shipped": decoded, "medians in x and y": medians, "mean over the map": means}


def look(localizer, samples, scheme):
    """The examples; maps [N, 1 + disturbances, H, W, K] of the undisturbed and the disturbed crops; boxes' sides [N],
    crop pixels."""
    truth, maps, sides = [], [], []
    for number, sample in enumerate(samples):
        one, rng = example(sample, scheme, localizer.spec), np.random.default_rng((SEED, number))
        patches = [one.patch, *(disturb(one.patch, rng) for disturb in DISTURBANCES.values())]
        truth.append(one)
        maps.append(localizer.maps(crops.to_input(np.stack(patches))))
        sides.append(max(sample.box[2:]) * np.sqrt(abs(np.linalg.det(one.matrix[:, :2]))))
    return truth, np.stack(maps), np.array(sides)


def moves(points, sides):
    """Of points [N, V, K, 2] the movement from the first view to the others, [N, V - 1, K] percent of the sides."""
    return 100 * np.linalg.norm(points[:, 1:] - points[:, :1], axis=-1) / sides[:, None, None]


def say(name, distances, *more):
    found = movement(distances)
    print(
        f"  {name}: rms {found['rms']:.2f}, median {np.median(distances):.2f}, 95th percentile {found['p95']:.2f}",
        *more,
        sep=", ",
        flush=True,
    )


def explain(points, maps, distances, spec):
    """What the movement `distances` [N, K] from points [N, 2, K, 2] is made of. maps: of the first points."""
    square, total = distances**2, (distances**2).sum()

    def part(some):
        return f"{100 * square[some].sum() / total:.0f} % of the square"

    for far in FAR:
        some = distances > far
        rest = np.sqrt(square[~some].mean())
        print(
            f"  beyond {far} %: {100 * some.mean():.1f} % of the landmarks, {part(some)}; others' rms {rest:.2f}"
        )
    before, after = points[:, 0], points[:, 1]
    mirror = np.array(spec.landmark_scheme().mirror)
    partner = np.linalg.norm(after - before[:, mirror], axis=-1) < np.linalg.norm(after - before, axis=-1)
    print(f"  beyond {FAR[2]} % and nearer to the mirror partner: {part(partner & (distances > FAR[2]))}")
    score = heatmaps.scores(maps, spec.score, spec.sigma)
    for low, high in itertools.pairwise(SCORES):
        some = (score >= low) & (score < high)
        if some.any():
            rms = np.sqrt(square[some].mean())
            print(
                f"  score from {low}: {100 * some.mean():.0f} % of the landmarks, rms {rms:.1f}, {part(some)}"
            )


def score(truth, points, spec):
    """The headline of points [N, K, 2], crop pixels."""
    found = np.stack([crops.restore(p, one.matrix) for p, one in zip(points, truth, strict=True)])
    metric, group, value, _ = scoring.headline(
        scoring.landmark_measures(truth, found, spec.landmark_scheme().names)[0]
    )
    return f"{metric} {group} {value:.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="a network of landmarks")
    parser.add_argument("splits", nargs="+")
    parser.add_argument("--data", type=pathlib.Path)
    parser.add_argument("--images", type=int, default=150, help="of each split")
    parser.add_argument("--engine", default="auto")
    arguments = parser.parse_args()
    for name, flip in ((name, flip) for name in arguments.splits for flip in (False, True)):
        localizer = Localizer(arguments.model, arguments.engine, flip=flip)
        spec, (dataset, _, _) = localizer.spec, open_split(name, None, arguments.data)
        indices = np.linspace(0, len(dataset) - 1, min(arguments.images, len(dataset))).astype(int)
        truth, maps, sides = look(localizer, [dataset[int(index)] for index in indices], dataset.scheme)
        print(f"{name}, {len(truth)} images{', with the mirrored crop' if flip else ''}")
        points = decoded(maps, spec)
        distances = moves(points, sides)
        for disturbance, which in zip(DISTURBANCES, distances.swapaxes(0, 1), strict=True):
            say(disturbance, which)
        if not flip:
            explain(points[:, :2], maps[:, 0], distances[:, 0], spec)
        for reading, read in READINGS.items():
            found = read(maps[:, :2], spec)
            say(
                f"{NOISE}, {reading}",
                moves(found, sides)[:, 0],
                *(score(truth, found[:, view], spec) for view in (0, 1)),
            )


if __name__ == "__main__":
    main()
