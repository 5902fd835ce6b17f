"""OpenCV's detectors against annotated boxes: where the constants of `inference.detect` come from, and
how often a detector finds the subject.

    python benchmarks/detectors.py --data ../shared/data --images 300

The box rules and the people detector's threshold are fitted on train splits; val splits are only scored.
"""

import argparse
import pathlib

import numpy as np

from bnn_landmarks.datasets.coco import CocoKeypoints
from bnn_landmarks.inference import detect

WHOLE = (0.0, 0.0, 1.0, 1.0)
THRESHOLDS = (0.2, 0.4, 0.6, 0.8, 1.0)
HIT = 0.4
FACES = (
    ("helen_afw", "train", "val"),
    ("aflw2000", "train_68", "val_68"),
    ("aflw2000", "train_21", "val_21"),
)


def spread(dataset, count):
    """`count` samples evenly over a data set, with their tight boxes."""
    for index in np.linspace(0, len(dataset) - 1, min(count, len(dataset))).astype(int):
        sample = dataset[index]
        points = sample.landmarks[sample.visible > 0]
        low, high = points.min(axis=0), points.max(axis=0)
        yield sample, np.concatenate([low, high - low])


def iou(a, b):
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[:2] + a[2:], b[:2] + b[2:])
    both = np.prod(np.clip(high - low, 0, None))
    return both / (a[2] * a[3] + b[2] * b[3] - both)


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


def hits(dataset, count, find):
    """How many samples there are, how many boxes are found, and on how many samples one is right (IoU over HIT)."""
    total = boxes = right = 0
    for sample, truth in spread(dataset, count):
        found = find(sample.image)
        total, boxes = total + 1, boxes + len(found)
        right += any(iou(box, truth) > HIT for box in found)
    return f"{total} images, {boxes} boxes, {right} found right"


def faces_in(image, kind):
    """Raw windows of one cascade: the other's are moved out of sight."""
    away = (9.0, 9.0, 1e-3, 1e-3)
    boxes = detect.faces(image, {"frontal": away, "profile": away, kind: WHOLE})
    return [box for box in boxes if box[2] > 1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--images", type=int, default=300, help="of each split")
    arguments = parser.parse_args()

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
    print("people as shipped, mpii val:", hits(split("mpii", "val"), arguments.images, detect.people))
    print("people as shipped, lspet val:", hits(split("lspet", "val"), arguments.images, detect.people))

    for name, learn, score in FACES:
        train = split(name, learn)
        for kind in ("frontal", "profile"):
            print(
                name,
                learn,
                kind,
                *rule([(faces_in(s.image, kind), b) for s, b in spread(train, arguments.images)]),
            )
        window = detect.FACE_IN_WINDOW[train.scheme.name]
        print(
            "faces as shipped,",
            name,
            score,
            hits(split(name, score), arguments.images, lambda i, w=window: detect.faces(i, w)),
        )


if __name__ == "__main__":
    main()
