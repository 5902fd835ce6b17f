"""The entries that ship weights: trained, exported, and finding on the shipped photographs what they found before.

`python tests/zoo/test_shipped.py` writes the stored points anew, after new weights.
"""

import json
import pathlib

import cv2
import numpy as np
import pytest

import bnn_landmarks
from bnn_landmarks import runtime, zoo
from bnn_landmarks.geometry import images
from bnn_landmarks.inference import detect, exported
from bnn_landmarks.zoo import WEIGHTS

# Given, since a detector's own box may differ between processors.
BOXES = {**images.SAMPLE_BOXES, "face": (176, 90, 98, 87)}
STORED = pathlib.Path(__file__).with_name("sample_points.json")
TRAINED = [name for name in zoo.names() if zoo.entry(name).weights]
LANDMARKS = [name for name in TRAINED if zoo.entry(name).spec.task == "landmarks"]


def found(name, engine):
    """What an entry finds on the photograph that fits it, [K, 2]."""
    localizer = bnn_landmarks.Localizer(name, engine=engine)
    kind = "person" if localizer.scheme.name in detect.PEOPLE_SCHEMES else "face"
    return localizer(images.sample(kind), BOXES[kind])[0].points


@pytest.mark.parametrize("name", TRAINED)
def test_the_exported_file_is_there_and_binary(name):
    entry = zoo.entry(name)
    file = exported.read(WEIGHTS / f"{name}.tflite")
    assert file.spec == entry.spec
    assert file.binary
    assert len(file.data) <= 1_300_000
    assert (WEIGHTS / entry.weights).stat().st_size <= 1_500_000
    census = json.loads((WEIGHTS / f"{name}.json").read_text())["census"]
    # Stem and head weigh more beside narrow blocks.
    assert census["binary_share"] >= (0.9 if entry.spec.channels < 256 else 0.95)


@pytest.mark.parametrize("name", LANDMARKS)
@pytest.mark.parametrize("engine", [pytest.param("keras", marks=pytest.mark.slow), "lce", "runtime"])
def test_points_on_the_sample_photograph_are_the_stored_ones(name, engine):
    """Every engine computes the same bits on every processor, of the same crop."""
    if engine == "runtime" and runtime.library_path() is None:
        pytest.skip("the runtime is not built")
    stored = np.array(json.loads(STORED.read_text())[name])
    moved = np.linalg.norm(found(name, engine) - stored, axis=-1)
    assert moved.max() < 0.05


@pytest.mark.parametrize("name", [name for name in TRAINED if zoo.entry(name).spec.task != "boxes"])
def test_a_picture_of_nothing_shows_nobody(name):
    if runtime.library_path() is None:
        pytest.skip("the runtime is not built")
    localizer = bnn_landmarks.Localizer(name, engine="runtime")
    colours = np.random.default_rng(0).integers(0, 256, (2, 2, 3)).astype(np.float32)
    for picture in (np.full((300, 400, 3), 255, np.uint8), cv2.resize(colours, (400, 300)).astype(np.uint8)):
        with pytest.warns(UserWarning, match="nobody"):
            assert localizer(picture) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_the_exported_file_is_made_of_the_packed_weights(name):
    from export import lce

    # Not by their bytes: the converter names and orders its constants differently from run to run.
    size = zoo.entry(name).spec.input_size
    images = np.random.default_rng(0).random((1, size, size, 3), np.float32)
    again, shipped = lce.convert(zoo.load(name)), (WEIGHTS / f"{name}.tflite").read_bytes()
    assert len(again) == len(shipped)
    np.testing.assert_array_equal(lce.interpreter(again)(images)[0], lce.interpreter(shipped)(images)[0])


if __name__ == "__main__":
    STORED.write_text(json.dumps({name: found(name, "lce").round(2).tolist() for name in LANDMARKS}))
