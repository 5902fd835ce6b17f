"""Starting weights: what has the names and shapes of the network's variables goes into them."""

import numpy as np
import pytest
from crosses import tiny

from bnn_landmarks.network import build
from bnn_landmarks.spec import Spec
from bnn_landmarks.training import initial, trainer
from bnn_landmarks.training.recipe import override


@pytest.mark.usefixtures("small_network")
def test_first_weights_come_from_what_has_their_names_and_shapes(data, tmp_path):
    trainer.train(tiny(samples=8), data, tmp_path / "run")
    model = build.build(tiny().spec)
    assert initial.start_from(model, tmp_path / "run" / "weights.npz") == len(model.variables)
    kernel = model.get_layer("second").kernel.numpy()
    assert 0 < np.abs(kernel).max() < 0.5  # signs of a packed file, the size of fresh weights
    assert initial.start_from(model, tmp_path / "run") == len(model.variables)
    np.testing.assert_array_equal(np.sign(model.get_layer("second").kernel), np.sign(kernel))
    wider = build.build(Spec("pose", input_size=64))
    assert initial.start_from(wider, tmp_path / "run") == len(model.variables) - 2  # all but the head
    with pytest.raises(FileNotFoundError, match="no weights, training run or checkpoint"):
        initial.start_from(model, tmp_path / "nothing")


@pytest.mark.slow
def test_a_binary_network_starts_from_its_real_twin(tmp_path, monkeypatch):
    spec = tiny().spec
    real, binary = build.build(override(spec, {"options.binary": False})), build.build(spec)
    monkeypatch.setattr(initial, "network_of", lambda source: real)
    copied = initial.start_from(binary, tmp_path)
    learned_scales = sum(v.name.endswith("scale:0") for v in binary.variables)
    assert copied == len(binary.variables) - learned_scales
    np.testing.assert_array_equal(
        binary.get_layer("hg1_skip4_conv1").kernel, real.get_layer("hg1_skip4_conv1").kernel
    )
