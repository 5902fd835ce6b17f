"""Golden vectors for the ports of cropping, decoding and tracking: python deploy/golden.py ports.golden.npz

What the package's own functions make of small inputs, to hold the C++ and Kotlin ports against; `deploy/README.md`
lists the arrays. An .npz is a zip of .npy files: a port without a zip reader takes the files of `unzip`.
"""

import argparse

import numpy as np

from bnn_landmarks.files import atomic_write
from bnn_landmarks.geometry import crops, heatmaps
from bnn_landmarks.inference.localizer import Landmarks
from bnn_landmarks.inference.video import Follower
from bnn_landmarks.schemes import Scheme

# image height and width, box, box_side, padding, crop size
CROPS = {
    "enlarged": ((40, 60), (20, 10, 12, 18), "max", 1.3, 64),
    "beyond_the_border": ((50, 70), (-8, 30, 40, 35), "mean", 1.5, 48),
    "shrunk_below_two": ((120, 160), (10, 5, 80, 100), "max", 1.25, 64),
    "averaged_by_two": ((211, 173), (20.3, 40.7, 120.1, 150.9), "max", 1.3, 48),
    "averaged_by_three": ((301, 407), (-30, 20, 350, 280), "mean", 1.1, 50),
    "averaged_beyond_the_border": ((97, 131), (-0.5, -0.5, 131, 97), "max", 2.0, 16),
}
STRIDE, SIGMA = 4, 1.75
FRAME = (480, 640)


def crop_vectors(rng):
    """Per case: image, box, what the crop is made by, its square, matrix and pixels, the network's float input."""
    vectors = {}
    for name, (shape, box, box_side, padding, size) in CROPS.items():
        image = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
        center, side = crops.square(box, box_side, padding)
        matrix = crops.affine(center, side, size)
        patch = crops.crop(image, matrix, size)
        case = {
            "image": image,
            "box": np.array(box, np.float64),
            "options": np.array([box_side == "mean", padding, size], np.float64),
            "square": np.array([*center, side]),
            "matrix": matrix,
            "patch": patch,
            "input": crops.to_input(patch),
        }
        vectors |= {f"crop/{name}/{key}": value for key, value in case.items()}
    return vectors


def decode_vectors(rng):
    """Maps with peaks inside, on every border, in the corners, and ties; their points in the crop and in an image."""
    maps = rng.normal(0, 2, (16, 12, 24)).astype(np.float32)
    for k, (y, x) in enumerate([(0, 0), (0, 5), (15, 11), (15, 3), (7, 0), (9, 11), (1, 1), (14, 10)]):
        maps[y, x, k] = 20
    maps[5, 5, 8] = maps[5, 6, 8] = maps[9, 2, 8] = 30  # equal maxima: the first counts
    maps[6, 6, 9] = 30
    maps[6, 5, 9] = maps[6, 7, 9] = 1  # equal neighbours do not move the point
    maps[..., 10] = 0
    matrix = crops.affine((200.25, 131.5), 317.0, 64)
    vectors = {"maps": maps, "options": np.array([STRIDE, SIGMA]), "matrix": matrix}
    for score in ("softmax", "sigmoid"):
        points, vectors["peaks"] = heatmaps.decode(maps, STRIDE, score)
        vectors |= {
            score: heatmaps.scores(maps, score, SIGMA),
            f"{score}/points": points,
            f"{score}/restored": crops.restore(points, matrix),
        }
    return {f"decode/{name}": value for name, value in vectors.items()}


def track_vectors(rng, frames=24, count=5):
    """A subject that moves, is lost for a frame, comes back and leaves the frame: what `video.Follower` makes of it."""
    time = np.arange(frames)[:, None, None]
    raw = (
        rng.uniform([100, 80], [260, 300], (count, 2))
        + time * [6.0, 1.5]
        + rng.normal(0, 2, (frames, count, 2))
    )
    raw[16:] += (time[16:] - 15) * [70, 0]  # leaves the frame
    scores = rng.uniform(0.3, 1, (frames, count)).astype(np.float32)
    scores[5, :2] = 0.02  # some unseen: the box is of the others
    scores[9] = 0.05  # none seen: lost
    seconds = rng.uniform(0.02, 0.1, frames)
    whole = np.array([-0.5, -0.5, FRAME[1], FRAME[0]])
    looked, smooth, follow = [], [], Follower()
    for points, score, step in zip(raw, scores, seconds, strict=True):
        if follow.box is None:
            follow = Follower()
        looked.append(whole if follow.box is None else follow.box)
        result = Landmarks(points, score, Scheme("five", tuple("abcde")), looked[-1], "track")
        smooth.append(follow(result, step, (*FRAME, 3)).points)
    return {
        "track/frame": np.array(FRAME, np.float64),
        "track/points": raw,
        "track/scores": scores,
        "track/seconds": seconds,
        "track/boxes": np.array(looked),
        "track/smooth": np.array(smooth),
    }


def golden():
    """All arrays by name; the same on every call."""
    rng = np.random.default_rng(0)
    return crop_vectors(rng) | decode_vectors(rng) | track_vectors(rng)


def main():
    parser = argparse.ArgumentParser(
        description="Write golden vectors for ports of cropping, decoding and tracking."
    )
    parser.add_argument("output", help="the .npz to write")
    with atomic_write(parser.parse_args().output) as file:
        np.savez_compressed(file, **golden())


if __name__ == "__main__":
    main()
