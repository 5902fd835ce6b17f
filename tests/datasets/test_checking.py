"""Looking at every file before training, and `data check`'s report."""

import logging
import time

import cv2
import numpy as np
import pytest
from coco_folders import BIRD, annotation, image, write, write_image, write_record

from bnn_landmarks import datasets
from bnn_landmarks.datasets.checking import checked, failures, report
from bnn_landmarks.datasets.coco import CocoKeypoints


@pytest.fixture
def flawed(tmp_path):
    """Six images: the second truncated, the third missing, the fourth larger than annotated, the fifth no image."""
    numbers = range(1, 7)
    folder = write(
        tmp_path / "birds",
        count=6,
        images=list(map(image, numbers)),
        annotations=list(map(annotation, numbers)),
    )
    images = folder / "images"
    (images / "b2.png").write_bytes((images / "b2.png").read_bytes()[:-20])
    (images / "b3.png").unlink()
    write_image(images / "b4.png", size=(240, 180))
    (images / "b5.png").write_text("<html>not found</html>")
    return folder


REASONS = ("b2.png", "no image at", "annotation 4 of b4.png: annotated on 120 x 90", "b5.png")


def test_bad_files_are_all_named_before_anything_is_read(flawed, caplog):
    samples = datasets.open(flawed, "train")
    with pytest.raises(ValueError, match=r"^4 of the 6 samples of birds can't be used; .*--skip-bad$"):
        checked(samples, name="birds")
    lines = caplog.text.splitlines()
    assert len(lines) == 4 and all(reason in line for reason, line in zip(REASONS, lines, strict=True))


def test_bad_files_can_be_left_out(flawed, caplog):
    good = checked(datasets.open(flawed, "train"), skip_bad=True)
    assert [good[i].name for i in range(len(good))] == ["b1.png", "b6.png"]
    assert good.scheme.names == tuple(BIRD["keypoints"])
    assert caplog.text.count("left out: ") == 4


def test_a_set_with_no_good_file_is_refused(flawed):
    write_record(flawed / "annotations" / "bad.json", [image(2), image(3)], [annotation(2), annotation(3)])
    bad = datasets.open(flawed, "bad", skip_bad=True)
    with pytest.raises(ValueError, match="2 of the 2 samples"):
        checked(bad, skip_bad=True)


def test_a_long_list_is_cut(tmp_path, caplog):
    folder = write(
        tmp_path,
        count=0,
        images=[image(n) for n in range(30)],
        annotations=[annotation(n) for n in range(30)],
    )
    with pytest.raises(ValueError, match="30 of the 30"):
        checked(CocoKeypoints(folder, "train"))
    assert len(caplog.records) == 21 and "and 10 more" in caplog.text


def test_good_sets_pass_as_they_are(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    samples = CocoKeypoints(write(tmp_path), "train")
    assert checked(samples) is samples
    assert caplog.text == ""


def test_an_interruption_does_not_wait_for_the_rest():
    seen = []

    def look(index):
        seen.append(index)
        if index == 20:
            raise KeyboardInterrupt
        time.sleep(0.001)

    with pytest.raises(KeyboardInterrupt):
        failures(look, 100_000, "checking")
    assert len(seen) < 50_000


def test_masks_are_checked(tmp_path):
    for kind in ("images", "masks"):
        write_image(tmp_path / "train" / kind / "a.png", value=1)
    write_image(tmp_path / "train" / "images" / "b.png")
    samples = datasets.open(tmp_path, "train")
    with pytest.raises(ValueError, match="1 of the 2"):
        checked(samples)
    assert len(checked(samples, skip_bad=True)) == 1


def test_the_report_says_everything(flawed):
    write_record(
        flawed / "annotations" / "val.json",
        images=[image(1, width=...), image(6)],
        annotations=[
            annotation(1, keypoints=[-3, 5, 2, 50, 30, 1, 0, 0, 0, 75, 58, 2]),
            annotation(6, keypoints=[1, 1, 7] * 4),
        ],
        categories=[
            BIRD | {"keypoints": ["tail", "left_wing", "Right Wing", "beak"], "skeleton": [[0, 1], [1, 5]]}
        ],
    )
    train, val, both = report(flawed)
    assert (train.split, val.split, both.split) == ("train", "val", "train, val")
    assert len(train.problems) == 4 and all(r in p for r, p in zip(REASONS, train.problems, strict=True))
    assert "bird, 6 annotations with landmarks in 6 of 6 images" in train.lines[0]
    assert "    2 left_wing  left   <-> 3 right_wing  6 labelled" in train.lines
    assert "    4 tail               6 labelled" in train.lines
    assert "    3 Right Wing right  <-> 2 left_wing  0 labelled" in val.lines
    assert "    2 left_wing  left   <-> 3 Right Wing  1 labelled, 1 of them hidden" in val.lines
    text = "\n".join(val.lines)
    for note in (
        "counts from 0",
        "1 of the skeleton's lines",
        "images without width and height",
        "points outside their image: 1, the first annotation 1 of b1.png",
    ):
        assert note in text
    assert val.problems == ["annotation 6 of b6.png: a keypoint's third value is 7, not 0, 1 or 2"]
    assert "list the same landmarks otherwise" in both.lines[0]
    assert "images both in train and in val: 1, the first b1.png" in both.lines[1]
    assert [r.split for r in report(flawed, "val")] == ["val"]


def test_the_report_of_files_that_are_none(tmp_path):
    folder = write(tmp_path, categories=[{"id": 1, "name": "car"}])
    (found,) = report(folder)
    assert found.lines == [] and "no category has 'keypoints' (categories: car)" in found.problems[0]
    with pytest.raises(FileNotFoundError, match="has no split 'val'; its splits are train"):
        report(folder, "val")
    with pytest.raises(FileNotFoundError, match="nothing to check in"):
        report(tmp_path / "images")


def test_the_report_of_masks(tmp_path):
    for name, value in (("a", 1), ("b", 200)):
        write_image(tmp_path / "train" / "images" / f"{name}.png")
        path = tmp_path / "train" / "masks" / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), np.full((90, 120), value, np.uint8))
    (found,) = report(tmp_path)
    assert "2 images with masks" in found.lines[0]
    assert (
        len(found.problems) == 1
        and "b.png must be an 8-bit grey image of values below 19" in found.problems[0]
    )
