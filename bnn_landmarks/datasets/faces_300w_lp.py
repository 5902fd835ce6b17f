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
    TERMS = "no licence stated; made from 300-W, so research only"
    NEEDS = ("300W_LP/landmarks",)
    FOLDER = """
        300W_LP/AFW/AFW_1051618982_1_0.jpg, .mat ...     (also HELEN, IBUG, LFPW)
        300W_LP/landmarks/AFW/AFW_1051618982_1_0_pts.mat ...
    """

    def _generate_examples(self, directory, split):
        for path, record in parse("the300w_lp", directory, "300W_LP"):
            yield example(
                path.stem,
                path,
                record["landmarks_3d"] * np.float32(SIDE) - 1,
                np.full(68, 2),
                yaw=abs(math.degrees(record["pose_params"][1])),
            )


def parse(name, directory, folder):
    """(image path, record) of a folder, as the tensorflow-datasets builder `name` parses it.

    That builder derives its files' names by replacing text in the whole path, so it is shown the folder by a short one.
    """
    with tempfile.TemporaryDirectory(prefix="bnn") as short:
        link = pathlib.Path(short) / folder
        link.symlink_to(directory / folder)
        builder = tfds.builder_cls(name)(data_dir=short)
        for _, record in builder._generate_examples(str(link)):
            yield directory / folder / pathlib.Path(record["image"]).relative_to(link), record
