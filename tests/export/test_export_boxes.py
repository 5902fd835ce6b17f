"""A finder's file computes what Keras computes, and its golden vectors are what it decodes to."""

import json

import numpy as np
from networks import randomise

from bnn_landmarks.geometry import boxes
from bnn_landmarks.inference.engines import open_engine
from bnn_landmarks.inference.finder import Finder
from bnn_landmarks.network.build import build
from bnn_landmarks.network.counting import count
from bnn_landmarks.spec import Spec
from export import lce

SPEC = Spec(
    "small",
    task="boxes",
    scheme="subjects",
    input_size=64,
    padding=1.0,
    score="sigmoid",
    channels=32,
    early_pool=True,
)


def test_a_finder_is_exported_and_proved(tmp_path, rng):
    model = randomise(build(SPEC))
    model.get_layer("head1").bias.assign(np.zeros(10))  # so that it finds something
    path = tmp_path / "small.tflite"
    lce.export(model, path)
    told = json.loads(path.with_suffix(".json").read_text())
    assert told["output_shape"] == [1, 16, 16, 10] and told["landmarks"] == ["person", "face"]
    assert "whole image" in told["crop"]["text"] and told["decode"]["unit"] == boxes.UNIT
    golden = np.load(tmp_path / "small.golden.npz")
    for kind, (found, scores) in zip(("person", "face"), boxes.decode(golden["maps"][0], 4), strict=True):
        np.testing.assert_array_equal(golden[f"{kind}_boxes"], found)
        np.testing.assert_array_equal(golden[f"{kind}_scores"], scores)
    assert len(golden["person_boxes"]) + len(golden["face_boxes"])
    image = rng.integers(0, 256, (90, 120, 3), dtype=np.uint8)
    (by_file, _), (by_keras, _) = (
        Finder("face", open_engine(source, engine))(image)
        for source, engine in ((path, "lce"), (model, "keras"))
    )
    np.testing.assert_allclose(by_file, by_keras, atol=1e-2)


def test_pooling_early_costs_a_quarter_of_the_first_block():
    early, late = (count(build(Spec("t", input_size=64, channels=32, early_pool=p))) for p in (True, False))
    assert early.binary_weights == late.binary_weights and early.real_macs == late.real_macs
    first = (3 * 3 * (64 * 64 + 64 * 32 + 32 * 32) + 64 * 128) * 32 * 32
    assert late.binary_macs - early.binary_macs == first * 3 // 4


def test_a_finder_starts_at_hardly_anywhere():
    model, image = build(SPEC), np.zeros((1, 64, 64, 3), np.float32)
    maps = model(image).numpy()
    model.get_layer("head1").bias.assign(np.zeros(10))
    rare = (maps - model(image).numpy()).reshape(-1, 2, 5)
    np.testing.assert_allclose(1 / (1 + np.exp(-rare[..., 0])), 0.1, atol=1e-3)
    np.testing.assert_allclose(rare[..., 1:], 0, atol=1e-5)
