"""Anybody's COCO keypoints folder: schemes from names, samples, messages."""

import json

import cv2
import numpy as np
import pytest

from bnn_landmarks.datasets.coco import CocoKeypoints, scheme_of
from bnn_landmarks.schemes import SCHEMES


def write(folder, categories, annotations, split="train"):
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "annotations").mkdir(exist_ok=True)
    names = sorted({a["image_id"] for a in annotations})
    for name in names:
        cv2.imwrite(str(folder / "images" / f"{name}.png"), np.full((20, 30, 3), name, np.uint8))
    record = {
        "images": [{"id": name, "file_name": f"{name}.png"} for name in names],
        "categories": categories,
        "annotations": annotations,
    }
    (folder / "annotations" / f"{split}.json").write_text(json.dumps(record))
    return folder


CATEGORY = {"name": "bird", "keypoints": ["beak", "left_wing", "right_wing", "wing_l_tip", "wing_r_tip"]}
ANNOTATION = {
    "image_id": 7,
    "bbox": [1, 2, 10, 8],
    "keypoints": [1.5, 2, 2, 3, 4, 1, 0, 0, 0, 5, 6, 2, 7, 8, 2],
}


def test_a_scheme_of_the_users_own():
    scheme = scheme_of(CATEGORY | {"skeleton": [[1, 2], [1, 3]]})
    assert scheme.mirror.tolist() == [0, 2, 1, 4, 3]
    assert scheme.edges == ((0, 1), (0, 2))


def test_names_of_a_known_scheme_give_that_scheme():
    assert scheme_of({"keypoints": list(SCHEMES["lsp14"].names), "name": "person"}) is SCHEMES["lsp14"]


def test_sample(tmp_path):
    extra = {"center": [4, 5.5], "scale": 0.1, "head_size": 3.0, "yaw": 45.0}
    unlabelled = ANNOTATION | {"image_id": 8, "keypoints": [0] * 15}
    folder = write(tmp_path, [CATEGORY], [ANNOTATION, ANNOTATION | extra, unlabelled])
    samples = CocoKeypoints(folder, "train")
    assert len(samples) == 2, "an annotation without a labelled keypoint is left out"
    plain, full = samples[0], samples[1]
    assert plain.name == "7.png"
    assert plain.image.shape == (20, 30, 3)
    np.testing.assert_array_equal(plain.landmarks, [[1.5, 2], [3, 4], [0, 0], [5, 6], [7, 8]])
    assert plain.visible.tolist() == [2, 1, 0, 2, 2]
    assert plain.box.tolist() == [1, 2, 10, 8]
    assert plain.scale is plain.center is plain.yaw is plain.head_size is plain.mask is None
    assert (full.center.tolist(), full.scale, full.head_size, full.yaw) == ([4, 5.5], 0.1, 3.0, 45.0)


def test_without_a_box_the_keypoints_give_it(tmp_path):
    annotation = {key: ANNOTATION[key] for key in ("image_id", "keypoints")}
    sample = CocoKeypoints(write(tmp_path, [CATEGORY], [annotation]), "train")[0]
    assert sample.box.tolist() == [1.5, 2, 5.5, 6]


@pytest.mark.parametrize("box", [[1, 2, 0, 5], [1, 2, 3]])
def test_a_box_that_is_none_is_named(tmp_path, box):
    folder = write(tmp_path, [CATEGORY], [ANNOTATION, ANNOTATION | {"image_id": 8, "bbox": box}])
    with pytest.raises(ValueError, match=r"train\.json: 8\.png: .*box"):
        CocoKeypoints(folder, "train")


def test_messages(tmp_path):
    folder = write(tmp_path, [CATEGORY], [ANNOTATION])
    with pytest.raises(FileNotFoundError, match="its splits are train"):
        CocoKeypoints(folder, "val")
    with pytest.raises(FileNotFoundError, match=r"DIR/images and DIR/annotations/SPLIT\.json"):
        CocoKeypoints(tmp_path / "absent", "val")
    write(tmp_path, [CATEGORY], [ANNOTATION | {"keypoints": [1, 2, 2]}], "short")
    with pytest.raises(ValueError, match="3 keypoint values, not 3 x 5"):
        CocoKeypoints(folder, "short")
    (folder / "annotations" / "broken.json").write_text("{")
    with pytest.raises(ValueError, match=r"broken\.json is not a COCO keypoints file"):
        CocoKeypoints(folder, "broken")
