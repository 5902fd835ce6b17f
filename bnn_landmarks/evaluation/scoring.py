"""Scoring a network on an annotated split: the one implementation behind `bnn-landmarks evaluate`, the trainer's
validation and the model cards.

    scored = evaluate(Localizer("pose", engine="lce"), datasets.open("mpii", "val", "data"))
    scored.metrics["PCKh@0.5"]["limbs"]           # {"value": 71.3, "low": 67.0, "high": 75.4, "count": 1528}

The crop is `datasets.sample.subject_square`'s, the decoding `heatmaps.decode`: what the trainer and `Localizer` use.

Bodies: PCKh@0.5 where head sizes are known, PCK@0.2 of the torso; by joint, by joint pair, over all joints but pelvis
and thorax ("mean", the paper's) and over the 12 limb joints ("limbs"). Everything else: NME with the side of the
square of the ground-truth box's area, sqrt(w * h), as normaliser (Zhu et al. 2016), by yaw bin where yaw is known,
failure rate and area under the cumulative error curve at 7 % (Bulat & Tzimiropoulos 2017). "visible" repeats a measure
over the landmarks annotated as visible, where some are annotated as hidden. Parts: Long et al. 2015.
"""

import dataclasses
import itertools
import pathlib

import numpy as np

from bnn_landmarks.evaluation import metrics
from bnn_landmarks.evaluation.examples import examples
from bnn_landmarks.geometry import boxes, crops, heatmaps
from bnn_landmarks.inference.engines import exported_file
from bnn_landmarks.inference.localizer import Localizer, parts_mask
from bnn_landmarks.spec import Spec

# What to look at first, and whether more is better.
HEADLINES = (
    ("PCKh@0.5", "limbs", True),
    ("PCK@0.2 torso", "limbs", True),
    ("NME", "mean of bins", False),
    ("NME", "all images", False),
    ("parts", "mean IU", True),
    ("boxes", "recall", True),
)


def open_network(model, engine="auto", num_threads=1, flip=False):
    """A network to evaluate.

    Args:
        model: an entry's name, a packed `.npz`, an exported `.tflite`, or the directory of a training run.

    Returns:
        `Localizer`; the path of the network's weights or file; the bytes of the `.tflite` that ran. The last two are
        None where there is none: an unfinished run, engine keras.

    Raises:
        ValueError, FileNotFoundError, ImportError: as `engines.open_engine`.
    """
    from bnn_landmarks import zoo
    from bnn_landmarks.network import weights

    path = pathlib.Path(model)
    if (path / "weights.npz").is_file():
        path = path / "weights.npz"
    elif (path / "recipe.json").is_file():
        return Localizer(weights.load_checkpoint(path), engine, num_threads, flip), None, None
    source = str(path) if path.is_file() else model
    localizer = Localizer(source, engine, num_threads, flip)
    ran = None if localizer.engine.name == "keras" else exported_file(source, localizer.engine.name).data
    return localizer, path if path.is_file() else zoo.WEIGHTS / zoo.entry(model).weights, ran


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """metrics: {metric: {group: {"value", "low", "high", "count"}}}, percent, 95 % bootstrap intervals.
    rows: one dict per image, for the CSV. errors: {metric: [N, K] normalised errors} (landmarks).
    order: indices of the images, worst first. predictions: points [N, K, 2], or class maps of the crops [N, S, S], or
    N lists of boxes.
    truth: the `Example`s without their patches. spec: the network's."""

    metrics: dict
    rows: list
    errors: dict
    order: np.ndarray
    predictions: np.ndarray
    truth: list
    spec: Spec


def evaluate(localizer, dataset, progress=iter):
    """Score a network on a split.

    Args:
        localizer: `Localizer`; with its `flip` the mirrored crop's maps are added.
        dataset: sequence of `Sample` with a `scheme`.
        progress: wraps the iterator of examples, for a progress bar.

    Returns:
        `Evaluation`.

    Raises:
        ValueError: the data set is empty, can't be converted to the network's scheme, or annotates nothing of it.
    """
    if len(dataset) == 0:
        raise ValueError("there is nothing to evaluate on: the data set is empty")
    return evaluate_examples(localizer, progress(examples(dataset, localizer.spec)))


def evaluate_examples(localizer, sequence):
    """`evaluate` on a sequence of `Example`s, at least one."""
    score = {"parts": _evaluate_parts, "boxes": _evaluate_boxes}.get(localizer.spec.task, _evaluate_landmarks)
    return score(localizer, sequence)


def _evaluate_landmarks(localizer, sequence):
    names = localizer.spec.landmark_scheme().names
    truth, points, scores = locate(localizer, sequence)
    measures, errors = landmark_measures(truth, points, names)
    metric = headline(measures)[0]
    per_image = metrics.image_errors(errors[metric])
    rows = [
        {"image": e.name, "error": per_image[i], "score": scores[i].mean()}
        | dict(zip(names, errors[metric][i], strict=True))
        for i, e in enumerate(truth)
    ]
    order = np.argsort(-np.nan_to_num(per_image, nan=-1.0))
    return Evaluation(_estimates(measures), rows, errors, order, points, truth, localizer.spec)


def _evaluate_parts(localizer, sequence):
    spec, truth, predicted, matrices = localizer.spec, [], [], []
    for each, mask in segment(localizer, sequence):
        predicted.append(mask)
        matrices.append(metrics.confusion(each.labels, mask, spec.outputs))
        truth.append(dataclasses.replace(each, patch=None, labels=None))
    matrices = np.stack(matrices)
    pixel, accuracy, iu, _ = metrics.segmentation(matrices)
    names = ("pixel accuracy", "mean class accuracy", "mean IU")
    rows = [
        {"image": e.name, "error": 1 - iu[i] / 100}
        | dict(zip(names, (pixel[i], accuracy[i], iu[i]), strict=True))
        for i, e in enumerate(truth)
    ]
    estimates = {}
    for k, name in enumerate((*names, *(f"IU {part}" for part in spec.landmark_scheme().names))):

        def statistic(weights, k=k):
            total = np.tensordot(weights, matrices, axes=1)
            *means, each = metrics.segmentation(total)
            return means[k] if k < len(means) else each[:, k - len(means)]

        estimates[name] = {**metrics.interval(statistic, len(matrices)), "count": len(matrices)}
    order = np.argsort(iu)
    return Evaluation({"parts": estimates}, rows, {}, order, np.stack(predicted), truth, spec)


def _evaluate_boxes(localizer, sequence):
    truth, overlaps, predicted = [], [], []
    for each, overlap, several in find(localizer, sequence):
        truth.append(dataclasses.replace(each, patch=None))
        overlaps.append(overlap)
        predicted.append(several)
    counts = [len(several) for several in predicted]
    rows = [
        {"image": e.name, "error": 1 - overlap, "boxes": count, "overlap": overlap}
        for e, overlap, count in zip(truth, overlaps, counts, strict=True)
    ]
    order = np.argsort(overlaps, kind="stable")
    measures = _estimates(box_measures(overlaps, counts))
    return Evaluation(measures, rows, {}, order, predicted, truth, localizer.spec)


def _estimates(measures):
    return {
        metric: {group: metrics.estimate(ratios) for group, ratios in groups.items()}
        for metric, groups in measures.items()
    }


def score(localizer, sequence):
    """The headline of a network on a list of `Example`s, without its interval: (metric, group, percent, True where more
    is better)."""
    if localizer.spec.task == "parts":
        masks = segment(localizer, sequence)
        total = sum(metrics.confusion(e.labels, mask, localizer.spec.outputs) for e, mask in masks)
        return "parts", "mean IU", float(metrics.segmentation(total)[2]), True
    if localizer.spec.task == "boxes":
        answers = [(overlap, len(several)) for _, overlap, several in find(localizer, sequence)]
        return headline(box_measures(*zip(*answers, strict=True)))
    truth, points, _ = locate(localizer, sequence)
    return headline(landmark_measures(truth, points, localizer.spec.landmark_scheme().names)[0])


def headline(measures):
    """The measure to look at first: (metric, group, value in percent, True where more is better).

    Raises:
        ValueError: nothing was measured.
    """
    for metric, group, more in HEADLINES:
        if group in measures.get(metric, {}):
            measure = measures[metric][group]
            if isinstance(measure, dict):
                return metric, group, measure["value"], more
            return metric, group, float(metrics.percent(measure, np.ones((1, len(measure[0][0]))))[0]), more
    raise ValueError(
        "nothing to measure: the split has no annotated landmark, or no length to normalise with"
    )


def predict(localizer, sequence, batch=16):
    """Yields (example, maps [S/4, S/4, K]) for each `Example` of a sequence, as `Localizer.maps` gives them."""
    sequence = iter(sequence)
    while group := list(itertools.islice(sequence, batch)):
        inputs = crops.to_input(np.stack([each.patch for each in group]))
        yield from zip(group, localizer.maps(inputs), strict=True)


def locate(localizer, sequence):
    """The landmarks a network finds in a sequence of `Example`s.

    Returns:
        truth: the examples, without their patches. points: float64 [N, K, 2], image pixels. scores: float32 [N, K].
    """
    spec, truth, points, scores = localizer.spec, [], [], []
    for each, maps in predict(localizer, sequence):
        inside, _ = heatmaps.decode(maps, spec.stride, spec.score)
        truth.append(dataclasses.replace(each, patch=None))
        points.append(crops.restore(inside, each.matrix))
        scores.append(heatmaps.scores(maps, spec.score, spec.sigma))
    return truth, np.stack(points), np.stack(scores)


def segment(localizer, sequence):
    """Yields (example, class map uint8 [S, S] of its crop) for each `Example` of a sequence."""
    spec = localizer.spec
    shape = (spec.input_size, spec.input_size)
    for each, maps in predict(localizer, sequence):
        yield each, parts_mask(maps, np.eye(2, 3), shape, spec)


def find(localizer, sequence):
    """Yields (example, the best overlap of a box with the annotated one, boxes of its kind) for each `Example` of a
    sequence, in the square's pixels."""
    for each, maps in predict(localizer, sequence):
        several, _ = boxes.decode(maps, localizer.spec.stride)[each.kind]
        low, high = crops.transform(each.points, each.matrix)
        truth = np.concatenate([low, high - low])
        yield each, float(boxes.overlaps(truth[None], several).max(initial=0)), several


def box_measures(overlaps, counts):
    """What is measured of N images with one annotated subject each, as `landmark_measures` gives it.

    overlaps: [N], of the best box with the annotated one. counts: [N], boxes found. Boxes of subjects that nobody
    annotated count against the precision.
    """
    overlaps, counts = np.asarray(overlaps, float), np.asarray(counts, float)
    right, ones = (overlaps > metrics.OVERLAP).astype(float), np.ones(len(overlaps))
    return {
        "boxes": {"recall": [(right, ones)], "precision": [(right, counts)], "overlap": [(overlaps, ones)]}
    }


def landmark_measures(truth, points, names):
    """What is measured of landmarks [N, K, 2] in image pixels, as ratios of sums over the N images.

    truth: `Example`s. names: the landmarks' names.

    Returns:
        measures: {metric: {group: ratios}}, as `metrics.estimate` takes them.
        errors: {metric: normalised errors [N, K]}, of all points that count.
    """
    points, names = np.asarray(points), list(names)
    annotated = np.stack([e.points for e in truth])
    visible = np.stack([e.visible for e in truth])
    hidden = bool((visible == 1).any())
    body = set(metrics.LIMBS) <= set(names)
    measures, errors = {}, {}
    for metric, threshold, normaliser in _normalisers(truth, names, body):
        if not np.isfinite(normaliser).any():
            continue
        for kind, counted in (("", visible > 0), (" visible", visible == 2)):
            if kind and not hidden:
                continue
            normalised = metrics.normalised_errors(points, annotated, counted, normaliser)
            errors.setdefault(metric, normalised)
            groups = (
                _pck_groups(normalised, names, threshold) if body else _nme_groups(normalised, names, truth)
            )
            measures[metric + kind] = groups
    return measures, errors


def _normalisers(truth, names, body):
    if not body:
        return [("NME", None, np.array([e.box_size for e in truth]))]
    torsos = np.array([metrics.torso(e.points, e.visible, names) for e in truth])
    lengths = {"PCKh@0.5": np.array([e.head_size for e in truth]), "PCK@0.2 torso": torsos}
    return [(metric, metrics.THRESHOLDS[metric], length) for metric, length in lengths.items()]


def _pck_groups(errors, names, threshold):
    members = {
        "mean": [n for n in names if n not in metrics.NOT_IN_MEAN],
        "limbs": list(metrics.LIMBS),
        **{pair: [n for n in joints if n in names] for pair, joints in metrics.JOINT_PAIRS.items()},
        **{name: [name] for name in names},
    }
    return {
        group: [metrics.share_right(errors[:, [names.index(j) for j in joints]], threshold)]
        for group, joints in members.items()
        if joints
    }


def _nme_groups(errors, names, truth):
    per_image = metrics.image_errors(errors)
    yaw = np.array([e.yaw for e in truth])
    groups = {}
    for low, high in metrics.YAW_BINS:
        within = metrics.in_yaw_bin(yaw, low, high)
        if within.any():
            groups[f"[{low},{high}]"] = [metrics.mean_error(np.where(within, per_image, np.nan))]
    if len(groups) == len(metrics.YAW_BINS):
        groups["mean of bins"] = [bin[0] for bin in groups.values()]
    groups["all images"] = [metrics.mean_error(per_image)]
    groups["failure rate"] = [metrics.failures(per_image, metrics.FAILURE)]
    groups["area under curve"] = [metrics.curve_area(per_image, metrics.FAILURE)]
    for k, name in enumerate(names):
        groups[name] = [metrics.mean_error(metrics.image_errors(errors[:, [k]]))]
    return groups
