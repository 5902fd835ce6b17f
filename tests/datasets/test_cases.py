"""The small annotation files of `../shared/cases`, where they lie beside the checkout, and the same made here."""

import json
import pathlib

import numpy as np
import pytest
from coco_folders import BIRD, POINTS, annotation, write, write_image, write_record

from bnn_landmarks.datasets import coco_file
from bnn_landmarks.datasets.coco import CocoKeypoints
from bnn_landmarks.evaluation import scoring
from bnn_landmarks.evaluation.examples import examples
from bnn_landmarks.geometry import heatmaps
from bnn_landmarks.inference.engines import Engine
from bnn_landmarks.inference.localizer import Localizer
from bnn_landmarks.schemes import convert
from bnn_landmarks.spec import Spec

FISH = {"id": 2, "name": "fish", "keypoints": ["mouth", "left_fin", "right_fin", "tail"], "skeleton": []}
OTHERWISE = BIRD | {"keypoints": ["tail", "left_wing", "right_wing", "beak"]}
TURNED = [*POINTS[9:], *POINTS[3:9], *POINTS[:3]]
MADE = {
    "coco_order_train": {},
    "coco_order_val": {
        "categories": [OTHERWISE],
        "annotations": [annotation(n, keypoints=TURNED) for n in (1, 2)],
    },
    "coco_two_categories": {
        "categories": [BIRD, FISH],
        "annotations": [annotation(1), annotation(2, category_id=2)],
    },
    "coco_nan_point": {
        "annotations": [annotation(1), annotation(2, keypoints=[float("nan"), float("nan"), *POINTS[2:]])],
    },
}


@pytest.fixture(params=["made", "shared"])
def folder(request, tmp_path):
    """A folder with the four files as splits."""
    write(tmp_path)
    for name, record in MADE.items():
        path = tmp_path / "annotations" / f"{name}.json"
        write_record(path, **record)
        if request.param == "shared":
            given = pathlib.Path(__file__).parents[3] / "shared" / "cases" / f"{name}.json"
            if not given.is_file():
                pytest.skip("the folder ../shared/cases is not on this machine")
            path.write_bytes(given.read_bytes())
            for image in json.loads(given.read_text())["images"]:
                write_image(tmp_path / "images" / image["file_name"])
    return tmp_path


def test_points_listed_otherwise_are_the_same_points(folder):
    train, val = (CocoKeypoints(folder, f"coco_order_{split}") for split in ("train", "val"))
    points, visible = convert(val[0].landmarks, val[0].visible, val.scheme, train.scheme)
    np.testing.assert_array_equal(points, train[0].landmarks)
    np.testing.assert_array_equal(visible > 0, train[0].visible > 0)


def test_a_perfect_network_scores_perfectly_on_both_orders(folder):
    train = CocoKeypoints(folder, "coco_order_train")
    spec = Spec("birds", scheme="bird", input_size=128, channels=32, landmarks=train.scheme.to_dict())
    truth = next(examples(train, spec))

    def perfect(inputs):
        points = truth.points @ truth.matrix[:, :2].T + truth.matrix[:, 2]
        return np.stack([20 * heatmaps.encode(points, np.ones(4), 32, sigma=1.0)] * len(inputs))

    localizer = Localizer(Engine("perfect", spec, perfect))
    for split in ("train", "val"):
        found = scoring.evaluate(localizer, CocoKeypoints(folder, f"coco_order_{split}"))
        assert found.metrics["NME"]["all images"]["value"] < 2


def test_two_categories_are_not_mixed(folder):
    with pytest.raises(
        ValueError, match=r"bird \(4 points, 1 annotations\); fish \(4 points, 1 .*--category NAME"
    ):
        CocoKeypoints(folder, "coco_two_categories")
    for name, first in (("bird", "beak"), ("fish", "mouth")):
        samples = CocoKeypoints(folder, "coco_two_categories", name)
        assert len(samples) == 1 and samples.scheme.names[0] == first


def test_a_bad_number_is_named(folder):
    with pytest.raises(
        ValueError, match=r"coco_nan_point\.json: annotation 2 of b2\.\w+: keypoints holds nan"
    ):
        CocoKeypoints(folder, "coco_nan_point")
    file = coco_file.read(folder / "annotations" / "coco_nan_point.json")
    assert (len(file.subjects), len(file.problems)) == (1, 1)
