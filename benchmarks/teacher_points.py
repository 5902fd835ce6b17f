r"""A strong network's points on annotated images, in COCO's results format, for `bnn-landmarks data clean`.

    python benchmarks/peers.py setup PEERS                      # once: the networks, from public packages
    python benchmarks/teacher_points.py PEERS lspet/train --data DATA --output lspet_results.json
    bnn-landmarks data clean lspet --data-dir DATA --predictions lspet_results.json \
        --output DATA/lspet/annotations/train_clean.json

MoveNet Thunder, the box given, the picture turned by each quarter; of the surest answer the square that the network
makes of its points, turned so that the torso stands upright, gives a second answer, and the surer of both is kept. Five
images a second on one core.
"""

import argparse
import json
import pathlib

import numpy as np
from peer_models import PEERS, Finder, square
from tqdm import tqdm

from bnn_landmarks import datasets, files
from bnn_landmarks.datasets import coco_file
from bnn_landmarks.geometry import crops

QUARTERS = (0.0, 90.0, 180.0, 270.0)
FACTOR = 1.25  # of the box's longer side, of MPII's 200 x scale
SHOULDERS, HIPS = [5, 6], [11, 12]


def scored(finder, image, center, side, degrees):
    """The network's 17 points and their confidences, float64 [17, 3], pixels of the image, in a turned square of it."""
    matrix = crops.affine(center, side, finder.size, degrees)
    outputs = finder.run(finder.input(crops.crop(image, matrix, finder.size)))
    confidence = outputs[1, 1, 17, 3].reshape(17, 3)[:, 2]
    return np.c_[crops.restore(finder.peer.answer(outputs), matrix), confidence]


def upright(points):
    """The degrees by which a picture is turned so that the torso of points [17, 2] stands on its hips."""
    right, down = points[HIPS].mean(axis=0) - points[SHOULDERS].mean(axis=0)
    return float(np.degrees(np.arctan2(right, down)))


def points_of(finder, sample):
    """The surest points of a `Sample`'s subject, float64 [17, 3]."""

    def sureness(points):
        return points[5:, 2].mean()

    center, side = square(sample, FACTOR)
    first = max((scored(finder, sample.image, center, side, turn) for turn in QUARTERS), key=sureness)
    center, side, _ = finder.peer.region(first[:, :2])
    if not np.isfinite([*center, side]).all() or side < 2:
        return first
    return max(first, scored(finder, sample.image, center, side, upright(first[:, :2])), key=sureness)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peers", type=pathlib.Path, help="what `peers.py setup` filled")
    parser.add_argument("split", help="SET/SPLIT of a folder in COCO's keypoints format")
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    name, split = arguments.split.split("/")
    samples = datasets.open(name, split, arguments.data)
    finder = Finder(PEERS["MoveNet Thunder"], arguments.peers / "models")
    annotations = coco_file.load(samples.file.path)["annotations"]
    results = []
    for index, subject in enumerate(tqdm(samples.subjects, desc=arguments.split, unit="subject")):
        points = points_of(finder, samples[index])
        annotation = annotations[subject.index]
        results.append(
            {
                "image_id": annotation["image_id"],
                "category_id": annotation["category_id"],
                "keypoints": [round(float(value), 3) for value in points.ravel()],
                "score": round(float(points[:, 2].mean()), 4),
            }
        )
    with files.atomic_write(arguments.output, "w") as file:
        json.dump(results, file)


if __name__ == "__main__":
    main()
