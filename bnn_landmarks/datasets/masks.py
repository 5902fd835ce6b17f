"""A folder of images with class masks: DIR/SPLIT/images/* and DIR/SPLIT/masks/*.png of the same stem.

    samples = MaskFolder("data/celebamask", "train")
    samples[0].mask                                  # uint8 [H, W], classes of SCHEMES["parts7"]

The masks' values are CelebAMask-HQ's 19 classes, or what DIR/classes.json says: a list that gives for each value one of
the names of `parts7`, as ["background", "skin", "nose"].
"""

import pathlib

import cv2
import numpy as np

from bnn_landmarks.datasets.coco_categories import shown
from bnn_landmarks.datasets.sample import Sample
from bnn_landmarks.files import read_json
from bnn_landmarks.geometry import images, parts
from bnn_landmarks.schemes import SCHEMES

SCHEME = SCHEMES["parts7"]


class MaskFolder:
    """The samples of one split, read as they are asked for. They have masks and no landmarks.

    Raises:
        FileNotFoundError: the folder, the split or a mask is missing.
        ValueError: classes.json is malformed; or, when it is read, a mask is not of its image's shape or holds a value
            without a class.
    """

    scheme = SCHEME

    def __init__(self, directory, split):
        self.directory = pathlib.Path(directory)
        folder = self.directory / split
        self.paths = sorted(path for path in folder.glob("images/*") if path.is_file())
        if not self.paths:
            there = ", ".join(sorted(path.parent.name for path in self.directory.glob("*/masks")))
            raise FileNotFoundError(
                f"no images in {folder / 'images'}; the splits of {self.directory} are {there or 'none'}"
            )
        self.class_map = read_classes(self.directory / "classes.json")

    def __len__(self):
        return len(self.paths)

    def check(self, index):
        """What `self[index]` refuses of the files, found without decoding them.

        Raises:
            FileNotFoundError, ValueError, ImportError: as `self[index]`.
        """
        path = self.paths[index]
        size, mask = images.size(path.read_bytes(), str(path)), self._mask(path)
        if not mask.is_file():
            raise FileNotFoundError(f"no mask at {mask}")
        check_shape(mask, images.size(mask.read_bytes(), str(mask)), size)

    def _mask(self, path):
        return path.parents[1] / "masks" / f"{path.stem}.png"

    def __getitem__(self, index) -> Sample:
        path = self.paths[index]
        image = images.read(path)
        mask = read_mask(self._mask(path), self.class_map)
        check_shape(self._mask(path), mask.shape[::-1], image.shape[1::-1])
        if mask.shape != image.shape[:2]:
            mask = cv2.resize(mask, image.shape[1::-1], interpolation=cv2.INTER_NEAREST_EXACT)
        none = np.zeros((0, 2), np.float32), np.zeros(0, np.int32)
        return Sample(path.name, image, *none, box=box_of(mask), mask=mask)


def read_classes(path):
    """The class map uint8 [values] of a classes.json; CelebAMask-HQ's where there is no such file."""
    if not path.is_file():
        return parts.CELEBAMASK_HQ
    names = read_json(path)
    odd = [name for name in names if name not in SCHEME.names] if isinstance(names, list) else [names]
    if odd:
        raise ValueError(f"{path} must be a list of the names {', '.join(SCHEME.names)}, not {shown(odd[0])}")
    return np.array([SCHEME.names.index(name) for name in names], np.uint8)


def check_shape(path, mask, image):
    """Refuse a mask that is not its image's, or of another turn of it. mask, image: width, height; they may differ in
    size, not in shape.

    Raises:
        ValueError: they differ by more than a pixel of the mask.
    """
    (width, height), (w, h) = image, mask
    if abs(w * height - h * width) > max(width, height):
        turned = (
            "a quarter turn away" if abs(h * height - w * width) <= max(width, height) else "of another shape"
        )
        raise ValueError(
            f"{path} is a mask of {w} x {h} pixels, its upright image has {width} x {height}: {turned}"
        )


def read_mask(path, class_map):
    """A mask file -> uint8 [H, W] of the classes its values are mapped to.

    Raises:
        FileNotFoundError: there is none. ValueError: it can't be read whole, or holds other values.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no mask at {path}")
    data = path.read_bytes()
    images.size(data, str(path))
    mask = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if mask is None:
        raise ValueError(f"{path} is not an image that can be read (damaged, or of an unknown format)")
    if mask.ndim != 2 or mask.dtype != np.uint8 or mask.max() >= len(class_map):
        raise ValueError(
            f"{path} must be an 8-bit grey image of values below {len(class_map)}, one per class"
        )
    return class_map[mask]


def box_of(mask):
    """x, y, width, height around all that is not background, float32 [4]; the whole image where all is."""
    ys, xs = np.nonzero(mask)
    if not len(xs):
        return np.array([0, 0, mask.shape[1], mask.shape[0]], np.float32)
    return np.array([xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1], np.float32)
