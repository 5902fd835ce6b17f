"""Annotated Facial Landmarks in the Wild, from its sqlite file."""

import collections
import contextlib
import math
import sqlite3

import numpy as np

from bnn_landmarks.datasets.builder import LandmarkBuilder, example, image_named

FACES = """
    SELECT Faces.face_id, FaceImages.filepath, FaceRect.x, FaceRect.y, FaceRect.w, FaceRect.h, FacePose.yaw
    FROM Faces
    JOIN FaceImages ON FaceImages.file_id = Faces.file_id
    LEFT JOIN FaceRect ON FaceRect.face_id = Faces.face_id
    LEFT JOIN FacePose ON FacePose.face_id = Faces.face_id
    GROUP BY Faces.face_id
    ORDER BY FaceImages.filepath, Faces.face_id
"""
POINTS = "SELECT face_id, feature_id, x, y FROM FeatureCoords"
TEST_EVERY = 20


class Aflw(LandmarkBuilder):
    """AFLW: up to 21 points of 25,993 faces in Flickr photographs (Koestinger et al., ICCVW 2011).

    The set has no official split: test is every 20th image in the order of their paths, train the others.
    A point is annotated where it is visible. Coordinates count from 0 (the annotation tool is C++ and
    OpenCV). `box` is the set's own face rectangle, `yaw` its coarse pose.
    """

    name = "aflw"
    SCHEME = "aflw21"
    SPLITS = ("train", "test")
    HOMEPAGE = "https://www.tugraz.at/institute/icg/research/team-bischof/lrs/downloads/aflw/"
    NEEDS = ("aflw.sqlite", "flickr")
    FOLDER = """
        aflw.sqlite
        flickr/0/image00002.jpg ... flickr/2/..., flickr/3/...     (the release's folder aflw/data)
    """

    def _generate_examples(self, directory, split):
        faces, points = read(directory / "aflw.sqlite")
        test = set(sorted({path for _, path, *_ in faces})[::TEST_EVERY])
        for face, path, *box, yaw in faces:
            if face not in points or (path in test) != (split == "test"):
                continue
            landmarks, visible = np.zeros((21, 2)), np.zeros(21, np.int32)
            for feature, x, y in points[face]:
                if not (isinstance(feature, int) and 1 <= feature <= 21 and _numbers(x, y)):
                    raise ValueError(f"aflw.sqlite: face {face} has a point {feature!r} at {x!r}, {y!r}")
                landmarks[feature - 1], visible[feature - 1] = (x, y), 2
            if not _numbers(*[value for value in (*box, yaw) if value is not None]):
                raise ValueError(f"aflw.sqlite: face {face} has a rectangle {box} and a yaw of {yaw!r}")
            stem = path.rsplit(".", 1)[0]
            yield example(
                f"{stem}_{face}",
                image_named(directory / "flickr" / stem),
                landmarks,
                visible,
                box=None if None in box else box,
                yaw=None if yaw is None else abs(math.degrees(yaw)),
            )


def _numbers(*values):
    return all(isinstance(value, int | float) for value in values)


def read(path):
    """The rows of `FACES`, and {face_id: [(feature_id, x, y)]}, feature_id from 1."""
    points = collections.defaultdict(list)
    with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
        try:
            for face, *point in database.execute(POINTS):
                points[face].append(point)
            return database.execute(FACES).fetchall(), points
        except sqlite3.Error as error:
            raise ValueError(f"{path} is not AFLW's database: {error}") from error
