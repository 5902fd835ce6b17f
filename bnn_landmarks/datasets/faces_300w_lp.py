"""300W-LP: 300-W with large poses synthesised; tensorflow-datasets' `the300w_lp` parses it."""

import math
import pathlib
import tempfile

import numpy as np
import tensorflow_datasets as tfds

from bnn_landmarks.datasets.builder import LandmarkBuilder, example

SIDE = 450


class Faces300wLp(LandmarkBuilder):
    """300W-LP: 68 points of 61,225 faces turned up to profile (Zhu et al., CVPR 2016).

    train: all, in the order of their paths ("train[:40000]" is the paper's). Hidden points are where they
    really are. `yaw` is that of the fitted model. Points count from 1, as in the MATLAB code that made them.
    """

    name = "faces_300w_lp"
    SCHEME = "ibug68"
    SPLITS = ("train",)
    HOMEPAGE = "http://www.cbsr.ia.ac.cn/users/xiangyuzhu/projects/3DDFA/main.htm (300W-LP.zip)"
    NEEDS = ("300W_LP/landmarks",)
    FOLDER = """
        300W_LP/AFW/AFW_1051618982_1_0.jpg, .mat ...     (also HELEN, IBUG, LFPW)
        300W_LP/landmarks/AFW/AFW_1051618982_1_0_pts.mat ...
    """

    def _generate_examples(self, directory, split):
        for path, landmarks, pose in parse(
            "the300w_lp", directory / "300W_LP", "landmarks_3d", "pose_params"
        ):
            landmarks = landmarks * np.float32(SIDE) - 1
            yield example(path.stem, path, landmarks, np.full(68, 2), yaw=abs(math.degrees(pose[1])))


def parse(name, folder, *fields):
    """(image path, *fields) of all images of a folder in order, as the tensorflow-datasets builder `name` parses it.

    That builder finds its files by replacing text in their whole paths, and in the file system's order: so it is
    shown the folder by a short path, and its finds are sorted.
    """
    with tempfile.TemporaryDirectory(prefix="bnn") as short:
        link = pathlib.Path(short) / folder.name
        link.symlink_to(folder)
        parsed = tfds.builder_cls(name)(data_dir=short)._generate_examples(str(link))
        found = [
            (pathlib.Path(r["image"]).relative_to(link), *(r[field] for field in fields)) for _, r in parsed
        ]
    return [(folder / path, *values) for path, *values in sorted(found, key=lambda each: each[0])]
