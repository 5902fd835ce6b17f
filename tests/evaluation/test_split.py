"""The split that is scored on: how it is named."""

import pytest
from coco_folders import annotation, image, write_image, write_record

from bnn_landmarks.evaluation.examples import open_split


def test_the_split_is_named_by_option_or_by_the_last_part(tmp_path):
    folder = tmp_path / "mine"
    for split in ("val", "test"):
        write_record(folder / "annotations" / f"{split}.json")
    for arguments, expected in (
        ((str(folder),), "val"),
        ((f"{folder}/test",), "test"),
        ((str(folder), "test"), "test"),
        (("mine/test", None, tmp_path), "test"),
        (("mine", None, tmp_path), "val"),
    ):
        samples, name, split = open_split(*arguments)
        assert (len(samples), name, split) == (2, "mine", expected)
    with pytest.raises(FileNotFoundError, match=r"no annotations .*its splits are test, val"):
        open_split("mine/absent", None, tmp_path)
    with pytest.raises(FileNotFoundError, match="no data set"):
        open_split("other/val", None, tmp_path)


def test_a_split_with_a_folder_of_its_own(tmp_path):
    """Roboflow's layout, and folders of masks."""
    write_record(tmp_path / "birds" / "valid" / "_annotations.coco.json", [image(1)], [annotation(1)])
    for kind in ("images", "masks"):
        write_image(tmp_path / "faces" / "val" / kind / "a.png")
    for path, expected in ((tmp_path / "birds" / "valid", "birds"), (tmp_path / "faces" / "val", "faces")):
        samples, name, split = open_split(str(path))
        assert (len(samples), name, split) == (1, expected, path.name)
        assert open_split(f"{expected}/{path.name}", None, tmp_path)[1:] == (expected, path.name)
    assert open_split(str(tmp_path / "faces"))[1:] == ("faces", "val")
