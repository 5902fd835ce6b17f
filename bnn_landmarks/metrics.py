"""Accuracy of landmarks: PCK, PCKh, NME and the lengths that normalise them. NumPy only.

Arrays: points and truth float [N, K, 2], pixels; counted bool [N, K], the landmarks that count; normaliser float [N],
pixels (NaN leaves an image out).
"""

import numpy as np

LIMBS = tuple(f"{side}_{joint}" for joint in "shoulder elbow wrist hip knee ankle".split() for side in "rl")


def normalised_errors(points, truth, counted, normaliser):
    """Distance over normaliser, float64 [N, K]; NaN where a landmark or an image does not count."""
    distance = np.linalg.norm(np.asarray(points, np.float64) - truth, axis=-1)
    errors = distance / np.asarray(normaliser, np.float64)[:, None]
    return np.where(counted, errors, np.nan)


def pck(errors, threshold):
    """Percentage of correct keypoints: percent of `normalised_errors` at most `threshold` -> per landmark [K] (NaN
    where none counts) and over all that count (Yang & Ramanan 2013; PCKh@0.5: Andriluka et al. 2014)."""
    counts = np.isfinite(errors)
    right = counts & (np.where(counts, errors, np.inf) <= threshold)
    with np.errstate(invalid="ignore"):
        each = 100 * right.sum(axis=0) / counts.sum(axis=0)
        return each, float(100 * right.sum() / counts.sum())


def torso(landmarks, visible, names):
    """Torso length of [K, 2] landmarks: right hip to left shoulder, or the other diagonal where that one is not
    annotated, NaN where neither is (the normaliser of PCK on LSP)."""
    for hip, shoulder in (("r_hip", "l_shoulder"), ("l_hip", "r_shoulder")):
        a, b = names.index(hip), names.index(shoulder)
        if visible[a] and visible[b]:
            return float(np.linalg.norm(landmarks[a] - landmarks[b]))
    return float("nan")
