"""Golden vectors for the ports of cropping, decoding and tracking: python deploy/golden.py ports.golden.npz

What the package's own functions make of small inputs, to hold the C++, Kotlin and TypeScript ports against;
`deploy/README.md` lists the arrays. An .npz is a zip of .npy files: a port without a zip reader takes the files of
`unzip`.
"""

import argparse
import json

import numpy as np

from bnn_landmarks import sides
from bnn_landmarks.files import atomic_write
from bnn_landmarks.geometry import boxes, crops, heatmaps
from bnn_landmarks.inference.detectors import SURE
from bnn_landmarks.inference.localizer import (
    Landmarks,
    Parts,
    Sighting,
    one_each,
    parts_mask,
    parts_presence,
    result_box,
)
from bnn_landmarks.inference.video import Follower, Tracker
from bnn_landmarks.schemes import SCHEMES, Scheme
from bnn_landmarks.spec import CHANNELS, Spec

# image height and width, box, box_side, padding, crop size
CROPS = {
    "enlarged": ((40, 60), (20, 10, 12, 18), "max", 1.3, 64),
    "beyond_the_border": ((50, 70), (-8, 30, 40, 35), "mean", 1.5, 48),
    "shrunk_below_two": ((120, 160), (10, 5, 80, 100), "max", 1.25, 64),
    "averaged_by_two": ((211, 173), (20.3, 40.7, 120.1, 150.9), "max", 1.3, 48),
    "averaged_by_three": ((301, 407), (-30, 20, 350, 280), "mean", 1.1, 50),
    "averaged_by_four": ((260, 330), (14, 9, 240, 215), "max", 1.2, 64),
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


def box_vectors(rng):
    """Maps of a finder of two kinds, with neighbours that are equal and boxes that overlap or lie beyond the border."""
    size, shape = 16, (300, 401)
    maps = rng.normal(-4, 1.5, (size, size, 2 * CHANNELS)).astype(np.float32)
    for kind in (0, 1):
        maps[..., kind * CHANNELS + 1 : kind * CHANNELS + 3] = rng.normal(0, 0.3, (size, size, 2))
        maps[..., kind * CHANNELS + 3 : kind * CHANNELS + 5] = rng.normal(-0.5, 0.4, (size, size, 2))
    maps[5, 5, 0] = maps[5, 6, 0] = maps[0, 0, 0] = 3
    maps[15, 9, 0], maps[5, 7, 5], maps[9, 9, 5] = 1, 0.5, -1
    maps[9, 9, 8] = 6  # a side that is too large to be one
    matrix = boxes.letterbox(shape, 64)
    vectors = {
        "maps": maps,
        "options": np.array([STRIDE, boxes.THRESHOLD]),
        "image": np.array(shape, np.float64),
    }
    vectors["matrix"] = matrix
    for kind, (found, scores) in enumerate(boxes.decode(maps, STRIDE)):
        restored = boxes.restore(found, matrix, shape)
        vectors |= {f"{kind}/boxes": found, f"{kind}/scores": scores, f"{kind}/restored": restored}
    return {f"boxes/{name}": value for name, value in vectors.items()}


def parts_vectors(rng):
    """Maps of seven classes over a crop that leaves the image; the classes of the image's pixels."""
    spec = Spec("parts", task="parts", scheme="parts7", input_size=64)
    maps = rng.normal(0, 3, (16, 16, 7)).astype(np.float32)
    matrix = crops.affine((130.3, 660.8), 700.0, spec.input_size)
    mask = parts_mask(maps, matrix, (900, 620), spec)
    return {
        "parts/maps": maps,
        "parts/options": np.array([spec.stride, spec.input_size], np.float64),
        "parts/matrix": matrix,
        "parts/mask": mask,
        "parts/box": result_box(Parts(mask, SCHEMES["parts7"], np.zeros(4), "given"), 0),
        "parts/presence": np.array([parts_presence(maps)]),
    }


class World:
    """A localizer that looks at walkers instead of pictures, and writes down what it is asked and what it says.

    film: [frames, walkers, 4], boxes, NaN of who is not there; of walkers that overlap the later is in front and hides
    the earlier.
    """

    refine, enough, least_presence, detector = 1, 0.6, 0.2, "walkers"
    scheme = Scheme("five", tuple("abcde"))

    def __init__(self, film, rng):
        self.film, self.rng, self.now = film, rng, 0
        self.asked, self.points, self.scores, self.looks = [], [], [], []
        self.found, self.finds = [], []

    def visible(self):
        there = [box for box in self.film[self.now] if np.isfinite(box).all()]
        return [
            box
            for i, box in enumerate(there)
            if not any(boxes.overlaps(box, other).max() > 0.4 for other in there[i + 1 :])
        ]

    def look(self, frame, sightings):
        results = []
        for sighting in sightings:
            middle = sighting.box[:2] + sighting.box[2:] / 2
            walkers = sorted(self.visible(), key=lambda box: np.linalg.norm(box[:2] + box[2:] / 2 - middle))
            near = walkers and np.linalg.norm(walkers[0][:2] + walkers[0][2:] / 2 - middle) < max(
                sighting.box[2:]
            )
            box = walkers[0] if near else sighting.box
            places = np.array([[0, 0], [1, 0.1], [0.5, 0.5], [0.1, 0.9], [1, 1]])
            points = box[:2] + places * box[2:] + self.rng.normal(0, 0.5, (5, 2))
            scores = self.rng.uniform(0.4, 0.9, 5) if near else self.rng.uniform(0, 0.15, 5)
            results.append(Landmarks(points, scores.astype(np.float32), self.scheme, **vars(sighting)))
            self.asked.append(sighting.box)
            self.points.append(points)
            self.scores.append(results[-1].scores)
        self.looks.append(len(sightings))
        return results

    def detect(self, frame):
        found = [
            Sighting(
                box + self.rng.normal(0, 1, 4), "detector", "walkers", float(self.rng.uniform(0.25, 0.9))
            )
            for box in self.visible()
        ]
        sure = [each for each in found if each.box_score >= SURE]
        said = sure or found[:1]
        self.found += [[*each.box, each.box_score] for each in said]
        self.finds.append([len(said), bool(sure)])
        return said, bool(sure)


def films():
    """Per case the walkers' boxes [frames, walkers, 4] and, where they are given, those of the first frame."""
    time = np.arange(90)[:, None]
    size = np.broadcast_to([60, 150], (90, 2))
    right = np.concatenate([[40, 200] + time * [6, 0], size], axis=1)
    left = np.concatenate([[560, 190] - time * [6, 0.2], size], axis=1)
    late = np.concatenate([[300, 40] + time * [0, 1], 0.6 * size], axis=1)
    late[:20] = late[50:58] = late[80:] = np.nan
    return {
        "crossing": (np.stack([right, left, late], axis=1), None),
        "given": (np.stack([right, left], axis=1), 1),
    }


def tracker_vectors(rng):
    """Walkers who cross, come late, are away for a moment, leave: what `video.Tracker` asks, is told, makes of it."""
    vectors = {}
    for name, (film, given) in films().items():
        world = World(film, rng)
        tracker = Tracker(world)
        seconds = rng.uniform(0.02, 0.06, len(film))
        numbers, smooth = [], []
        for world.now, step in enumerate(seconds):
            begin = film[0, :given] if given and world.now == 0 else None
            seen = tracker(np.zeros((*FRAME, 3), np.uint8), step, begin)
            numbers.append([result.track for result in seen] + [0] * (4 - len(seen)))
            smooth += [result.points for result in seen]
        case = {
            "given": np.array(film[0, :given] if given else np.zeros((0, 4))),
            "seconds": seconds,
            "looks": np.array(world.looks, np.float64),
            "asked": np.array(world.asked),
            "points": np.array(world.points),
            "scores": np.array(world.scores),
            "finds": np.array(world.finds, np.float64).reshape(-1, 2),
            "found": np.array(world.found).reshape(-1, 5),
            "numbers": np.array(numbers, np.float64),
            "smooth": np.array(smooth),
        }
        vectors |= {f"tracker/{name}/{key}": value for key, value in case.items()}
    return vectors


def same_vectors(rng):
    """Per kind of subject the boxes and presences of results, and the places of those that are kept."""
    vectors = {}
    for kind in ("person", "face"):
        found = np.concatenate([rng.uniform(0, 120, (40, 2)), rng.uniform(30, 60, (40, 2))], axis=1)
        presences = (0.25 + rng.permutation(40) / 64).astype(np.float32)
        results = [
            Landmarks(
                np.array([box[:2], box[:2] + box[2:], box[:2]]), np.full(3, presence), None, box, "detector"
            )
            for box, presence in zip(found, presences, strict=True)
        ]
        left = [id(each) for each in one_each(results, kind)]
        kept = np.array([i for i, result in enumerate(results) if id(result) in left], np.float64)
        vectors |= {f"{kind}/boxes": found, f"{kind}/presences": presences, f"{kind}/kept": kept}
    return {f"same/{name}": value for name, value in vectors.items()}


def side_vectors():
    """Names of landmarks and their sides, as JSON in bytes."""
    spelled = "Left Eye,L_Eye,leftEye,EyeLeft,eye.L,lefteye,l1,right-ear,RIGHT,nose,cleft,bright,R2D2,r_hip,Élan left"
    names = [name for scheme in SCHEMES.values() for name in scheme.names] + spelled.split(",")
    told = json.dumps({name: sides.side(name) for name in names})
    return {"sides/json": np.frombuffer(told.encode(), np.uint8)}


def golden():
    """All arrays by name; the same on every call."""
    rng = np.random.default_rng(0)
    vectors = crop_vectors(rng) | decode_vectors(rng) | track_vectors(rng)
    vectors |= box_vectors(rng) | parts_vectors(rng) | tracker_vectors(rng)
    return vectors | same_vectors(rng) | side_vectors()


def main():
    parser = argparse.ArgumentParser(
        description="Write golden vectors for ports of cropping, decoding and tracking."
    )
    parser.add_argument("output", help="the .npz to write")
    with atomic_write(parser.parse_args().output) as file:
        np.savez_compressed(file, **golden())


if __name__ == "__main__":
    main()
