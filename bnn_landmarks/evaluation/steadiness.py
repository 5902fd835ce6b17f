"""How far a network's answer moves when nothing that can be seen has changed: `evaluate --robustness`.

    found = measure(localizer, split)
    found["movement"]["noise of 1 grey level"]          # {"rms": 5.3, "p95": 9.8, "count": 2112}

Landmarks: root mean square and 95th percentile of their movement over landmarks and images, percent of the longer side
of the annotated box. Parts: percent of the crop's pixels whose class changes. `DISTURBANCES` are done to the crop, at
the network's input size, so that networks of one input size are given the same. The video is one photograph filmed for
a second: the crop drifts across it as the box of a tracker does, every frame has noise of its own, and movement is
counted from one frame to the next, as found and behind the tracker's filter (`smooth.OneEuro`).

Everything random is drawn from a generator seeded by the sample's number: the same in every run and for every network.
"""

import dataclasses
import itertools

import numpy as np

from bnn_landmarks.datasets.sample import subject_square
from bnn_landmarks.geometry import crops, heatmaps, images
from bnn_landmarks.geometry.smooth import OneEuro
from bnn_landmarks.inference.localizer import parts_mask

SEED = 5
BATCH = 16
FRAMES, RATE = 30, 30.0
DRIFT = (0.3, 0.2)
VIDEO_NOISE = 1.0
VIDEOS = 20


@dataclasses.dataclass(frozen=True)
class Disturbance:
    """noise: standard deviation, grey levels. shifts: (x, y) of the crop in its own pixels, each tried."""

    noise: float = 0.0
    shifts: tuple = ((0.0, 0.0),)


DISTURBANCES = {
    "noise of 1 grey level": Disturbance(noise=1),
    "noise of 3 grey levels": Disturbance(noise=3),
    "crop shifted by half a pixel": Disturbance(shifts=((0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5))),
}
VIDEO, FILTERED = "video, from frame to frame", "the same, filtered as tracking does"
_DISTURBANCES = "Noise: Gaussian, on the crop. Shift: of the crop, in its own pixels, to all four sides."
# First key of a movement -> what the figures are.
LEGEND = {
    "rms": "Root mean square and 95th percentile of the landmarks' movement, percent of the longer side of the box. "
    f"{_DISTURBANCES} Video: a still photograph for a second at 30 frames, noise of 1 grey level on each, the crop "
    "drifting by a third of a pixel a frame.",
    "changed": f"Percent of the crop's pixels whose class changes. {_DISTURBANCES}",
}


def disturbed(image, matrix, size, disturbance, rng):
    """The crops of an image after a `Disturbance`, one per shift: (matrix float64 [2, 3], patch uint8 [S, S, 3]) each.

    image: uint8 [H, W, 3]. matrix: image pixels to crop pixels. size: S.
    """
    for shift in disturbance.shifts:
        moved = shifted(matrix, shift)
        patch = crops.crop(image, moved, size)
        yield moved, images.add_noise(patch, rng, disturbance.noise) if disturbance.noise else patch


def shifted(matrix, shift):
    """The matrix of a crop in which the picture lies `shift` (x, y) crop pixels further right and down."""
    return np.concatenate([matrix[:, :2], matrix[:, 2:] + np.reshape(shift, (2, 1))], axis=1)


def filmed(image, matrix, size, rng):
    """The crops of a photograph filmed for `FRAMES` frames, as `disturbed` gives them."""
    for frame in range(FRAMES):
        moved = shifted(matrix, np.multiply(DRIFT, frame - (FRAMES - 1) / 2))
        yield moved, images.add_noise(crops.crop(image, moved, size), rng, VIDEO_NOISE)


def movement(distances):
    """Of distances in percent, any shape: {"rms", "p95", "count"}."""
    distances = np.asarray(distances, np.float64)
    return {
        "rms": float(np.sqrt(np.mean(distances**2))),
        "p95": float(np.percentile(distances, 95)),
        "count": int(distances.size),
    }


def jitter(points, side):
    """Movement from frame to frame, as found and filtered: two arrays float64 [T - 1, K], percent of side.

    points: [T, K, 2], image pixels, of a still photograph. side: pixels.
    """
    smooth = OneEuro()
    filtered = np.stack([smooth(each, 1 / RATE, side) for each in points])
    return tuple(100 / side * np.linalg.norm(np.diff(p, axis=0), axis=-1) for p in (points, filtered))


def measure(localizer, dataset, progress=iter):
    """How far a network's answers move on a split.

    Args:
        localizer: `Localizer`. dataset: sequence of `Sample`, at least one. progress: wraps the iterator over numbers.

    Returns:
        {"images", "movement"}. movement: of landmarks as `of_points`; of parts {one of `DISTURBANCES`: {"changed":
        percent of the crop's pixels whose class changes, "count"}}.

    Raises:
        ValueError: the data set is empty, or the network finds boxes.
    """
    if len(dataset) == 0:
        raise ValueError("there is nothing to measure steadiness on: the data set is empty")
    spec = localizer.spec
    if spec.task == "boxes":
        raise ValueError(f"steadiness is measured of landmarks and parts; {spec.name} finds boxes")

    def square(sample):
        return subject_square(sample, spec)

    def maps(patches):
        return localizer.maps(crops.to_input(patches))

    if spec.task == "parts":
        found = _of_parts(maps, square, spec, dataset, progress)
    else:
        found = of_points(
            lambda patches: heatmaps.decode(maps(patches), spec.stride, spec.score)[0],
            square,
            spec.input_size,
            dataset,
            progress,
        )
    return {"images": len(dataset), "movement": found}


def of_points(find, square, size, dataset, progress=iter, videos=VIDEOS):
    """The movement of the landmarks that any finder of landmarks finds.

    Args:
        find: crops uint8 [N, S, S, 3] -> points [N, K, 2], crop pixels.
        square: `Sample` -> centre and side of its crop. size: S. dataset, progress: as `measure`.
        videos: how many samples to film, evenly taken; 0 for none.

    Returns:
        {one of `DISTURBANCES`, `VIDEO` or `FILTERED`: {"rms", "p95", "count"}}, percent of the longer side of the
        annotated box.
    """
    found = {name: [] for name in (*DISTURBANCES, *((VIDEO, FILTERED) if videos else ()))}
    films = set(np.linspace(0, len(dataset) - 1, min(videos, len(dataset))).astype(int).tolist())

    def located(views):
        return np.stack([crops.restore(p, moved) for p, moved in _answers(find, views)])

    for index in progress(range(len(dataset))):
        sample = dataset[index]
        side = float(max(sample.box[2:]))
        matrix, names, views = _views(sample, square, size, index)
        before, *after = located(views)
        for name, points in zip(names, after, strict=True):
            found[name].append(100 / side * np.linalg.norm(points - before, axis=-1))
        if index in films:
            frames = located(filmed(sample.image, matrix, size, np.random.default_rng((SEED, 1, index))))
            for name, steps in zip((VIDEO, FILTERED), jitter(frames, side), strict=True):
                found[name].append(steps.ravel())
    return {name: movement(np.concatenate(distances)) for name, distances in found.items()}


def _of_parts(maps, square, spec, dataset, progress):
    found, size = {name: [] for name in DISTURBANCES}, spec.input_size
    for index in progress(range(len(dataset))):
        matrix, names, views = _views(dataset[index], square, size, index)
        # The classes at the pixels of the undisturbed crop; its outermost ones lie outside a shifted one.
        before, *after = (
            parts_mask(m, shifted(np.eye(2, 3), moved[:, 2] - matrix[:, 2]), (size, size), spec)[1:-1, 1:-1]
            for m, moved in _answers(maps, views)
        )
        for name, mask in zip(names, after, strict=True):
            found[name].append(100 * np.mean(mask != before))
    return {
        name: {"changed": float(np.mean(shares)), "count": len(shares) * before.size}
        for name, shares in found.items()
    }


def _views(sample, square, size, index):
    """A sample's crop matrix; the names of what disturbs it; the views as `disturbed` gives them, one more than names:
    the undisturbed one comes first."""
    matrix = crops.affine(*square(sample), size)
    rng = np.random.default_rng((SEED, 0, index))
    names, views = [], [(matrix, crops.crop(sample.image, matrix, size))]
    for name, disturbance in DISTURBANCES.items():
        changed = list(disturbed(sample.image, matrix, size, disturbance, rng))
        views += changed
        names += [name] * len(changed)
    return matrix, names, views


def _answers(find, views):
    """Yields (what `find` says of a view's crop, the view's matrix)."""
    views = iter(views)
    while group := list(itertools.islice(views, BATCH)):
        matrices, patches = zip(*group, strict=True)
        yield from zip(find(np.stack(patches)), matrices, strict=True)
