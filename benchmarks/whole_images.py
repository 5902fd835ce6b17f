"""What a network of one's own does with whole images, and where nobody is, by how it was trained.

    python benchmarks/whole_images.py helen_afw lspet --data DATA --output whole

Makes a folder of one's own of a set of faces (iBUG-68, made five points: eyes, nose, corners of the mouth), each face
at a random size and place in the surroundings of another set's subjects; trains the recipe `landmarks` on it once for
each of `RUNS`; and prints the error of the points of validation images, in per cent of the face's box, with the box
given and on the whole image, and how many of these, and of surroundings without a face, have at least each presence.
"""

import argparse
import json
import pathlib

import cv2
import numpy as np

from bnn_landmarks import datasets
from bnn_landmarks.datasets.sample import tight_box
from bnn_landmarks.datasets.subjects import photo
from bnn_landmarks.geometry import images
from bnn_landmarks.inference.localizer import Localizer
from bnn_landmarks.recipes.landmarks import recipe
from bnn_landmarks.training.recipe import override
from bnn_landmarks.training.scenes import _surroundings, _trimmed
from bnn_landmarks.training.trainer import train

NAMES = ["left_eye", "right_eye", "nose", "left_mouth", "right_mouth"]
OF_68 = [range(42, 48), range(36, 42), [30], [54], [48]]
SHARES = 0.2, 0.6  # the longer side of a face's box over the image's
SIZE = 320, 400  # height, width of the images
RUNS = {
    "tight boxes": {"augmentation.loose": 0.0, "augmentation.absent": 0.0},
    "loose 0.3, absent 0.1": {"augmentation.loose": 0.3, "augmentation.absent": 0.1},
    "loose 0.5, absent 0.15": {"augmentation.loose": 0.5, "augmentation.absent": 0.15},
    "loose 0.3": {"augmentation.loose": 0.3, "augmentation.absent": 0.0},
}
PRESENCE = (0.1, 0.2, 0.3, 0.4, 0.5)
REFINE = (0, 1, 2, 3)
NEAR = 20  # per cent of the box: the right place.


def backgrounds(name, split, data, rng):
    """Images uint8 [H, W, 3] without a face, one after the other."""
    samples = datasets.open(name, split, data)
    while True:
        for index in rng.permutation(len(samples)):
            part = _surroundings(_trimmed(photo(samples[int(index)], samples.scheme)))
            if min(part.shape[:2]) >= 32:
                yield cv2.resize(part, SIZE[::-1], interpolation=cv2.INTER_CUBIC)


def make(folder, faces, others, data, counts):
    """The folder, and `others`' surroundings of the split val as folder/nobody."""
    rng = np.random.default_rng(0)
    for split, count in counts.items():
        samples, behind = datasets.open(faces, split, data), backgrounds(others, split, data, rng)
        records, annotations = [], []
        for number in range(min(count, len(samples))):
            sample, canvas = samples[number], next(behind)
            points = np.array([sample.landmarks[list(which)].mean(axis=0) for which in OF_68])
            image, box = sample.image, tight_box(points, np.ones(5))
            factor = np.exp(rng.uniform(*np.log(SHARES))) * max(SIZE) / max(sample.box[2:])
            image = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
            free = np.array(SIZE[::-1]) - factor * np.array(sample.image.shape[1::-1])
            offset = np.rint(rng.uniform(np.minimum(free, 0), np.maximum(free, 0))).astype(int)
            light = cv2.erode((image.max(axis=2) > 8).astype(np.uint8), np.ones((9, 9)), borderValue=0)
            blend = cv2.GaussianBlur(light.astype(np.float32), (0, 0), 4)[..., None]
            moved = np.float32([[1, 0, offset[0]], [0, 1, offset[1]]])
            image, blend = (cv2.warpAffine(each, moved, SIZE[::-1]) for each in (image, blend))
            canvas = np.rint(blend[..., None] * image + (1 - blend[..., None]) * canvas).astype(np.uint8)
            points, box = factor * (points + 0.5) - 0.5 + offset, factor * box
            images.write(folder / "images" / f"{split}{number}.jpg", canvas)
            records.append(
                {"id": number, "file_name": f"{split}{number}.jpg", "width": SIZE[1], "height": SIZE[0]}
            )
            keypoints = np.concatenate([points, np.full((5, 1), 2)], axis=1).ravel().tolist()
            annotations.append({"id": number, "image_id": number, "category_id": 1, "keypoints": keypoints})
        record = {
            "images": records,
            "annotations": annotations,
            "categories": [{"id": 1, "name": "face", "keypoints": NAMES}],
        }
        (folder / "annotations").mkdir(exist_ok=True)
        (folder / "annotations" / f"{split}.json").write_text(json.dumps(record))
    for number in range(counts["val"]):
        images.write(folder / "nobody" / f"{number}.jpg", next(behind))


def errors(localizer, samples, given):
    """Each image's mean distance of points, in per cent of its box's longer side; and the presences."""
    found = []
    for sample in samples:
        (result,) = localizer(sample.image, sample.box if given else None)
        distance = np.linalg.norm(result.points - sample.landmarks, axis=1).mean()
        found.append((100 * distance / max(sample.box[2:]), result.presence))
    return np.array(found).T


def measure(weights, folder):
    """Lines that tell how good a network is."""
    samples = datasets.open(folder, "val")
    samples = [samples[i] for i in range(len(samples))]
    empty = [images.read(path) for path in sorted((folder / "nobody").glob("*.jpg"))]
    lines = []
    for refine in REFINE:
        localizer = Localizer(weights, least_presence=0.0, refine=refine)
        error, there = errors(localizer, samples, given=False)
        nobody = np.array([localizer(image)[0].presence for image in empty])
        shares = [
            f"{p}: {100 * (there >= p).mean():.0f} / {100 * (nobody >= p).mean():.0f}" for p in PRESENCE
        ]
        lines.append(
            f"whole image, refine {refine}: median error {np.median(error):.1f} %, below {NEAR} % in "
            f"{100 * (error < NEAR).mean():.0f} %; presence of faces / of none: " + ", ".join(shares)
        )
    error, _ = errors(localizer, samples, given=True)
    lines.append(
        f"box given: median error {np.median(error):.1f} %, below {NEAR} % in {100 * (error < NEAR).mean():.0f} %"
    )
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces")
    parser.add_argument("others")
    parser.add_argument("--data", type=pathlib.Path)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--samples", type=int, default=8000)
    parser.add_argument("--size", type=int, default=64, help="of the network's input")
    arguments = parser.parse_args()
    folder = arguments.output / "folder"
    if not folder.exists():
        make(
            folder, arguments.faces, arguments.others, arguments.data, {"train": arguments.images, "val": 100}
        )
    for number, (name, changes) in enumerate(RUNS.items()):
        changes = {**changes, "spec.input_size": arguments.size, "samples": arguments.samples}
        run = arguments.output / f"run{number}"
        train(override(recipe(folder), changes), folder, run, resume=True, validate_samples=10**6)
        print(name, *measure(run / "weights.npz", folder), sep="\n  ", flush=True)


if __name__ == "__main__":
    main()
