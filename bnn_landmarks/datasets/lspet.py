"""Leeds Sports Pose, extended."""

import numpy as np

from bnn_landmarks.datasets.builder import LandmarkBuilder, example, image_named
from bnn_landmarks.datasets.lsp import read_joints


class Lspet(LandmarkBuilder):
    """Leeds Sports Pose, extended: 14 joints of 10,000 athletes, crowd-sourced (Johnson & Everingham, CVPR 2011).

    train: all. joints.mat is [14, 3, N]: x, y from 1, and 0 where the joint is not annotated (LSP's third value is the
    opposite).
    """

    name = "lspet"
    SCHEME = "lsp14"
    SPLITS = ("train",)
    HOMEPAGE = "https://sam.johnson.io/research/lspet.html (lspet_dataset.zip)"
    NEEDS = ("joints.mat", "images")
    FOLDER = """
        joints.mat
        images/im00001.jpg ... im10000.jpg     (or .png, as in hr-lspet)
    """

    def _generate_examples(self, directory, split):
        for number, joints in enumerate(read_joints(directory / "joints.mat", axes=(2, 0, 1))):
            labelled = joints[:, 2] > 0.5
            if labelled.any():
                name = f"im{number + 1:05d}"
                image = image_named(directory / "images" / name)
                yield example(name, image, joints[:, :2] - 1, np.where(labelled, 2, 0))
