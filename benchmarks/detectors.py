"""Detectors against annotated boxes: how often they find the subject, and what landmarks are worth without a box.

    python benchmarks/empty_scenes.py EMPTY --data DATA
    python benchmarks/detectors.py score --data DATA --empty EMPTY
    python benchmarks/detectors.py fit --data DATA --images 300

`score` writes docs/detectors.md: the finder and OpenCV's on val splits, the networks' scores with the box given and
without one, subjects on pictures without anybody, and the time that a missing box costs. `fit` prints where the
constants of `inference.detect` come from: the rules of OpenCV's boxes and its threshold, fitted on train splits.
"""

import argparse
import dataclasses
import pathlib
import time
import warnings

import numpy as np

from bnn_landmarks import files
from bnn_landmarks.datasets.coco import CocoKeypoints
from bnn_landmarks.datasets.subjects import photo
from bnn_landmarks.evaluation import cards, metrics, scoring
from bnn_landmarks.evaluation.examples import example
from bnn_landmarks.evaluation.record import commit
from bnn_landmarks.geometry import images
from bnn_landmarks.geometry.boxes import overlaps
from bnn_landmarks.inference import detect, detectors
from bnn_landmarks.inference.finder import Finder
from bnn_landmarks.inference.localizer import AGAIN, Localizer, result_box

ROOT = pathlib.Path(__file__).parents[1]
WHOLE = (0.0, 0.0, 1.0, 1.0)
THRESHOLDS = (0.2, 0.4, 0.6, 0.8, 1.0)
HIT = 0.4
FACES = (
    ("helen_afw", "train", "val"),
    ("aflw2000", "train_68", "val_68"),
    ("aflw2000", "train_21", "val_21"),
)
SCORED = (
    ("mpii", "val", ("pose", "pose_128")),
    ("lspet", "val", ("pose", "pose_128")),
    ("helen_afw", "val", ("face_300wlp", "face_300wlp_128")),
    ("aflw2000", "val_68", ("face_300wlp", "face_300wlp_128")),
)
EMPTIED = (
    "pose",
    "pose_128",
    "pose_small",
    "face_300wlp",
    "face_300wlp_128",
    "face_300wlp_small",
    "face_parts",
    "face_parts_128",
)
MANY, ROUNDS, TIMED = 100_000, 5, 40
FOUND = ["images", "detector", "recall, % (95 % interval)", "precision, %", "boxes per image", "ms per image"]
WORTH = ["images", "measure", "network", "box given", "finder", "nobody", "OpenCV", "nobody"]
EMPTY = ["network", "the finder has a box", "the network has a subject"]
TIMES = ["images", "network", "box given", "finder alone", "finder, one look", "finder, as it comes"]
PAGE = """# Without a box

What the detectors find and what landmarks are worth with them, on validation images.{images}

## Found

The annotated subject is found where a box has more than half of the union with its tight box in common. Who stands
beside it without an annotation counts as wrong. OpenCV's: histograms of gradients for people, cascades for faces. The
networks with the finder, as `Localizer` runs them: the tight boxes of the landmarks that they find. Milliseconds are
processor time.

{found}

## Landmarks

The box given as on the [cards](../zoo/cards); without one the largest of the subjects. What is missed is wrong, in NME
100 %. Behind NME the share of failures, errors above 7 %. "Nobody": images on which no subject was found.

{worth}

## Where nobody is

{pictures} squares of training images beside their subjects, which show nobody (`benchmarks/empty_scenes.py`): the share
of them on which somebody is seen all the same.

{empty}

## What it costs

On one thread: times the processor time with the box given, measured in turn, each image's shortest of {rounds}. As it
comes, somebody of whom the first look is unsure is looked at again. On the sample photograph the finder is sure of
nobody, so that its guesses and the whole image are looked at, too.

{times}

Written by `python benchmarks/detectors.py score` ({commit}).
"""


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


def hits(dataset, count, detector, least=metrics.OVERLAP):
    """Cells: recall with its interval, precision, boxes per image, milliseconds per image. A sample is found where a
    box has an overlap over `least` with its own."""
    right, boxes, took = [], [], 0.0
    for sample, truth in spread(dataset, count):
        started = time.process_time()
        found = sure_boxes(detector, sample.image)
        took += time.process_time() - started
        boxes.append(len(found))
        right.append(len(found) > 0 and overlaps([truth], found).max() > least)
    recall = metrics.estimate([(right, np.ones(len(right)))])
    return [
        f"{recall['value']:.1f} ({recall['low']:.1f} to {recall['high']:.1f})",
        f"{100 * sum(right) / max(sum(boxes), 1):.1f}",
        f"{np.mean(boxes):.2f}",
        f"{1e3 * took / len(right):.1f}",
    ]


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
        shipped = detectors.Detector("opencv", lambda image, w=window: (detect.faces(image, w), None))
        print(
            f"faces as shipped, {name} {score}, overlap {HIT}:",
            *hits(split(name, score), arguments.images, shipped, HIT),
        )


def product(scheme, finder, engine):
    """Ours as `Localizer` uses it by itself, and OpenCV's: `detectors.Detector`s."""
    kind = detectors.kind_of(scheme)
    ours = Finder(kind, finder, engine, threshold=detectors.GUESS)
    return detectors.Detector(ours.name, ours, detectors.SURE), detectors.choose("opencv", scheme)


def remembered(detector):
    """The detector, which does not look twice at one image."""
    told = {}

    def find(image):
        key = hash(image.tobytes())
        if key not in told:
            told[key] = detector.find(image)
        return told[key]

    return dataclasses.replace(detector, find=find)


def landmarks_detector(entry, detector, engine):
    """An entry and its detector as one detector: the tight boxes of the landmarks found."""
    localizer = opened(entry, detector, engine)

    def find(image):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            boxes = [result_box(result, AGAIN) for result in localizer(image)]
        return np.reshape([box for box in boxes if box is not None], (-1, 4)), None

    return detectors.Detector(f"{detector.name}, {entry}", find)


def sure_boxes(detector, image):
    boxes, scores = detector.find(image)
    return boxes if scores is None else boxes[scores >= detector.sure]


def opened(entry, detector, engine, **options):
    """`Localizer` with a detector that is open already."""
    localizer = Localizer(entry, engine, **options)
    localizer.detector = detector
    return localizer


def largest(found, scheme):
    """Points [K, 2] of the largest subject; NaN of nobody."""
    if not found:
        return np.full((len(scheme), 2), np.nan)
    return max(found, key=lambda subject: subject.box[2:].prod()).points


def headline(truth, points, names):
    """The headline's name, its value, and the rate of failures, percent, or None where that is not measured."""
    measures, errors = scoring.landmark_measures(truth, points, names)
    metric, group, value, _ = scoring.headline(measures)
    far = 100 * np.mean(metrics.image_errors(errors["NME"]) > metrics.FAILURE) if "NME" in errors else None
    return f"{metric} {group}", value, far


def landmarks_row(name, entry, found_by, dataset, arguments):
    """A row of the second table: what an entry is worth with the box given, and with each detector."""
    localizer = Localizer(entry, arguments.engine)
    samples = [sample for sample, _ in spread(dataset, arguments.images)]
    names = localizer.scheme.names
    truth, points, _ = scoring.locate(
        localizer, (example(sample, dataset.scheme, localizer.spec) for sample in samples)
    )
    metric, given, far = headline(truth, points, names)
    cells = [name, metric, entry, f"{given:.2f}" + (f", {far:.1f} %" if far is not None else "")]
    for detector in found_by:
        free = opened(entry, detector, arguments.engine)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = [free(sample.image) for sample in samples]
        _, value, far = headline(truth, np.stack([largest(each, free.scheme) for each in found]), names)
        behind = f", {far:.1f} %" if far is not None else f" ({value / given:.2f} of it)"
        cells += [f"{value:.2f}{behind}", str(sum(not each for each in found))]
    return cells


def empty_row(entry, pictures, arguments):
    """Of pictures without anybody: on how many the finder alone has a box, and the entry a subject."""
    localizer = Localizer(entry, arguments.engine)
    localizer.detector = remembered(product(localizer.scheme, arguments.finder, arguments.engine)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        subjects = [len(localizer(picture)) > 0 for picture in pictures]
    boxes = [len(sure_boxes(localizer.detector, picture)) > 0 for picture in pictures]
    return [entry, *(f"{100 * np.mean(each):.1f} %" for each in (boxes, subjects))]


def time_row(entry, shots, where, arguments):
    """Processor time of photographs without a box over that with theirs: the shortest of rounds in turn, one thread.

    shots: (image, box) of each. where: what they are called.
    """
    scheme = Localizer(entry, arguments.engine).scheme
    detector, _ = product(scheme, arguments.finder, arguments.engine)
    once, free = (opened(entry, detector, arguments.engine, refine=looks) for looks in (0, None))
    ways = (
        once,
        lambda image, box: detector.find(image),
        lambda image, box: once(image),
        lambda image, box: free(image),
    )
    spent = np.full((len(shots), len(ways)), np.inf)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _, i, k in np.ndindex(ROUNDS, *spent.shape):
            started = time.process_time()
            ways[k](*shots[i])
            spent[i, k] = min(spent[i, k], time.process_time() - started)
    given, *others = spent.mean(axis=0)
    return [where, entry, f"{1e3 * given:.1f} ms", *(f"{other / given:.2f}" for other in others)]


def score(arguments):
    """Measure what detectors find, and what landmarks are worth with them; write the page."""
    found, worth = [], []
    for name, split, entries in SCORED:
        dataset, where = CocoKeypoints(arguments.data / name, split), f"{name} {split}"
        ours, opencv = product(dataset.scheme, arguments.finder, arguments.engine)
        both = [remembered(ours), remembered(opencv)]
        together = [landmarks_detector(entry, ours, arguments.engine) for entry in entries]
        for detector in [*both, *together]:
            found.append([where, detector.name, *hits(dataset, arguments.images, detector)])
            print(*found[-1], sep=", ", flush=True)
        for entry in entries:
            worth.append(landmarks_row(where, entry, both, dataset, arguments))
            print(*worth[-1], sep=", ", flush=True)
    pictures = [images.read(path) for path in sorted(arguments.empty.glob("*.png"))]
    empty = [empty_row(entry, pictures, arguments) for entry in EMPTIED]
    sample = [(images.read(images.sample("person")), images.SAMPLE_BOXES["person"])]
    several = [
        (shot.image, box) for shot, box in spread(CocoKeypoints(arguments.data / "mpii", "val"), TIMED)
    ]
    times = [
        time_row(entry, shots, where, arguments)
        for where, shots in ((f"{TIMED} of mpii val", several), ("the sample photograph", sample))
        for entry in ("pose", "pose_128")
    ]
    with files.atomic_write(arguments.docs, "w") as file:
        file.write(
            PAGE.format(
                found=cards.table(FOUND, found),
                worth=cards.table(WORTH, worth),
                empty=cards.table(EMPTY, empty),
                times=cards.table(TIMES, times),
                images=""
                if arguments.images >= MANY
                else f" {arguments.images} images of each split, evenly.",
                pictures=len(pictures),
                rounds=ROUNDS,
                commit=commit(),
            )
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("score", "fit"))
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--images", type=int, default=MANY, help="of each split, evenly")
    parser.add_argument("--finder", default="finder", help="an entry or a packed file")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--empty", type=pathlib.Path, help="what benchmarks/empty_scenes.py made")
    parser.add_argument("--docs", type=pathlib.Path, default=ROOT / "docs" / "detectors.md")
    arguments = parser.parse_args()
    if arguments.what == "score" and not arguments.empty:
        parser.error("score needs --empty")
    {"score": score, "fit": fit}[arguments.what](arguments)


if __name__ == "__main__":
    main()
