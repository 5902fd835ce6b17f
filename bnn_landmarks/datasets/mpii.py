"""MPII Human Pose from its official release."""

import numpy as np

from bnn_landmarks.datasets import matfiles
from bnn_landmarks.datasets.builder import LandmarkBuilder, example
from bnn_landmarks.files import read_json

ANNOTATIONS = "mpii_human_pose_v1_u12_1.mat"
VALIDATION = "mpii_val.json"


class Mpii(LandmarkBuilder):
    """MPII Human Pose: 16 joints of people in YouTube frames (Andriluka et al., CVPR 2014).

    val: the standard validation people (2,958; Tompson et al. 2015); train: the annotated people of the official
    training images that hold none of them. The files count pixels from 1. `center` is moved down by 15 x scale as all
    published protocols do; `head_size` is PCKh's, 0.6 x the diagonal of the head box.
    """

    name = "mpii"
    SCHEME = "mpii16"
    SPLITS = ("train", "val")
    HOMEPAGE = "https://human-pose.mpi-inf.mpg.de"
    NEEDS = ("images", ANNOTATIONS, VALIDATION)
    FOLDER = f"""
        images/015601864.jpg ...     (mpii_human_pose_v1.tar.gz, 12 GB)
        {ANNOTATIONS}  (mpii_human_pose_v1_u12_2.zip)
        {VALIDATION}    (the validation people: MMPose's file of that name, or HRNet's valid.json, which is the same
                         list of {{"image": "015601864.jpg", "center": [594.0, 257.0], ...}}, renamed)
    """

    def _generate_examples(self, directory, split):
        listed = validation_people(directory / VALIDATION)
        held_out = {image for image, _ in listed}
        release = matfiles.read(directory / ANNOTATIONS)["RELEASE"]
        found = 0
        for entry, is_train in zip(
            np.atleast_1d(release.annolist), np.atleast_1d(release.img_train), strict=True
        ):
            image = str(entry.image.name)
            if not is_train or (split == "train" and image in held_out):
                continue
            for number, person in enumerate(np.atleast_1d(entry.annorect)):
                landmarks, visible = joints(person)
                if not visible.any() or not hasattr(person.objpos, "x"):
                    continue
                position = np.array([person.objpos.x, person.objpos.y], np.float64)
                if split == "val" and (image, key(position)) not in listed:
                    continue
                found += 1
                scale = float(person.scale)
                yield example(
                    f"{image.removesuffix('.jpg')}_{number}",
                    directory / "images" / image,
                    landmarks - 1,
                    visible,
                    center=position - 1 + [0, 15 * scale],
                    scale=scale,
                    head_size=0.6
                    * np.hypot(float(person.x2) - float(person.x1), float(person.y2) - float(person.y1)),
                )
        if split == "val" and found != len(listed):
            raise ValueError(
                f"{found} of the {len(listed)} people of {VALIDATION} are in {ANNOTATIONS}: another release?"
            )


def key(position):
    return tuple(round(float(value)) for value in position)


def validation_people(path):
    """{(image name, rounded 1-based centre)} of a list of validation people."""
    people = read_json(path)
    try:
        return {(person["image"], key(person["center"])) for person in people}
    except (ValueError, KeyError, TypeError, OverflowError):
        raise ValueError(f'{path} is not a list of {{"image": ..., "center": [x, y]}}') from None


def joints(person):
    """Landmarks float [16, 2] as in the file and visible int [16] of one `annorect`; the file leaves `is_visible` empty
    for neck and head top, which are visible then."""
    landmarks, visible = np.zeros((16, 2)), np.zeros(16, np.int32)
    points = getattr(getattr(person, "annopoints", None), "point", ())
    for point in np.atleast_1d(points):
        landmarks[int(point.id)] = point.x, point.y
        hidden = np.size(getattr(point, "is_visible", ())) and int(point.is_visible) == 0
        visible[int(point.id)] = 1 if hidden else 2
    return landmarks, visible
