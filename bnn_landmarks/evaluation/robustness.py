"""What a network's score becomes when the box is off or the photograph is worse: `evaluate --robustness`.

    found = measure(localizer, split, evaluate(localizer, split).metrics)
    found["scores"]["rotated by 30 degrees"]                # {"value": 31.0, "low": 27.2, "high": 34.9, "count": 1515}

`CHANGES` is the table: each change is a function (image uint8 [H, W, 3], box float64 [4], generator) -> image, box, and
the matrix float64 [2, 3] that takes pixels of the old image to the new one's. `perturb` carries the annotation along.
Everything random is drawn from a generator seeded by the sample's number, so that a change is the same in every run and
for every network.
"""

import dataclasses
import functools

import cv2
import numpy as np

from bnn_landmarks.evaluation import scoring
from bnn_landmarks.evaluation.examples import example
from bnn_landmarks.geometry import crops, images

SEED = 4
IN_PLACE = np.eye(2, 3)


def jitter(image, box, rng, share):
    """The box moved by up to `share` of its sides in x and in y, and larger or smaller by up to `share`."""
    moved = box[:2] + box[2:] / 2 + rng.uniform(-share, share, 2) * box[2:]
    sides = box[2:] * (1 + rng.uniform(-share, share))
    return image, np.concatenate([moved - sides / 2, sides]), IN_PLACE


def rotate(image, box, rng, degrees):
    """The picture turned by so much to the left or to the right, nothing of it cut off; the box keeps its sides and
    turns with its centre."""
    matrix = crops.affine([0, 0], 1, 1, rng.choice([-1, 1]) * degrees)
    old = np.array(image.shape[1::-1])
    new = np.ceil(np.abs(matrix[:, :2]) @ old - 1e-6).astype(int)
    matrix[:, 2] = (new - 1) / 2 - matrix[:, :2] @ ((old - 1) / 2)
    return cv2.warpAffine(image, matrix, new.tolist(), flags=cv2.INTER_LINEAR), *_carry(box, matrix, 1.0)


def darken(image, box, rng, share):
    """A part `share` of the light gone, and so much of 10 grey levels of noise (standard deviation)."""
    return images.darken(image, rng, share, 10 * share), box, IN_PLACE


def blur(image, box, rng, share):
    """Blurred by a Gaussian with a standard deviation of `share` of the box's mean side."""
    deviation = share * box[2:].mean()
    size = 2 * int(np.ceil(3 * deviation)) + 1
    return cv2.GaussianBlur(image, (size, size), deviation), box, IN_PLACE


def compress(image, box, rng, quality):
    """Through JPEG of this quality."""
    data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1].copy(), box, IN_PLACE


def shrink(image, box, rng, factor):
    """The whole picture in `factor` times as many rows and columns."""
    old = np.array(image.shape[1::-1])
    new = np.maximum(1, np.rint(factor * old)).astype(int)
    scale = new / old
    matrix = np.concatenate([np.diag(scale), (0.5 * scale - 0.5)[:, None]], axis=1)
    return cv2.resize(image, new.tolist(), interpolation=cv2.INTER_AREA), *_carry(box, matrix, scale)


def _carry(box, matrix, scale):
    """A box whose centre goes through the matrix and whose sides are scaled, and the matrix."""
    sides = box[2:] * scale
    return np.concatenate([crops.transform(box[:2] + box[2:] / 2, matrix) - sides / 2, sides]), matrix


CHANGES = {
    "box off by 5 %": functools.partial(jitter, share=0.05),
    "box off by 10 %": functools.partial(jitter, share=0.1),
    "box off by 20 %": functools.partial(jitter, share=0.2),
    "rotated by 15 degrees": functools.partial(rotate, degrees=15),
    "rotated by 30 degrees": functools.partial(rotate, degrees=30),
    "rotated by 45 degrees": functools.partial(rotate, degrees=45),
    "low light": functools.partial(darken, share=0.8),
    "blur": functools.partial(blur, share=0.02),
    "JPEG quality 20": functools.partial(compress, quality=20),
    "half resolution": functools.partial(shrink, factor=0.5),
}
LEGEND = (
    "Box: moved by up to so much of its sides in x and y, and as much larger or smaller. Rotated: about the subject, "
    "left or right. Low light: a fifth of it, with noise of 8 grey levels. Blur: Gaussian, standard deviation 2 % of "
    "the box's side. Lengths are normalised by the annotated box, head or torso as before."
)


def perturb(sample, change, rng):
    """A `Sample` after a change: its landmarks, mask, box and head size go with the image.

    A sample with MPII's centre and scale has the square of side 200 x scale as its box.

    Returns:
        `Sample`, and by how much lengths in its image have grown.
    """
    own = sample.scale is not None
    if own:
        side = 200.0 * sample.scale
        box = np.concatenate([np.asarray(sample.center, np.float64) - side / 2, [side, side]])
    else:
        box = np.asarray(sample.box, np.float64)
    image, box, matrix = change(sample.image, box, rng)
    scale, mask = float(np.sqrt(abs(np.linalg.det(matrix[:, :2])))), sample.mask
    if mask is not None:
        mask = cv2.warpAffine(mask, matrix, image.shape[1::-1], flags=cv2.INTER_NEAREST)
    changed = dataclasses.replace(
        sample,
        image=image,
        landmarks=crops.transform(sample.landmarks, matrix).astype(np.float32),
        box=box.astype(np.float32),
        center=box[:2] + box[2:] / 2 if own else sample.center,
        scale=float(box[2:].mean()) / 200 if own else None,
        head_size=None if sample.head_size is None else scale * sample.head_size,
        mask=mask,
    )
    return changed, scale


def examples(dataset, spec, change):
    """The split's `Example`s after a change; normalised by their annotated boxes, not by moved ones."""
    for index in range(len(dataset)):
        sample = dataset[index]
        changed, scale = perturb(sample, change, np.random.default_rng((SEED, index)))
        size = scale * float(np.sqrt(sample.box[2] * sample.box[3]))
        yield dataclasses.replace(example(changed, dataset.scheme, spec), box_size=size)


def measure(localizer, dataset, unchanged, progress=iter):
    """The headline score of a network on a split after each of `CHANGES`.

    Args:
        localizer, dataset: as `scoring.evaluate`. unchanged: the metrics of its `Evaluation` of this split.
        progress: wraps the iterator over the changes' names.

    Returns:
        {"metric", "group", "images", "scores": {"unchanged" or a change: {"value", "low", "high", "count"}}}, percent,
        95 % bootstrap intervals.

    Raises:
        ValueError: as `scoring.evaluate`.
    """
    metric, group, *_ = scoring.headline(unchanged)
    scores = {"unchanged": unchanged[metric][group]}
    for name in progress(CHANGES):
        sequence = examples(dataset, localizer.spec, CHANGES[name])
        scores[name] = scoring.evaluate_examples(localizer, sequence).metrics[metric][group]
    return {"metric": metric, "group": group, "images": len(dataset), "scores": scores}
