"""AFLW-PIFA: grey faces of AFLW with 34 points."""

import numpy as np

from bnn_landmarks.datasets import matfiles
from bnn_landmarks.datasets.builder import LandmarkBuilder, example, image_named

POINTS = 34


class AflwPifa(LandmarkBuilder):
    """AFLW-PIFA: 34 points of 5,200 grey faces with yaw spread evenly (Jourabloo & Liu, ICCV 2015).

    A row of Landmark.mat's phisTr (train, 3,901) and phisT (test, 1,299) is 34 x, 34 y, from 1, and 34 flags;
    of BoundingBox.mat's bboxesTr and bboxesT x, y, width, height. The files name neither points nor mirror
    pairs, and do not say which flag means visible: more points are visible than hidden, so it is the more
    frequent one over the whole set.
    """

    name = "aflw_pifa"
    SCHEME = "pifa34"
    SPLITS = ("train", "test")
    HOMEPAGE = "http://cvlab.cse.msu.edu/project-pifa.html"
    NEEDS = ("Landmark.mat", "BoundingBox.mat", "TrainImages", "TestImages")
    FOLDER = """
        Landmark.mat           (phisTr, phisT)
        BoundingBox.mat        (bboxesTr, bboxesT)
        TrainImages/1.jpg ... 3901.jpg
        TestImages/1.jpg ... 1299.jpg
    """

    def _generate_examples(self, directory, split):
        suffix, folder = {"train": ("Tr", "TrainImages"), "test": ("T", "TestImages")}[split]
        points, boxes = (
            matfiles.read(directory / "Landmark.mat"),
            matfiles.read(directory / "BoundingBox.mat"),
        )
        tables = [points.get("phisTr"), points.get("phisT"), boxes.get(f"bboxes{suffix}")]
        if any(table is None for table in tables):
            raise ValueError(
                f"{directory}: Landmark.mat must hold phisTr and phisT, BoundingBox.mat bboxesTr and bboxesT"
            )
        phis = [np.atleast_2d(table) for table in tables[:2]]
        if any(table.shape[1] != 3 * POINTS for table in phis):
            raise ValueError(
                f"{directory / 'Landmark.mat'}: a row has {phis[0].shape[1]} values, not 3 x {POINTS}"
            )
        flags = np.concatenate([table[:, 2 * POINTS :].ravel() for table in phis])
        visible_flag = np.mean(flags > 0.5) > 0.5
        rows = phis[0] if split == "train" else phis[1]
        for number, (row, box) in enumerate(zip(rows, np.atleast_2d(tables[2]), strict=True), start=1):
            x, y, flag = row.reshape(3, POINTS)
            yield example(
                f"{split}_{number}",
                image_named(directory / folder / str(number)),
                np.stack([x, y], axis=1) - 1,
                np.where((flag > 0.5) == visible_flag, 2, 1),
                box=[box[0] - 1, box[1] - 1, box[2], box[3]],
            )
