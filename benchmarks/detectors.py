"""Detectors against annotated boxes: how often they find the subject, and what landmarks are worth without a box.

    python benchmarks/detectors.py score --data DATA --empty FOLDER
    python benchmarks/detectors.py fit --data DATA --images 300

`score` measures the finder and OpenCV's on val splits: recall and precision at an intersection over union of 0.5 (who
stands beside the one annotated subject counts as wrong), boxes on photographs without anybody, and the networks'
scores with the box given and without one, of several subjects the largest. `fit` prints where the constants of
`inference.detect` come from: the rules of OpenCV's boxes and its threshold, fitted on train splits.
"""

import argparse
import pathlib
import time
import warnings

import numpy as np

from bnn_landmarks.datasets.coco import CocoKeypoints
from bnn_landmarks.datasets.subjects import photo
from bnn_landmarks.evaluation import metrics, scoring
from bnn_landmarks.evaluation.examples import example
from bnn_landmarks.geometry import images
from bnn_landmarks.geometry.boxes import overlaps
from bnn_landmarks.inference import detect, detectors
from bnn_landmarks.inference.finder import Finder
from bnn_landmarks.inference.localizer import Localizer

WHOLE = (0.0, 0.0, 1.0, 1.0)
THRESHOLDS = (0.2, 0.4, 0.6, 0.8, 1.0)
HIT = 0.4
FACES = (
    ("helen_afw", "train", "val"),
    ("aflw2000", "train_68", "val_68"),
    ("aflw2000", "train_21", "val_21"),
)
SCORED = (
    ("mpii", "val", "person", ("pose", "pose_128")),
    ("lspet", "val", "person", ("pose", "pose_128")),
    ("helen_afw", "val", "face", ("face_300wlp", "face_300wlp_128")),
    ("aflw2000", "val_68", "face", ("face_300wlp", "face_300wlp_128")),
)


def spread(dataset, count):
    """`count` samples evenly over a data set, with their tight boxes."""
    for index in np.linspace(0, len(dataset) - 1, min(count, len(dataset))).astype(int):
        sample = dataset[index]
        low, high = (edge(photo(sample, dataset.scheme).subjects[0][1], axis=0) for edge in (np.min, np.max))
        yield sample, np.concatenate([low, high - low])


def inside(window, box):
    """The box as shares of a window's sides: x, y, width, height."""
    return np.concatenate([(box[:2] - window[:2]) / window[2:], box[2:] / window[2:]])


def rule(found):
    """The median box in the windows that hold the subject's centre, of [(windows, box), ...]."""
    shares = []
    for windows, box in found:
        centre = box[:2] + box[2:] / 2
        holding = [w for w in windows if (centre > w[:2]).all() and (centre < w[:2] + w[2:]).all()]
        if holding:
            shares.append(inside(holding[0], box))
    return len(shares), np.median(shares, axis=0).round(2) if shares else None


def hits(dataset, count, find, least):
    """Of samples: how many, how many boxes are found, on how many samples one is right (an overlap over `least`), and
    milliseconds per image."""
    total = boxes = right = 0
    took = 0.0
    for sample, truth in spread(dataset, count):
        started = time.perf_counter()
        found = find(sample.image)
        took += time.perf_counter() - started
        total, boxes = total + 1, boxes + len(found)
        right += bool(len(found)) and overlaps([truth], found).max() > least
    return total, boxes, right, 1e3 * took / max(total, 1)


def told(total, boxes, right, milliseconds):
    return (
        f"recall {100 * right / max(total, 1):.1f} %, precision {100 * right / max(boxes, 1):.1f} % "
        f"({total} images, {boxes} boxes, {milliseconds:.1f} ms per image)"
    )


def faces_in(image, kind):
    """Raw windows of one cascade: the other's are moved out of sight."""
    away = (9.0, 9.0, 1e-3, 1e-3)
    boxes = detect.faces(image, {"frontal": away, "profile": away, kind: WHOLE})
    return [box for box in boxes if box[2] > 1]


def fit(arguments):
    """Print the rules of OpenCV's boxes."""

    def split(name, part):
        return CocoKeypoints(arguments.data / name, part)

    shipped = detect.PERSON_IN_WINDOW, detect.PERSON_SCORE
    train = split("mpii", "train")
    detect.PERSON_IN_WINDOW = WHOLE
    for detect.PERSON_SCORE in THRESHOLDS:
        found = [(detect.people(s.image), box) for s, box in spread(train, arguments.images)]
        count, shares = rule(found)
        boxes = sum(len(windows) for windows, _ in found)
        print(
            f"people, mpii train, score {detect.PERSON_SCORE}: {count} of {boxes} windows on the person, {shares}"
        )
    detect.PERSON_IN_WINDOW, detect.PERSON_SCORE = shipped
    for name, learn, score in FACES:
        train = split(name, learn)
        for kind in ("frontal", "profile"):
            found = [(faces_in(s.image, kind), box) for s, box in spread(train, arguments.images)]
            print(name, learn, kind, *rule(found))
        window = detect.FACE_IN_WINDOW[train.scheme.name]
        found = hits(
            split(name, score), arguments.images, lambda image, w=window: detect.faces(image, w), HIT
        )
        print(f"faces as shipped, {name} {score}, overlap {HIT}: {told(*found)}")


def without_box(localizer, dataset, count):
    """The headline with the box given and without one, what the failure rate is, and subjects found per image."""
    truth, given, free, subjects = [], [], [], []
    for sample, box in spread(dataset, count):
        truth.append(example(sample, dataset.scheme, localizer.spec))
        given.append(localizer(sample.image, [box])[0].points)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = localizer(sample.image)
        subjects.append(len(found))
        nobody = np.full_like(given[-1], np.nan)
        free.append(max(found, key=lambda r: r.box[2] * r.box[3]).points if found else nobody)
    names, lines = localizer.spec.landmark_scheme().names, []
    for points in (given, free):
        measures, errors = scoring.landmark_measures(truth, np.stack(points), names)
        metric, group, value, _ = scoring.headline(measures)
        line = f"{metric} {group} {value:.2f}"
        if "NME" in errors:
            far = metrics.image_errors(errors["NME"]) > metrics.FAILURE
            line += f", failures {100 * far.mean():.1f} %"
        lines.append(line)
    return f"box given: {lines[0]}; without: {lines[1]} ({np.mean(subjects):.2f} subjects per image)"


def score(arguments):
    """Print what detectors find, and what landmarks are worth with them."""
    for name, split, kind, entries in SCORED:
        dataset = CocoKeypoints(arguments.data / name, split)
        finder = Finder(kind, arguments.finder, arguments.engine)
        opencv = detectors.choose("opencv", dataset.scheme).find
        for who, find in ((finder.name, finder), ("opencv", opencv)):
            found = hits(dataset, arguments.images, lambda image, f=find: f(image)[0], metrics.OVERLAP)
            print(f"{name} {split}, {who}: {told(*found)}", flush=True)
        for entry in entries if arguments.models else ():
            for who, find in ((finder.name, finder), ("opencv", "opencv")):
                localizer = Localizer(entry, arguments.engine, detector=find)
                print(f"  {entry}, {who}: {without_box(localizer, dataset, arguments.images)}", flush=True)
    if arguments.empty:
        paths = sorted(p for p in arguments.empty.iterdir() if p.suffix.lower() in images.SUFFIXES)
        pictures = [images.read(path) for path in paths]
        for kind in ("person", "face"):
            finder = Finder(kind, arguments.finder, arguments.engine)
            wrong = [len(finder(picture)[0]) > 0 for picture in pictures]
            print(
                f"{len(paths)} photographs without anybody, {kind}: something found on {100 * np.mean(wrong):.1f} %"
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("score", "fit"))
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--images", type=int, default=100_000, help="of each split, evenly")
    parser.add_argument("--finder", default="finder", help="an entry or a packed file")
    parser.add_argument("--engine", default="auto")
    parser.add_argument(
        "--models", action=argparse.BooleanOptionalAction, default=True, help="landmarks end to end"
    )
    parser.add_argument("--empty", type=pathlib.Path, help="folder of photographs without people and faces")
    arguments = parser.parse_args()
    {"score": score, "fit": fit}[arguments.what](arguments)


if __name__ == "__main__":
    main()
