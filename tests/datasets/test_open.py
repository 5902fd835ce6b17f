"""Finding a data set by name: raw folders, prepared builds, messages; reading from many threads."""

import concurrent.futures

import cv2
import numpy as np
import pytest
from coco_folders import write_record

from bnn_landmarks import datasets
from bnn_landmarks.datasets.coco import CocoKeypoints
from bnn_landmarks.datasets.masks import MaskFolder


def write_coco(folder, count=3):
    (folder / "images").mkdir(parents=True)
    for number in range(count):
        cv2.imwrite(str(folder / "images" / f"{number}.png"), np.full((30, 30, 3), number, np.uint8))
    write_record(
        folder / "annotations" / "train.json",
        [{"id": n, "file_name": f"{n}.png"} for n in range(count)],
        [{"image_id": n, "bbox": [1, 2, 20, 20], "keypoints": [n, 1, 2, 2, 3, 2]} for n in range(count)],
        [{"name": "worm", "keypoints": ["head", "tail"]}],
    )
    return folder


def test_folders_are_told_by_what_they_hold(tmp_path, monkeypatch):
    write_coco(tmp_path / "worms")
    for kind in ("images", "masks"):
        (tmp_path / "faces" / "val" / kind).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "faces" / "val" / kind / "a.png"), np.zeros((4, 4), np.uint8))
    assert isinstance(datasets.open("worms", "train", tmp_path), CocoKeypoints)
    assert isinstance(datasets.open("faces", "val", tmp_path), MaskFolder)
    assert len(datasets.open(tmp_path / "worms", "train")) == 3
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert len(datasets.open("worms", "train")) == 3


def test_names_that_are_none(tmp_path):
    write_coco(tmp_path / "worms")
    with pytest.raises(FileNotFoundError, match=f"prepare mpii --from DIR --data-dir {tmp_path}"):
        datasets.open("mpii", "val", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"did you mean worms\?"):
        datasets.open("wurms", "val", tmp_path)
    with pytest.raises(ValueError, match=r"did you mean faces_300w\?"):
        datasets.builder_class("face_300w")


def test_a_prepared_set_reads_alike_from_many_threads(tmp_path):
    pytest.importorskip("tensorflow_datasets")
    from bnn_landmarks.datasets import builder

    write_coco(tmp_path / "worms", count=20)
    builder.prepare(datasets.builder_class("coco_keypoints"), tmp_path / "worms", tmp_path)
    samples = datasets.open("coco_keypoints/worms", "train", tmp_path)
    assert samples.scheme.names == ("head", "tail")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: samples[i % 20], range(400)))
    assert [int(s.landmarks[0, 0]) for s in found] == [i % 20 for i in range(400)]
    assert all((s.image == i % 20).all() for i, s in enumerate(found))
    with pytest.raises(FileNotFoundError, match=r"worms has no split 'val'; its splits are train"):
        datasets.open("coco_keypoints/worms", "val", tmp_path)
