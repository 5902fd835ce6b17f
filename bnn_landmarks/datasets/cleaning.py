"""Labels and a strong network's predictions of the same people -> cleaner labels.

    merged, changes = merge(points, visible, predicted, confidence, scheme.mirror, Rule())
    counts = clean("data/lspet", "train", "results.json", "data/lspet/annotations/train_clean.json")

Crowd-sourced landmarks hold people whose left and right are exchanged throughout, and single ones in the wrong place.
The rule, landmark by landmark, after left and right were put right:

- the prediction is sure and near the label: their mean;
- it is sure and far from the label, or there is no label: the prediction;
- it is not sure: the label stays as it is.
"""

import collections
import dataclasses
import json
import pathlib

import numpy as np
from scipy.optimize import linear_sum_assignment

from bnn_landmarks.datasets.coco import CocoKeypoints
from bnn_landmarks.datasets.coco_file import key_of
from bnn_landmarks.files import atomic_write, check_place, read_json
from bnn_landmarks.schemes import CONVERSIONS, SCHEMES, convert

FAR = 1e9
CHANGES = ("exchanged", "averaged", "replaced", "added")


@dataclasses.dataclass(frozen=True)
class Rule:
    """sure: confidence from which a prediction counts, 0 to 1. near: share of the longer side of the labels' own box
    within which label and prediction agree. known: confidence from which a prediction helps to tell left from right.
    gain: labels are exchanged where that lowers their mean distance from the predictions to less than this share of
    it, and by more than `clear` of the longer side, over at least `least` landmarks; a distance counts up to `cap` of
    that side."""

    sure: float = 0.5
    near: float = 0.08
    known: float = 0.3
    gain: float = 0.6
    clear: float = 0.03
    least: int = 4
    cap: float = 0.3


def merge(points, visible, predicted, confidence, mirror, rule=Rule()):
    """One subject's labels after `rule`.

    Args:
        points: float [K, 2], labels in image pixels. visible: int [K], 0 not labelled.
        predicted: float [K, 2], the predictions of the same landmarks. confidence: float [K], 0 where there is none.
        mirror: int [K], the scheme's permutation of left and right.

    Returns:
        points float [K, 2], visible int [K], and {change: count} of `CHANGES` ("exchanged" is 0 or 1).
    """
    points, visible = np.array(points, float), np.array(visible)
    predicted, confidence = np.asarray(predicted, float), np.asarray(confidence, float)
    counts = dict.fromkeys(CHANGES, 0)
    if (visible > 0).sum() < 2:
        return points, visible, counts
    side = np.ptp(points[visible > 0], axis=0).max()

    other, seen = points[mirror], visible[mirror]
    compared = (confidence >= rule.known) & (visible > 0) & (seen > 0)
    if compared.sum() >= rule.least:
        as_is, exchanged = (
            np.minimum(np.linalg.norm(labels - predicted, axis=1)[compared], rule.cap * side).mean()
            for labels in (points, other)
        )
        if exchanged < rule.gain * as_is and as_is - exchanged > rule.clear * side:
            points, visible, counts["exchanged"] = other, seen, 1

    sure, labelled = confidence >= rule.sure, visible > 0
    near = np.linalg.norm(points - predicted, axis=1) <= rule.near * side
    averaged, replaced, added = sure & labelled & near, sure & labelled & ~near, sure & ~labelled
    points[averaged] = (points[averaged] + predicted[averaged]) / 2
    points[replaced | added] = predicted[replaced | added]
    visible[added] = 2
    counts |= {"averaged": int(averaged.sum()), "replaced": int(replaced.sum()), "added": int(added.sum())}
    return points, visible, counts


def clean(folder, split, predictions, output, rule=Rule(), category=None):
    """Write an annotation file of a COCO-keypoints folder anew, its labels merged with predictions.

    Args:
        folder: holds annotations/SPLIT.json. split: which.
        predictions: a file in COCO's results format, [{"image_id", "keypoints": [x, y, confidence, ...]}, ...]. An
            image_id is the image's id or its file's name, whole or, as `predict` writes it, its number. 17 keypoints
            are COCO's, others the folder's own. The subjects and the predictions of an image are paired so that the sum
            of their mean distances is least.
        output: where to, DATA/NAME/annotations/NEW.json say, which is then a split of its own.
        category: as `CocoKeypoints`.

    Returns:
        {"subjects", "predicted", and each of `CHANGES`}: how many.

    Raises:
        FileNotFoundError: a file is missing. ValueError: the predictions can't be read, are of other landmarks, or none
            is of a subject here.
        FileNotFoundError, FileExistsError: as `files.check_place`, before anything is read.
    """
    output = pathlib.Path(output)
    check_place(output)
    samples = CocoKeypoints(folder, split, category)
    if not pathlib.Path(predictions).is_file():
        raise FileNotFoundError(f"there is no file {predictions}")
    scheme, record = samples.scheme, read_json(samples.file.path)
    found = _read_predictions(predictions, scheme, _ids(record["images"]))
    totals = {"subjects": 0, "predicted": 0, **dict.fromkeys(CHANGES, 0)}
    subjects = {}
    for each in samples.subjects:
        image = key_of(record["annotations"][each.index]["image_id"])
        subjects.setdefault(image, []).append(each)
    for image, here in subjects.items():
        annotations = [record["annotations"][each.index] for each in here]
        labels = [np.c_[each.landmarks, each.visible].astype(float) for each in here]
        totals["subjects"] += len(labels)
        for subject, prediction in _pairs(labels, found.get(image, [])):
            totals["predicted"] += 1
            points, visible = labels[subject][:, :2], labels[subject][:, 2]
            points, visible, counts = merge(points, visible, *prediction, scheme.mirror, rule)
            keypoints = np.c_[points.round(2), visible]
            keypoints[visible == 0] = 0
            annotations[subject]["keypoints"] = keypoints.ravel().tolist()
            annotations[subject]["num_keypoints"] = int((visible > 0).sum())
            for change, count in counts.items():
                totals[change] += count
    if not totals["predicted"]:
        raise ValueError(
            f"no prediction of {predictions} is of a subject of {samples.file.path}: an image_id is the id of the "
            "image there, or its file_name"
        )
    source = {"predictions": pathlib.Path(predictions).name, **dataclasses.asdict(rule), **totals}
    info = record.get("info")
    record["info"] = {**(info if isinstance(info, dict) else {}), "cleaned": source}
    with atomic_write(output, "w") as file:
        json.dump(record, file)
    return totals


def _ids(images):
    """{what may stand for an image: its id}: the id, else its file's name, with its folder or (where no other has it)
    without, else the number that this is."""
    names = {key_of(image["id"]): pathlib.PurePath(image["file_name"]) for image in images}
    found = {}
    for form in (_number_of, lambda name: name.name, str):
        forms = [form(name) for name in names.values()]
        times = collections.Counter(forms)
        found |= {each: id_ for id_, each in zip(names, forms, strict=True) if times[each] == 1}
    return found | {id_: id_ for id_ in names}


def _number_of(name):
    return str(int(name.stem)) if name.stem.isdecimal() else name.name


def _read_predictions(path, scheme, ids):
    """{image id: [(points float [K, 2], confidence float [K]), ...]} in the scheme's landmarks, of images in `ids`."""
    entries = read_json(path)
    if not isinstance(entries, list):
        raise ValueError(f"{path} is not a file of COCO keypoint results, which is a list")
    found = {}
    for number, entry in enumerate(entries, 1):
        try:
            image, keypoints = key_of(entry["image_id"]), np.array(entry["keypoints"], float).reshape(-1, 3)
            if image is None or not np.isfinite(keypoints).all():
                raise ValueError
        except (ValueError, KeyError, TypeError, OverflowError):
            raise ValueError(
                f"{path}, entry {number} is not one of COCO's keypoint results: image_id, and keypoints of three "
                "numbers each, x, y and confidence"
            ) from None
        source = scheme if len(keypoints) == len(scheme) else _scheme_of(len(keypoints), scheme, path)
        points, confidence = convert(keypoints[:, :2], keypoints[:, 2], source, scheme)
        found.setdefault(ids.get(image), []).append((points, confidence))
    return found


def _scheme_of(count, scheme, path):
    fitting = [name for name, s in SCHEMES.items() if len(s) == count and (name, scheme.name) in CONVERSIONS]
    if not fitting:
        raise ValueError(
            f"{path} holds {count} keypoints per subject, which are neither {scheme.name}'s {len(scheme)} nor those of "
            "a scheme that converts to it"
        )
    return fitting[0]


def _pairs(labels, predictions):
    """(number of the subject, its prediction) for as many subjects of an image as have one."""
    distances = np.full((len(labels), len(predictions)), FAR)
    for i, label in enumerate(labels):
        for j, (points, confidence) in enumerate(predictions):
            both = (label[:, 2] > 0) & (confidence > 0)
            if both.any():
                distances[i, j] = np.linalg.norm(points - label[:, :2], axis=1)[both].mean()
    return [
        (i, predictions[j])
        for i, j in zip(*linear_sum_assignment(distances), strict=True)
        if distances[i, j] < FAR
    ]
