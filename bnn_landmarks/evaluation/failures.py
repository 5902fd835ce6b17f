"""Where a network fails: the share of images, or of landmarks, that are far off, by what is known of them.

    shares(evaluation)    # [{"what": "images with an NME above 7 %", "where": "yaw [60,90]", "share": 31, "count": 16}]

Bodies: people with more than half of their limb joints wrong, by how they are turned; joints further off than twice the
measure's threshold, by joint; wrong joints that lie right on their mirror joint. Faces: above the failure threshold, by
yaw; points, by facial region. Parts: images with a mean IU below 50, by yaw. Boxes: subjects not found. No TensorFlow.
"""

import numpy as np

from bnn_landmarks.evaluation import metrics
from bnn_landmarks.schemes import SCHEMES

IBUG_REGIONS = (("jaw", 0, 17), ("brows", 17, 27), ("nose", 27, 36), ("eyes", 36, 48), ("mouth", 48, 68))
FAR_POINT = 0.1
FAR_JOINT = {"PCKh@0.5": "one head size", "PCK@0.2 torso": "0.4 torsos"}  # twice the threshold
LOW_IU = 50

# The torso's direction, in degrees from upright, either way.
ATTITUDES = (("upright", 0, 45), ("leaning or lying", 45, 135), ("upside down", 135, 181))


def shares(evaluation):
    """Rows {"what", "where", "share" (percent), "count" (of how many)} of an `scoring.Evaluation`, groups with
    nothing in them left out."""
    names = evaluation.spec.landmark_scheme().names
    if evaluation.spec.task == "parts":
        rows = _parts(evaluation)
    elif evaluation.spec.task == "boxes":
        rows = _by_yaw("images whose subject is not found", *_missed(evaluation), evaluation.truth)
    elif set(metrics.LIMBS) <= set(names):
        rows = _bodies(evaluation, list(names))
    else:
        rows = _faces(evaluation, list(names))
    return [
        {"what": what, "where": where, "share": round(100 * float(np.mean(far)), 1), "count": len(far)}
        for what, where, far in rows
        if len(far)
    ]


def _bodies(evaluation, names):
    metric, errors = next(iter(evaluation.errors.items()))
    threshold, truth = metrics.THRESHOLDS[metric], evaluation.truth
    counts = ~np.isnan(errors)
    wrong = counts & (np.where(counts, errors, 0) > threshold)
    limbs = [names.index(joint) for joint in metrics.LIMBS]
    some = counts[:, limbs].any(axis=1)
    lost = wrong[:, limbs].sum(axis=1) > counts[:, limbs].sum(axis=1) / 2

    what = f"people with more than half of their limb joints wrong ({metric})"
    yield what, "all", lost[some]
    tilts = np.array([_tilt(e, names) for e in truth])
    for where, low, high in ATTITUDES:
        yield what, where, lost[some & (tilts >= low) & (tilts < high)]

    what = f"joints off by more than {FAR_JOINT[metric]}"
    far = counts & (np.where(counts, errors, 0) > 2 * threshold)
    for where, joints in metrics.JOINT_PAIRS.items():
        columns = [names.index(joint) for joint in joints if joint in names]
        yield what, where, far[:, columns][counts[:, columns]]
    visible = np.stack([e.visible for e in truth])
    if (visible == 1).any():
        yield what, "hidden", far[counts & (visible == 1)]
        yield what, "visible", far[counts & (visible == 2)]

    mirror = evaluation.spec.landmark_scheme().mirror
    annotated = np.stack([e.points for e in truth])
    with np.errstate(invalid="ignore", divide="ignore"):
        length = np.linalg.norm(evaluation.predictions - annotated, axis=-1) / errors
    others = np.linalg.norm(evaluation.predictions - annotated[:, mirror], axis=-1)
    paired = counts & counts[:, mirror] & (mirror != np.arange(len(names)))
    swapped = wrong & (others <= threshold * np.nan_to_num(length, nan=0.0))
    yield "joints found where their left or right counterpart is", "all pairs", swapped[paired]


def _tilt(example, names):
    """Degrees between the way from hips to shoulders and upright, NaN where they are not all annotated."""
    hips, shoulders = ([names.index(f"{side}_{joint}") for side in "rl"] for joint in ("hip", "shoulder"))
    if not example.visible[hips + shoulders].all():
        return np.nan
    x, y = example.points[shoulders].mean(axis=0) - example.points[hips].mean(axis=0)
    return float(np.degrees(np.abs(np.arctan2(x, -y))))


def _faces(evaluation, names):
    errors = evaluation.errors["NME"]
    per_image = metrics.image_errors(errors)
    counts = ~np.isnan(per_image)
    far = np.where(counts, per_image, 0) > metrics.FAILURE
    yield from _by_yaw(f"images with an NME above {100 * metrics.FAILURE:g} %", far, counts, evaluation.truth)
    what = f"points off by more than {100 * FAR_POINT:g} % of the box's side"
    for where, columns in _regions(names).items():
        those = errors[:, columns]
        yield what, where, those[~np.isnan(those)] > FAR_POINT


def _regions(names):
    """Indices of the landmarks of each region: iBUG's by its table, others by the first word of their names."""
    if tuple(names) == SCHEMES["ibug68"].names:
        return {region: list(range(low, high)) for region, low, high in IBUG_REGIONS}
    regions = {}
    for index, name in enumerate(names):
        regions.setdefault(name.split("_")[0], []).append(index)
    return regions


def _parts(evaluation):
    low = np.array([100 * (1 - row["error"]) < LOW_IU for row in evaluation.rows])
    yield from _by_yaw(
        f"images with a mean IU below {LOW_IU}", low, np.ones(len(low), bool), evaluation.truth
    )


def _missed(evaluation):
    missed = np.array([row["overlap"] <= metrics.OVERLAP for row in evaluation.rows])
    return missed, np.ones(len(missed), bool)


def _by_yaw(what, far, counts, truth):
    yield what, "all", far[counts]
    yaw = np.array([e.yaw for e in truth])
    for low, high in metrics.YAW_BINS:
        yield what, f"yaw [{low},{high}]", far[counts & metrics.in_yaw_bin(yaw, low, high)]
