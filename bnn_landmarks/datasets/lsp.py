"""Leeds Sports Pose."""

import numpy as np

from bnn_landmarks.datasets import matfiles
from bnn_landmarks.datasets.builder import LandmarkBuilder, example, image_named


class Lsp(LandmarkBuilder):
    """Leeds Sports Pose: 14 joints of 2,000 athletes (Johnson & Everingham, BMVC 2010).

    train: the first half, test: the second. joints.mat is [3, 14, N]: x, y from 1, and 1 where the joint is hidden.
    """

    name = "lsp"
    SCHEME = "lsp14"
    SPLITS = ("train", "test")
    HOMEPAGE = "https://sam.johnson.io/research/lsp.html (lsp_dataset.zip or lsp_dataset_original.zip)"
    NEEDS = ("joints.mat", "images")
    FOLDER = """
        joints.mat
        images/im0001.jpg ... im2000.jpg     (or .png)
    """

    def _generate_examples(self, directory, split):
        joints = read_joints(directory / "joints.mat", axes=(2, 1, 0))
        half = len(joints) // 2
        for number in range(half) if split == "train" else range(half, len(joints)):
            landmarks, hidden = joints[number, :, :2], joints[number, :, 2] > 0.5
            name = f"im{number + 1:04d}"
            yield example(
                name, image_named(directory / "images" / name), landmarks - 1, np.where(hidden, 1, 2)
            )


def read_joints(path, axes):
    """joints.mat -> float [N, 14, 3]. axes: the file's axes that hold images, joints and values.

    Raises:
        ValueError: it holds another shape (LSP's [3, 14, N] and LSPET's [14, 3, N] are easily exchanged), or a number
            that is not finite.
    """
    joints = matfiles.read(path).get("joints")
    if (
        not isinstance(joints, np.ndarray)
        or joints.ndim != 3
        or np.transpose(joints, axes).shape[1:] != (14, 3)
    ):
        wanted = "[3, 14, N] (LSP)" if axes == (2, 1, 0) else "[14, 3, N] (LSP extended)"
        raise ValueError(f"{path} has joints of shape {getattr(joints, 'shape', None)}, not {wanted}")
    joints = np.transpose(joints, axes)
    wrong = np.flatnonzero(~np.isfinite(joints).all(axis=(1, 2)))
    if len(wrong):
        raise ValueError(f"{path}: the joints of image {wrong[0] + 1} are not finite numbers")
    return joints
