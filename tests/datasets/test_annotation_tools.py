"""Files as annotation tools export them: the lines of the table in docs/datasets.md."""

import numpy as np
import pytest
from coco_folders import BIRD, POINTS, annotation, image, write_image, write_record, write_turned

from bnn_landmarks import datasets
from bnn_landmarks.datasets.checking import report

NAMES = BIRD["keypoints"]
XY = np.reshape(POINTS, (4, 3))[:, :2]


def labels(folder, split):
    """The landmarks of the split's samples, and what the check says: notes, problems."""
    samples = datasets.open(folder, split)
    said = report(folder, split)[0]
    assert samples.scheme.names == tuple(NAMES)
    return [samples[i] for i in range(len(samples))], "\n".join(said.lines[1:]), said.problems


def test_coco(tmp_path):
    """person_keypoints_val2017.json: the first category, crowds with no points, people too small to be annotated."""
    crowd = annotation(
        2, id=900100000001, iscrowd=1, keypoints=[0] * 12, segmentation={"counts": [1], "size": [9, 9]}
    )
    write_record(
        tmp_path / "annotations" / "birds_keypoints_val2017.json",
        images=[image(1, coco_url="http://images.example/val2017/b1.png", license=3), image(2)],
        annotations=[annotation(1, num_keypoints=4, area=1400.5), crowd],
        categories=[BIRD | {"supercategory": "animal", "skeleton": [[1, 2], [1, 3]]}],
        info={"year": 2017},
        licenses=[],
    )
    for number in (1, 2):
        write_image(tmp_path / "images" / "val2017" / f"b{number}.png")
    (sample,), notes, problems = labels(tmp_path, "birds_keypoints_val2017")
    np.testing.assert_array_equal(sample.landmarks, XY)
    assert "annotations without a labelled point, left out: 1" in notes and not problems


def test_cvat(tmp_path):
    """Datumaro's writer: every label a category, those without a skeleton with no points; images/SUBSET/NAME."""
    categories = [
        {"id": 1, "name": "nest", "supercategory": "", "keypoints": [], "skeleton": []},
        {**BIRD, "id": 2, "supercategory": "", "skeleton": [[1, 2], [1, 3], [1, 4]]},
    ]
    images = [image(n, file_name=f"cam {n}/frame_000000.png", license=0, date_captured=0) for n in (1, 2)]
    points = [25.4, 25.6, 2, 50.0, 30.0, 2, 60.0, 50.0, 1, 0.0, 0.0, 0]
    write_record(
        tmp_path / "annotations" / "person_keypoints_default.json",
        images=images,
        annotations=[
            annotation(n, category_id=2, keypoints=points, attributes={"occluded": False}, segmentation=[])
            for n in (1, 2)
        ],
        categories=categories,
    )
    for n in (1, 2):
        write_image(tmp_path / "images" / "default" / f"cam {n}" / "frame_000000.png", value=n)
    samples, _, problems = labels(tmp_path, "person_keypoints_default")
    assert [int(s.image[0, 0, 0]) for s in samples] == [1, 2]
    np.testing.assert_allclose(samples[0].landmarks, [[25.4, 25.6], [50, 30], [60, 50], [0, 0]], rtol=1e-6)
    assert samples[0].visible.tolist() == [2, 2, 1, 0] and not problems


def label_studio(folder, **changes):
    """Rectangles first, then one category of all key points, named default; names as the server stored the uploads."""
    birds = {"id": 3, "name": "default", "supercategory": "default", "keypoints": NAMES, "skeleton": []}
    box = annotation(0, image_id=0, category_id=2, keypoints=..., segmentation=[], ignore=0)
    write_record(
        folder / "annotations" / "train.json",
        images=[
            image(1, id=0, file_name="images\\7/1c2d3e4f-b1.png"),
            image(2, id=1, width=None, height=None),
        ],
        annotations=[box, annotation(1, image_id=0, category_id=3, **changes)],
        categories=[{"id": 2, "name": "nest"}, birds],
    )
    write_image(folder / "images" / "1c2d3e4f-b1.png")
    write_image(folder / "images" / "b2.png")
    return folder


def test_label_studio(tmp_path):
    (sample,), notes, problems = labels(label_studio(tmp_path), "train")
    np.testing.assert_array_equal(sample.landmarks, XY)
    assert "annotations of other categories, left out: 1" in notes and not problems


def test_label_studio_with_a_label_that_has_no_model_index(tmp_path):
    """It is among the names, and has no values."""
    label_studio(tmp_path, keypoints=POINTS[:9])
    with pytest.raises(ValueError, match="keypoints holds 9 values, not 3 x 4 as its category's names ask"):
        datasets.open(tmp_path, "train")


def test_label_studio_on_a_photograph_turned_by_exif(tmp_path):
    """Points are of the upright photograph, width and height of the stored one: refused, not guessed."""
    write_turned(label_studio(tmp_path) / "images" / "1c2d3e4f-b1.png")
    assert (
        "annotated on 120 x 90 pixels, but the upright image has 90 x 120: a quarter turn"
        in labels_problem(tmp_path)
    )


def labels_problem(folder):
    (problem,) = report(folder, "train")[0].problems
    return problem


def test_roboflow(tmp_path):
    """train/_annotations.coco.json among the images; the project as category 0, without points."""
    root = {"id": 0, "name": "birds-x7f2", "supercategory": "none"}
    for split in ("train", "valid", "test"):
        name = "b1_png.rf.0a1b2c3d4e5f.jpg"
        write_record(
            tmp_path / split / "_annotations.coco.json",
            images=[image(0, file_name=name, license=1, date_captured="2026-01-02T03:04:05+00:00")],
            annotations=[annotation(0, segmentation=[], area=2400)],
            categories=[root, BIRD | {"supercategory": "birds-x7f2", "skeleton": [[1, 2]]}],
        )
        write_image(tmp_path / split / name)
    for split in ("train", "valid", "test"):
        (sample,), _, problems = labels(tmp_path, split)
        np.testing.assert_array_equal(sample.landmarks, XY)
        assert not problems


def test_labelme_by_the_converters_for_key_points(tmp_path):
    """Their category has `keypoint`, not `keypoints`; they write 1 for visible."""
    category = {"supercategory": "bird", "id": 1, "name": "bird", "keypoint": NAMES}
    points = [1 if i % 3 == 2 else value for i, value in enumerate(POINTS)]
    write_record(
        tmp_path / "annotations" / "train.json",
        images=[image(1)],
        annotations=[annotation(0, image_id=1, keypoints=points, area=1.0, segmentation=[[20, 20, 80, 60]])],
        categories=[category],
        license=["XYZ"],
    )
    write_image(tmp_path / "images" / "b1.png")
    (sample,), notes, problems = labels(tmp_path, "train")
    np.testing.assert_array_equal(sample.landmarks, XY)
    assert sample.visible.tolist() == [1, 1, 1, 1] and not problems
    assert "every labelled point is annotated as hidden (1)" in notes


def test_labelme_by_labelme2coco_has_no_key_points(tmp_path):
    """Every point becomes a box of one pixel, its name a category."""
    write_record(
        tmp_path / "annotations" / "train.json",
        images=[image(1)],
        annotations=[
            annotation(i, image_id=1, category_id=i, keypoints=..., bbox=[25, 25, 1, 1]) for i in range(4)
        ],
        categories=[{"id": i, "name": name, "supercategory": name} for i, name in enumerate(NAMES)],
    )
    with pytest.raises(
        ValueError, match=r"no category has 'keypoints' \(categories: beak, left_wing, .*COCO keypoints"
    ):
        datasets.open(tmp_path, "train")
