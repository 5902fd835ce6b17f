"""Anybody's COCO keypoints folder: samples, splits, sizes, messages."""

import numpy as np
import pytest
from coco_folders import BIRD, annotation, image, write, write_image, write_record, write_turned

from bnn_landmarks.datasets.coco import CocoKeypoints, splits
from bnn_landmarks.evaluation.examples import open_split


def test_sample(tmp_path):
    extra = {"center": [4, 5.5], "scale": 0.1, "head_size": 3.0, "yaw": 45.0}
    keypoints = [1.5, 2, 2, 3, 4, 1, 0, 0, 0, 5, 6, 2]
    folder = write(
        tmp_path,
        annotations=[
            annotation(1, keypoints=keypoints),
            annotation(2, **extra),
            annotation(1, id=3, keypoints=[0] * 12),
        ],
    )
    samples = CocoKeypoints(folder, "train")
    assert len(samples) == 2, "an annotation without a labelled keypoint is left out"
    plain, full = samples[0], samples[1]
    assert (plain.name, full.name) == ("b1.png", "b2.png")
    assert plain.image.shape == (90, 120, 3) and (plain.image == 40).all() and (full.image == 41).all()
    np.testing.assert_array_equal(plain.landmarks, [[1.5, 2], [3, 4], [0, 0], [5, 6]])
    assert plain.visible.tolist() == [2, 1, 0, 2]
    assert plain.box.tolist() == [20, 20, 60, 40]
    assert plain.scale is plain.center is plain.yaw is plain.head_size is plain.mask is None
    assert (full.center.tolist(), full.scale, full.head_size, full.yaw) == ([4, 5.5], 0.1, 3.0, 45.0)


def test_who_is_alone_in_an_image(tmp_path):
    """A second annotation counts even where it has no keypoints, can't be used, or is of the same image under another
    id; one of another category does not."""
    there = [annotation(n) for n in (1, 2, 3, 4, 5)]
    others = [
        annotation(2, id=7, keypoints=...),
        annotation(3, id=8, keypoints=[1, 2, 2]),
        annotation(4, id=9, category_id=2, keypoints=...),
        annotation(6, id=10),
    ]
    folder = write(
        tmp_path,
        count=5,
        images=[*(image(n) for n in range(1, 6)), image(6, file_name="b5.png")],
        annotations=[*there, *others],
        categories=[BIRD, {"id": 2, "name": "nest"}],
    )
    samples = CocoKeypoints(folder, "train", skip_bad=True)
    assert [samples[i].alone for i in range(len(samples))] == [True, False, False, True, False, False]


def test_messages(tmp_path):
    folder = write(tmp_path)
    with pytest.raises(FileNotFoundError, match="its splits are train"):
        CocoKeypoints(folder, "val")
    with pytest.raises(FileNotFoundError, match=r"DIR/images and DIR/annotations/SPLIT\.json"):
        CocoKeypoints(tmp_path / "absent", "val")


def test_bad_annotations_are_refused_or_left_out(tmp_path):
    bad = [annotation(2, keypoints=[1, 2, 2]), annotation(2, id=3, bbox=[1, 2, 0, 5])]
    folder = write(tmp_path, annotations=[annotation(1), *bad])
    with pytest.raises(
        ValueError, match=r"train\.json: annotation 2 of b2\.png: .*3 values, not 3 x 4.*1 more"
    ):
        CocoKeypoints(folder, "train")
    assert len(CocoKeypoints(folder, "train", skip_bad=True)) == 1


def test_an_image_of_another_size_than_annotated_is_refused(tmp_path):
    folder = write(tmp_path, images=[image(1, width=240, height=180), image(2)])
    samples = CocoKeypoints(folder, "train")
    with pytest.raises(
        ValueError, match=r"annotation 1 of b1\.png: annotated on 240 x 180 .* 120 x 90: another copy"
    ):
        samples[0]
    assert samples[1].image.shape == (90, 120, 3)


def test_a_quarter_turn_is_named(tmp_path):
    """Annotated on the stored pixels of a photograph that its EXIF tag turns."""
    folder = write(tmp_path, images=[image(1, file_name="a.jpg", width=120, height=90), image(2)])
    write_turned(folder / "images" / "a.jpg")
    with pytest.raises(ValueError, match=r"annotated on 120 x 90 .* 90 x 120: a quarter turn away"):
        CocoKeypoints(folder, "train")[0]
    upright = annotation(1, bbox=..., keypoints=[25, 25, 2, 50, 30, 2, 60, 50, 1, 75, 110, 2])
    write_record(
        folder / "annotations" / "upright.json",
        [image(1, file_name="a.jpg", width=90, height=120)],
        [upright],
    )
    assert CocoKeypoints(folder, "upright")[0].image.shape == (120, 90, 3)


def test_without_sizes_points_far_outside_are_refused(tmp_path):
    images = [image(1, width=..., height=...), image(2, width=0, height=0)]
    far = annotation(1, keypoints=[25, 25, 2, 50, 30, 2, 60, 500, 1, 75, 58, 2])
    folder = write(
        tmp_path, images=images, annotations=[far, annotation(2), annotation(2, bbox=[500, 20, 60, 40])]
    )
    samples = CocoKeypoints(folder, "train")
    with pytest.raises(
        ValueError, match=r"annotation 1 of b1.png: a landmark at 60, 500 is far outside .* 120 x 90"
    ):
        samples[0]
    assert samples[1].name == "b2.png"
    with pytest.raises(ValueError, match=r"the box \[500, 20, 60, 40\] does not fit its image of 120 x 90"):
        samples[2]


def test_splits_of_both_layouts(tmp_path):
    write(write(tmp_path / "a", "val"), "train")
    assert list(splits(tmp_path / "a")) == ["train", "val"]
    for split in ("train", "valid"):
        write_record(tmp_path / "b" / split / "_annotations.coco.json", [image(1)], [annotation(1)])
        write_image(tmp_path / "b" / split / "b1.png", value=7)
    assert list(splits(tmp_path / "b")) == ["train", "valid"]
    assert (CocoKeypoints(tmp_path / "b", "valid")[0].image == 7).all()
    assert splits(tmp_path / "absent") == {}


def test_a_category_of_several(tmp_path):
    fish = {"id": 2, "name": "fish", "keypoints": ["mouth", "fin"]}
    annotations = [annotation(1), annotation(2, category_id=2, keypoints=[1, 2, 2, 3, 4, 2])]
    folder = write(tmp_path, categories=[BIRD, fish], annotations=annotations)
    with pytest.raises(ValueError, match=r"bird \(4 points, 1 annotations\); fish \(2 .*--category NAME"):
        CocoKeypoints(folder, "train")
    for fishes in (CocoKeypoints(folder, "train", "fish"), open_split(folder, "train", category="fish")[0]):
        assert (len(fishes), fishes.scheme.names) == (1, ("mouth", "fin"))
