"""300-W and its parts, from the .pts files beside the images."""

import numpy as np

from bnn_landmarks.datasets.builder import LandmarkBuilder, example, image_named

PARTS = {
    "afw": "afw",
    "helen_train": "helen/trainset",
    "helen_test": "helen/testset",
    "lfpw_train": "lfpw/trainset",
    "lfpw_test": "lfpw/testset",
    "ibug": "ibug",
    "indoor": "300W/01_Indoor",
    "outdoor": "300W/02_Outdoor",
}


class Faces300w(LandmarkBuilder):
    """300-W: 68 points of faces in AFW, HELEN, LFPW, IBUG and the competition's images (Sagonas et al., IVC 2016).

    A split a part, those that are there: afw, helen_train, helen_test, lfpw_train, lfpw_test, ibug, indoor,
    outdoor; and the usual unions: train, common, challenging, full, and test (the competition's 600).
    .pts files count from 1.
    """

    name = "faces_300w"
    SCHEME = "ibug68"
    ALIASES = (
        ("train", "afw+helen_train+lfpw_train"),
        ("common", "helen_test+lfpw_test"),
        ("challenging", "ibug"),
        ("full", "helen_test+lfpw_test+ibug"),
        ("test", "indoor+outdoor"),
    )
    HOMEPAGE = "https://ibug.doc.ic.ac.uk/resources/300-W/"
    NEEDS = ()
    FOLDER = """
        afw/*.pts, *.jpg
        helen/trainset/, helen/testset/, lfpw/trainset/, lfpw/testset/, ibug/
        300W/01_Indoor/, 300W/02_Outdoor/        (each with *.pts beside the *.jpg or *.png; any of them may be missing)
    """

    @classmethod
    def splits(cls, directory):
        return [split for split, folder in PARTS.items() if any((directory / folder).glob("*.pts"))]

    def _generate_examples(self, directory, split):
        for path in sorted((directory / PARTS[split]).glob("*.pts")):
            landmarks = read_pts(path) - 1
            yield example(
                f"{split}/{path.stem}",
                image_named(path.with_suffix("")),
                landmarks,
                np.full(len(landmarks), 2),
            )


def read_pts(path, points=68):
    """The points of a .pts file as they are, float64 [points, 2].

    Raises:
        ValueError: it is not such a file, has another number of points, or one that is not finite.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        values = np.array(text.split("{")[1].split("}")[0].split(), np.float64).reshape(-1, 2)
    except (IndexError, ValueError):
        raise ValueError(f"{path} is not a .pts file: expected lines of x y between braces") from None
    if len(values) != points:
        raise ValueError(f"{path} has {len(values)} points, not {points}")
    if not np.isfinite(values).all():
        raise ValueError(f"{path} holds a coordinate that is not a finite number")
    return values
