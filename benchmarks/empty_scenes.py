"""Makes a folder of 200 pictures that show nobody: squares of training images beside their subjects.

    python benchmarks/empty_scenes.py EMPTY --data DATA

Drawn with a seed; `SEEN` are the numbers of those on which somebody, a part of a body, a statue or a horse can be seen
all the same: they were looked at one by one, and are left out.
"""

import argparse
import itertools
import pathlib

import numpy as np

from bnn_landmarks import datasets
from bnn_landmarks.datasets.subjects import photo
from bnn_landmarks.geometry import images
from bnn_landmarks.training.scenes import _surroundings, _trimmed

DRAWN = {"lspet": 190, "mpii": 170}
COUNT = 200
LEAST = 64  # pixels of a side
# fmt: off
SEEN = {
    2, 3, 8, 11, 12, 16, 18, 23, 28, 32, 33, 38, 39, 42, 43, 45, 46, 52, 54, 57, 63, 64, 66, 69, 72, 74, 80, 83, 84,
    91, 92, 93, 94, 96, 97, 98, 100, 101, 108, 110, 112, 116, 117, 119, 122, 123, 126, 127, 140, 141, 147, 154, 155,
    157, 158, 159, 160, 167, 168, 172, 173, 175, 176, 179, 184, 186, 188, 192, 193, 194, 195, 198, 201, 206, 209, 210,
    211, 212, 214, 216, 217, 218, 223, 224, 226, 228, 232, 234, 235, 236, 238, 239, 240, 241, 243, 245, 248, 249, 250,
    252, 253, 254, 255, 259, 260, 261, 267, 268, 270, 273, 274, 276, 277, 280, 282, 284, 287, 288, 290, 291, 292, 293,
    299, 301, 303, 305, 309, 311, 313, 315, 317, 319, 327, 328, 336, 337, 340, 342, 344, 347, 348, 349, 350, 353, 354,
    355, 356,
}
# fmt: on


def squares(data):
    """(number, square uint8 [S, S, 3]) of training images, of which some show somebody."""
    rng, number = np.random.default_rng(0), 0
    for name, count in DRAWN.items():
        dataset = datasets.open(name, "train", data)
        last = number + count
        for index in rng.permutation(len(dataset)):
            part = _surroundings(_trimmed(photo(dataset[int(index)], dataset.scheme)))
            side = min(part.shape[:2])
            if side < LEAST:
                continue
            x, y = (int(rng.integers(length - side + 1)) for length in part.shape[1::-1])
            yield number, part[y : y + side, x : x + side]
            number += 1
            if number == last:
                break


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--data", type=pathlib.Path)
    arguments = parser.parse_args()
    empty = (each for each in squares(arguments.data) if each[0] not in SEEN)
    for number, square in itertools.islice(empty, COUNT):
        images.write(arguments.output / f"{number:03}.png", square)


if __name__ == "__main__":
    main()
