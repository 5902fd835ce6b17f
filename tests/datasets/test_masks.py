"""Folders of masks: class maps, sizes, messages."""

import json

import cv2
import numpy as np
import pytest

from bnn_landmarks import datasets
from bnn_landmarks.geometry import parts
from bnn_landmarks.schemes import SCHEMES


def write(folder, mask, split="train", side=None):
    for kind in ("images", "masks"):
        (folder / split / kind).mkdir(parents=True, exist_ok=True)
    side = side or mask.shape[0]
    cv2.imwrite(str(folder / split / "images" / "a.jpg"), np.full((side, side, 3), 80, np.uint8))
    cv2.imwrite(str(folder / split / "masks" / "a.png"), mask)


def test_celebamask_values_become_the_seven_parts(tmp_path):
    mask = np.zeros((19, 19), np.uint8)
    mask[:] = np.arange(19)[:, None]
    write(tmp_path / "set", mask)
    samples = datasets.open("set", "train", tmp_path)
    assert samples.scheme is SCHEMES["parts7"]
    found = [samples.scheme.names[c] for c in samples[0].mask[:, 0]]
    skin, none = ["skin"], ["background"]
    assert found == (
        none + skin + ["nose"] + skin + ["eyes"] * 2 + skin * 2 + none * 2
        + ["inner_mouth", "upper_lip", "lower_lip"] + none * 6
    )  # fmt: skip
    assert samples[0].box.tolist() == [0, 1, 19, 12]
    assert samples[0].landmarks.shape == (0, 2)


def test_classes_json_and_masks_smaller_than_their_images(tmp_path):
    mask = np.array([[0, 1], [2, 1]], np.uint8)
    write(tmp_path, mask, "val", side=8)
    (tmp_path / "classes.json").write_text(json.dumps(["background", "eyes", "nose"]))
    sample = datasets.open(tmp_path, "val")[0]
    eyes, nose = parts.CLASSES.index("eyes"), parts.CLASSES.index("nose")
    np.testing.assert_array_equal(sample.mask[::4, ::4], [[0, eyes], [nose, eyes]])
    assert sample.mask.shape == (8, 8)


@pytest.mark.parametrize(
    ("size", "reason"), [((90, 120), "a quarter turn away"), ((60, 60), "of another shape"), ((60, 46), "")]
)
def test_a_mask_has_the_shape_of_its_image(tmp_path, size, reason):
    write(tmp_path, np.ones(size[::-1], np.uint8))
    cv2.imwrite(str(tmp_path / "train" / "images" / "a.jpg"), np.full((90, 120, 3), 80, np.uint8))
    samples = datasets.open(tmp_path, "train")
    if not reason:
        samples.check(0)
        assert samples[0].mask.shape == (90, 120)
        return
    for look in (samples.check, samples.__getitem__):
        with pytest.raises(ValueError, match=f"mask of {size[0]} x {size[1]} pixels, .* 120 x 90: {reason}"):
            look(0)


@pytest.mark.parametrize("data", [b"", b"<html>", None])
def test_a_mask_that_is_damaged(tmp_path, data):
    write(tmp_path, np.ones((40, 40), np.uint8))
    path = tmp_path / "train" / "masks" / "a.png"
    path.write_bytes(path.read_bytes()[:-20] if data is None else data)
    samples = datasets.open(tmp_path, "train")
    for look in (samples.check, samples.__getitem__):
        with pytest.raises(ValueError, match=r"a\.png is not an image that can be read"):
            look(0)


def test_messages(tmp_path):
    write(tmp_path, np.full((4, 4), 19, np.uint8))
    with pytest.raises(ValueError, match=r"a\.png must be an 8-bit grey image of values below 19"):
        datasets.open(tmp_path, "train")[0]
    with pytest.raises(FileNotFoundError, match="are train"):
        datasets.open(tmp_path, "test")
    (tmp_path / "train" / "masks" / "a.png").unlink()
    with pytest.raises(FileNotFoundError, match="no mask at"):
        datasets.open(tmp_path, "train")[0]
    (tmp_path / "classes.json").write_text('["background", "beard"]')
    with pytest.raises(ValueError, match=r"classes\.json must be a list of the names background"):
        datasets.open(tmp_path, "train")
