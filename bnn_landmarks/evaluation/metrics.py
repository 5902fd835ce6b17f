"""Accuracy of landmarks and of facial parts, with bootstrap intervals. NumPy only.

    errors = normalised_errors(points, truth, counted, normaliser)        # [N, K]
    estimate([share_right(errors, 0.5)])                                  # {"value", "low", "high", "count"}

Arrays: points and truth float [N, K, 2], pixels; counted bool [N, K], the landmarks that count; normaliser float [N],
pixels (NaN leaves an image out). A point that is not there (NaN) although it counts is a miss: its error is infinite.

Every measure here is a ratio of two sums over images, (numerator [N], denominator [N]), so that one bootstrap over
images serves all: `estimate`.
"""

import functools

import numpy as np

LIMBS = tuple(f"{side}_{joint}" for joint in "shoulder elbow wrist hip knee ankle".split() for side in "rl")

# Joint pairs as MPII's evaluation groups them; the mean leaves out pelvis and thorax (Andriluka et al. 2014).
JOINT_PAIRS = {
    "head": ("upper_neck", "neck", "head_top"),
    **{joint: (f"r_{joint}", f"l_{joint}") for joint in "shoulder elbow wrist hip knee ankle".split()},
}
NOT_IN_MEAN = ("pelvis", "thorax")

YAW_BINS = ((0, 30), (30, 60), (60, 90))

MISSED = 1.0

# An error up to which a joint is right, and above which a face is a failure.
THRESHOLDS = {"PCKh@0.5": 0.5, "PCK@0.2 torso": 0.2}
FAILURE = 0.07
# A box is right where it has more than this share of the union in common with the annotated one.
OVERLAP = 0.5


def in_yaw_bin(yaw, low, high):
    """Which of the yaws [N], degrees, lie in a bin of `YAW_BINS`; none that is NaN."""
    return (yaw <= high) & (yaw > low if low else yaw >= 0)


def normalised_errors(points, truth, counted, normaliser):
    """Distance over normaliser, float64 [N, K]; NaN where a landmark or an image does not count, infinite where one
    that counts was missed."""
    normaliser = np.asarray(normaliser, np.float64)[:, None]
    errors = np.linalg.norm(np.asarray(points, np.float64) - truth, axis=-1) / normaliser
    errors = np.where(np.isfinite(errors), errors, np.inf)
    return np.where(np.asarray(counted, bool) & (normaliser > 0), errors, np.nan)


def torso(landmarks, visible, names):
    """Torso length of [K, 2] landmarks: right hip to left shoulder, or the other diagonal where that one is not
    annotated, NaN where neither is (the normaliser of PCK on LSP)."""
    for hip, shoulder in (("r_hip", "l_shoulder"), ("l_hip", "r_shoulder")):
        a, b = names.index(hip), names.index(shoulder)
        if visible[a] and visible[b]:
            return float(np.linalg.norm(landmarks[a] - landmarks[b]))
    return float("nan")


def image_errors(errors):
    """Mean of `normalised_errors` over each image's landmarks, float64 [N]: its NME as a fraction. A missed landmark
    counts as `MISSED`, 100 % of the normaliser. NaN where nothing counts."""
    errors = np.where(np.isinf(errors), MISSED, errors)
    counts = ~np.isnan(errors)
    with np.errstate(invalid="ignore"):
        return np.where(counts, errors, 0).sum(axis=1) / counts.sum(axis=1)


def share_right(errors, threshold):
    """Percentage of correct keypoints (Yang & Ramanan 2013; PCKh@0.5: Andriluka et al. 2014) as a ratio of sums over
    images: landmarks right [N], whose `normalised_errors` [N, K] are at most `threshold`, and landmarks counted [N]."""
    counts = ~np.isnan(errors)
    return (counts & (np.where(counts, errors, np.inf) <= threshold)).sum(axis=1), counts.sum(axis=1)


def _per_image(values):
    there = ~np.isnan(values)
    return np.where(there, values, 0.0), there.astype(np.float64)


def mean_error(per_image):
    """NME as a ratio of sums: the mean over images of `image_errors` [N] (each image weighs the same)."""
    return _per_image(per_image)


def failures(per_image, threshold):
    """Failure rate as a ratio of sums: images whose error exceeds `threshold` (Sagonas et al. 2013)."""
    return _per_image(np.where(np.isnan(per_image), np.nan, per_image > threshold))


def curve_area(per_image, threshold):
    """Area under the cumulative error curve from 0 to `threshold`, over `threshold`, as a ratio of sums.

    The curve is F(e), the share of images with error at most e; integral_0^t F(e) de = mean(max(0, t - error)), so no
    grid is needed (measure: Yang et al. 2015, as used by 300-W).
    """
    return _per_image(np.maximum(0, threshold - per_image) / threshold)


def confusion(labels, predicted, classes):
    """Confusion matrix int64 [classes, classes] of one image's class maps: rows the truth, columns the prediction."""
    index = np.asarray(labels, np.int64).ravel() * classes + np.asarray(predicted, np.int64).ravel()
    return np.bincount(index, minlength=classes * classes).reshape(classes, classes)


def segmentation(matrices):
    """Confusion matrices [..., C, C] -> pixel accuracy, mean class accuracy, mean IU, in percent, and the IU of each
    class [..., C] (Long et al. 2015, section 5). A class that is neither in truth nor prediction is left out."""
    matrices = np.asarray(matrices, np.float64)
    hit = np.diagonal(matrices, axis1=-2, axis2=-1)
    truth, predicted = matrices.sum(axis=-1), matrices.sum(axis=-2)
    with np.errstate(invalid="ignore", divide="ignore"):
        pixel = 100 * hit.sum(axis=-1) / truth.sum(axis=-1)
        accuracy = 100 * hit / truth
        union = 100 * hit / (truth + predicted - hit)
    return pixel, _nan_mean(accuracy), _nan_mean(union), union


def _nan_mean(values):
    there = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(there, values, 0).sum(axis=-1) / there.sum(axis=-1)


@functools.lru_cache(maxsize=1)
def bootstrap_weights(count, resamples=1000, seed=0):
    """How often each of `count` images is drawn in each resample with replacement: float64 [resamples, count]."""
    return (
        np.random.default_rng(seed)
        .multinomial(count, np.full(count, 1 / count), resamples)
        .astype(np.float64)
    )


def interval(statistic, count):
    """A statistic of `count` images with its 95 % percentile-bootstrap interval (Efron & Tibshirani 1993; 1000
    resamples of the images, seeded).

    Args:
        statistic: weights float [B, count] -> values [B]; every image weighs 1 in the sample itself.

    Returns:
        {"value", "low", "high"}, floats; None where the statistic is not defined.
    """
    value = float(statistic(np.ones((1, count)))[0])
    draws = statistic(bootstrap_weights(count))
    draws = draws[np.isfinite(draws)]
    if not np.isfinite(value) or not draws.size:
        return {"value": None, "low": None, "high": None}
    low, high = np.percentile(draws, (2.5, 97.5))
    return {"value": value, "low": float(low), "high": float(high)}


def percent(ratios, weights):
    """The mean over `ratios` of 100 * weights . numerator / weights . denominator, [B] of weights [B, N]."""
    with np.errstate(invalid="ignore"):
        return np.mean([100 * (weights @ n) / (weights @ d) for n, d in ratios], axis=0)


def estimate(ratios):
    """Percent with its interval and `count`, the sum of the denominators.

    ratios: (numerator [N], denominator [N]) pairs over the same images; of several (the three yaw bins) the mean.
    """
    ratios = [(np.asarray(n, np.float64), np.asarray(d, np.float64)) for n, d in ratios]
    found = interval(lambda weights: percent(ratios, weights), len(ratios[0][0]))
    return {**found, "count": int(sum(d.sum() for _, d in ratios))}
