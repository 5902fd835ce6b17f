"""Files that are broken before a training or break during it."""

import json

import numpy as np
import pytest
from crosses import CROSS, tiny, write_folder

from bnn_landmarks import datasets
from bnn_landmarks.training import augment, trainer
from bnn_landmarks.training.samples import TrainingSamples, batches


@pytest.fixture
def folder(tmp_path):
    write_folder(tmp_path / "crosses", {"train": 10, "val": 3})
    return tmp_path / "crosses"


def samples_of(folder):
    return TrainingSamples([datasets.open(folder, "train")], tiny().spec, augment.NONE)


def test_a_file_that_breaks_costs_one_sample_and_a_line(folder, caplog):
    whole, broken = samples_of(folder), samples_of(folder)
    gone = broken.index(3)
    (folder / "images" / f"train{gone}.png").unlink()
    after = next(n for n in range(10) if broken.index(n) == (gone + 1) % 10)
    for _ in range(2):
        np.testing.assert_array_equal(broken[3][0], whole[after][0], "the next one's image")
    for number in (0, 1, 2, 4, 5):
        np.testing.assert_array_equal(broken[number][1], whole[number][1])
    assert caplog.text.count(f"train{gone}.png") == 1
    assert broken.failure is None


def test_a_disk_that_is_gone_ends_in_one_line(folder, caplog):
    samples = samples_of(folder)
    for path in (folder / "images").iterdir():
        path.unlink()
    with pytest.raises(OSError, match="20 samples in a row can't be read any more, the last: no image at"):
        samples[0]
    assert caplog.text == "", "the error says it"
    with pytest.raises(Exception, match="in a row"):
        next(iter(batches(samples, 2)))
    assert isinstance(samples.failure, OSError)


def test_training_refuses_to_begin_and_begins_without_the_bad_ones(folder, tmp_path, small_network, caplog):
    (folder / "images" / "train3.png").unlink()
    (folder / "images" / "val1.png").write_bytes(b"")
    record = json.loads((folder / "annotations" / "train.json").read_text())
    record["annotations"][4]["keypoints"][0] = float("nan")
    (folder / "annotations" / "train.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match=r"train\.json: annotation 4 of train4\.png: keypoints holds nan"):
        trainer.train(tiny(), tmp_path, tmp_path / "run", kernels="tensorflow")
    record["annotations"][4]["keypoints"][0] = 20
    (folder / "annotations" / "train.json").write_text(json.dumps(record))
    with pytest.raises(
        ValueError, match=r"1 of the (10|3) samples of crosses/(train|val) can't be used; .*--skip-bad"
    ):
        trainer.train(tiny(), tmp_path, tmp_path / "run", kernels="tensorflow")
    assert not (tmp_path / "run").exists()
    caplog.clear()
    trainer.train(tiny(), tmp_path, tmp_path / "run", kernels="tensorflow", skip_bad=True)
    assert (tmp_path / "run" / "weights.npz").is_file()
    assert caplog.text.count("left out: ") == 2


def test_images_that_go_during_the_run_end_it_in_one_error(folder, tmp_path, small_network, monkeypatch):
    step = trainer.Monitor.on_train_batch_end

    def and_lose_the_images(self, batch, logs=None):
        for path in (folder / "images").iterdir():
            path.unlink()
        step(self, batch, logs)

    monkeypatch.setattr(trainer.Monitor, "on_train_batch_end", and_lose_the_images)
    with pytest.raises(OSError, match="in a row can't be read any more"):
        trainer.train(tiny(samples=4000), tmp_path, tmp_path / "run", kernels="tensorflow")


def test_a_category_is_part_of_the_recipe(folder, tmp_path, small_network):
    for split in ("train", "val"):
        path = folder / "annotations" / f"{split}.json"
        record = json.loads(path.read_text())
        other = {"id": 2, "name": "star", "keypoints": ["a", "b", "c"]}
        record["categories"] = [record["categories"][0] | {"id": 1}, other]
        record["annotations"] = [a | {"category_id": 1 + i % 2} for i, a in enumerate(record["annotations"])]
        path.write_text(json.dumps(record))
    with pytest.raises(
        ValueError, match=r"several categories have landmarks: cross .*; star .*--category NAME"
    ):
        trainer.train(tiny(), tmp_path, tmp_path / "run", kernels="tensorflow")
    model = trainer.train(tiny(category="cross"), tmp_path, tmp_path / "run", kernels="tensorflow")
    assert model.spec.landmark_scheme() == CROSS
    assert json.loads((tmp_path / "run" / "recipe.json").read_text())["category"] == "cross"
