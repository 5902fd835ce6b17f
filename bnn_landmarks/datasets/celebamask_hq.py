"""CelebAMask-HQ from its release: one binary mask file per part."""

import cv2
import numpy as np

from bnn_landmarks.datasets.builder import LandmarkBuilder, example
from bnn_landmarks.datasets.masks import box_of, check_shape
from bnn_landmarks.geometry import images, parts

MAPPING = "CelebA-HQ-to-CelebA-mapping.txt"
FIRST_OF = {"train": 0, "val": 162771, "test": 182638}


class CelebamaskHq(LandmarkBuilder):
    """CelebAMask-HQ: 19 classes of 30,000 faces (Lee et al., CVPR 2020), joined to the paper's seven.

    train, val, test: as CelebA splits the same photographs. Masks have no landmarks; `mask` holds the classes of parts7
    (`parts.CELEBAMASK_HQ`).
    """

    name = "celebamask_hq"
    SCHEME = "parts7"
    SPLITS = tuple(FIRST_OF)
    HOMEPAGE = "https://github.com/switchablenorms/CelebAMask-HQ"
    NEEDS = ("CelebA-HQ-img", "CelebAMask-HQ-mask-anno", MAPPING)
    FOLDER = f"""
        CelebA-HQ-img/0.jpg ... 29999.jpg
        CelebAMask-HQ-mask-anno/0/00000_skin.png ... 14/...
        {MAPPING}
    """

    def _generate_examples(self, directory, split):
        lines = (directory / MAPPING).read_text(encoding="utf-8").splitlines()[1:]
        rows = [line.split() for line in lines if line.strip()]
        for number, original in ((int(row[0]), int(row[1])) for row in rows):
            if split != max((s for s in FIRST_OF if FIRST_OF[s] <= original), key=FIRST_OF.get):
                continue
            image = directory / "CelebA-HQ-img" / f"{number}.jpg"
            mask = join(directory / "CelebAMask-HQ-mask-anno" / str(number // 2000), number, image)
            encoded = cv2.imencode(".png", mask)[1].tobytes()
            none = np.zeros((0, 2)), np.zeros(0)
            yield example(str(number), image, *none, box=box_of(mask), mask=encoded)


def join(folder, number, image):
    """The binary masks of one face, painted in the order of the classes: uint8 [H, W] of the image's size.

    Raises:
        FileNotFoundError, ValueError: the image is missing, or it or a mask can't be read or is of another shape.
    """
    mask = np.zeros(images.read(image).shape[:2], np.uint8)
    for name, target in zip(parts.CELEBAMASK_HQ_NAMES, parts.CELEBAMASK_HQ, strict=True):
        path = folder / f"{number:05d}_{name}.png"
        if path.is_file():
            layer = images.read(path)[..., 0]
            check_shape(path, layer.shape[::-1], mask.shape[::-1])
            layer = cv2.resize(layer, mask.shape[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
            mask[layer > 0] = target
    return mask
