"""AFLW2000-3D; tensorflow-datasets' `aflw2k3d` parses it, its pose is read beside."""

import math

import numpy as np

from bnn_landmarks.datasets import matfiles
from bnn_landmarks.datasets.builder import LandmarkBuilder, example
from bnn_landmarks.datasets.faces_300w_lp import SIDE, parse


class Aflw2000(LandmarkBuilder):
    """AFLW2000-3D: 68 points of 2,000 faces of AFLW up to profile (Zhu et al., CVPR 2016).

    test: all; by custom nobody trains on it. Hidden points are where they really are. `yaw` is that of the
    fitted model (Pose_Para). Points count from 1.
    """

    name = "aflw2000"
    SCHEME = "ibug68"
    SPLITS = ("test",)
    HOMEPAGE = "http://www.cbsr.ia.ac.cn/users/xiangyuzhu/projects/3DDFA/main.htm (AFLW2000-3D.zip)"
    NEEDS = ("AFLW2000",)
    FOLDER = """
        AFLW2000/image00002.jpg, image00002.mat ...
    """

    def _generate_examples(self, directory, split):
        for path, landmarks in parse("aflw2k3d", directory / "AFLW2000", "landmarks_68_3d_xy_normalized"):
            pose = matfiles.read(path.with_suffix(".mat"))["Pose_Para"]
            landmarks = landmarks * np.float32(SIDE) - 1
            yield example(path.stem, path, landmarks, np.full(68, 2), yaw=abs(math.degrees(pose[1])))
