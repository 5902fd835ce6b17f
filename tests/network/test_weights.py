"""A packed file gives back the network it was made of, bit for bit, or says in one line why it can't."""

import dataclasses
import json
import sys

import numpy as np
import pytest
import tensorflow as tf
from networks import randomise

from bnn_landmarks.network import weights
from bnn_landmarks.network.build import build
from bnn_landmarks.network.layers import BinaryConv2D


@pytest.fixture(scope="module")
def packed(tiny_model, tmp_path_factory):
    path = tmp_path_factory.mktemp("packed") / "tiny.npz"
    return path, weights.save(tiny_model, path)


@pytest.fixture
def ready(monkeypatch, tiny_model):
    """Loading finds its network already built: what is wrong with a file shows before its values matter."""
    monkeypatch.setattr("bnn_landmarks.network.build.build", lambda spec: tiny_model)


def rewrite(path, target, change):
    """A copy of a packed file with its arrays changed."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {key: file[key] for key in file.files}
    change(arrays)
    np.savez(target, **arrays)
    return target


def test_round_trip_is_exact(tiny_model, packed, rng):
    path, sha256 = packed
    loaded = weights.load(path, "tiny", sha256)
    images = rng.random((2, 64, 64, 3), dtype=np.float32)
    assert np.array_equal(loaded(images), tiny_model(images))
    assert loaded.spec == tiny_model.spec
    assert weights.save(loaded, path.with_name("again.npz")) == sha256


def test_one_bit_a_binary_weight(tiny_model, packed):
    _, arrays = weights.read(packed[0])
    for layer in tiny_model.layers:
        if isinstance(layer, BinaryConv2D):
            array = arrays[f"{layer.name}/kernel"]
            assert array.dtype == np.uint8
            assert array.size == np.prod(layer.kernel.shape[:3]) * -(-layer.filters // 8)


@pytest.mark.slow
def test_mean_scale_survives(tiny_spec, tmp_path, rng):
    model = randomise(build(dataclasses.replace(tiny_spec, options={"scale": "mean"})))
    weights.save(model, tmp_path / "w.npz")
    images = rng.random((1, 64, 64, 3), dtype=np.float32)
    assert np.array_equal(weights.load(tmp_path / "w.npz")(images), model(images))


@pytest.fixture(scope="module")
def whole(tiny_model, tmp_path_factory):
    """The small network with an integer stem, and its packed file."""
    path = tmp_path_factory.mktemp("whole") / "whole.npz"
    model = weights.integer_stem(tiny_model)
    weights.save(model, path)
    return model, path


def test_an_integer_stem_is_packed_in_8_bits(whole, tiny_model, tmp_path, rng):
    model, path = whole
    assert model.spec.options == {"stem": "integer"} and tiny_model.spec.options == {}
    _, arrays = weights.read(path)
    assert arrays["stem/kernel"].dtype == np.int8 and arrays["stem/kernel_factor"].shape == (64,)
    loaded = weights.load(path)
    images = rng.random((2, 64, 64, 3), dtype=np.float32)
    assert np.array_equal(loaded(images), model(images))
    assert weights.save(loaded, tmp_path / "again.npz") == weights.save(model, tmp_path / "first.npz")
    weights.save(model, tmp_path / "latent.npz", latent=True)
    kept = weights.load(tmp_path / "latent.npz").get_layer("stem").kernel
    assert np.array_equal(kept, tiny_model.get_layer("stem").kernel), "what training goes on from"


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: arrays.pop("stem/kernel_factor"),
        lambda arrays: arrays.update({"stem/kernel_factor": arrays["stem/kernel_factor"][:3]}),
        lambda arrays: arrays.update(
            {"stem/kernel_factor": arrays["stem/kernel_factor"] * np.float32("nan")}
        ),
        lambda arrays: arrays.update({"stem/kernel": arrays["stem/kernel"][:3]}),
    ],
)
def test_a_damaged_integer_stem_is_refused(change, whole, tmp_path, monkeypatch):
    monkeypatch.setattr("bnn_landmarks.network.build.build", lambda spec: whole[0])
    with pytest.raises(ValueError, match=r"stem/kernel is int8.*float32.* from 0 up"):
        weights.load(rewrite(whole[1], tmp_path / "bad.npz", change))


def test_a_real_network_has_no_integer_stem(tiny_spec):
    class Real:
        spec = dataclasses.replace(tiny_spec, options={"binary": False})

    with pytest.raises(ValueError, match="tiny is real-valued"):
        weights.integer_stem(Real)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no weights file"):
        weights.load(tmp_path / "nothing.npz")


def test_truncated(packed, tmp_path):
    cut = tmp_path / "cut.npz"
    cut.write_bytes(packed[0].read_bytes()[:-1000])
    with pytest.raises(ValueError, match=r"cut\.npz .*cut short or damaged") as error:
        weights.load(cut)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04 neither"])
def test_no_archive(content, tmp_path):
    (tmp_path / "w.npz").write_bytes(content)
    with pytest.raises(ValueError, match="is no packed network"):
        weights.load(tmp_path / "w.npz")


def test_a_single_array_is_no_network(tmp_path):
    np.save(tmp_path / "w.npy", np.zeros(3))
    with pytest.raises(ValueError, match="is no packed network"):
        weights.load(tmp_path / "w.npy")


@pytest.mark.parametrize("spec", ["null", "5", "[]", '{"name": 5}', '{"title": "x"}'])
def test_a_spec_that_is_none_is_refused_with_the_files_name(tmp_path, spec):
    np.savez(tmp_path / "a.npz", spec=spec)
    with pytest.raises(ValueError, match=r"a\.npz is no packed network: ") as error:
        weights.read(tmp_path / "a.npz")
    assert "\n" not in str(error.value)


def test_pickles_are_refused(packed, tmp_path):
    def plant(arrays):
        arrays["stem/kernel"] = np.array([{"a": 1}], dtype=object)

    with pytest.raises(ValueError, match="is no packed network"):
        weights.load(rewrite(packed[0], tmp_path / "w.npz", plant))


def test_wrong_hash(packed):
    with pytest.raises(ValueError, match="SHA-256"):
        weights.load(packed[0], sha256="0" * 64)


def test_wrong_network(packed):
    with pytest.raises(ValueError, match="holds the network 'tiny', not 'pose'"):
        weights.load(packed[0], "pose")


def test_missing_variable(packed, tmp_path, ready):
    path = rewrite(packed[0], tmp_path / "w.npz", lambda arrays: arrays.pop("stem_bn/gamma"))
    with pytest.raises(ValueError, match="stem_bn/gamma is missing"):
        weights.load(path)


def test_wrong_shape(packed, tmp_path, ready):
    def shorten(arrays):
        arrays["head1/bias"] = arrays["head1/bias"][:3]

    with pytest.raises(ValueError, match=r"head1/bias is float32 \[3\].*needs float32 \[16\]"):
        weights.load(rewrite(packed[0], tmp_path / "w.npz", shorten))


def test_values_that_are_not_finite_are_not_packed(tiny_model, tmp_path):
    bias = tiny_model.get_layer("head1").bias
    kept = bias.numpy()
    bias.assign(np.full(16, np.nan))
    try:
        with pytest.raises(ValueError, match="head1/bias holds values that are not finite"):
            weights.save(tiny_model, tmp_path / "w.npz")
    finally:
        bias.assign(kept)
    assert not list(tmp_path.iterdir())


def test_release_of_a_run(tiny_model, packed, tmp_path, monkeypatch, capsys):
    run, output = tmp_path / "run", tmp_path / "released.npz"
    run.mkdir()
    with pytest.raises(FileNotFoundError, match="no training run"):
        weights.load_checkpoint(run)
    (run / "recipe.json").write_text(json.dumps({"spec": tiny_model.spec.to_dict()}))
    with pytest.raises(FileNotFoundError, match="no checkpoint yet"):
        weights.load_checkpoint(run)
    tf.train.CheckpointManager(tf.train.Checkpoint(model=tiny_model), run / "checkpoints", 1).save()
    monkeypatch.setattr(sys, "argv", ["weights", str(run), str(output), "--name", "renamed"])
    weights.main()
    spec, arrays = weights.read(output, capsys.readouterr().out.split('sha256="')[1][:64])
    assert spec == dataclasses.replace(tiny_model.spec, name="renamed")
    expected = weights.read(packed[0])[1]
    assert arrays.keys() == expected.keys()
    assert all(np.array_equal(arrays[key], expected[key]) for key in expected)


def test_a_finished_runs_weights_come_first(tiny_model, packed, tmp_path, ready):
    """They are the moving average, the checkpoint is not."""
    (tmp_path / "recipe.json").write_text(json.dumps({"spec": tiny_model.spec.to_dict()}))
    (tmp_path / "weights.npz").write_bytes(packed[0].read_bytes())
    assert weights.load_checkpoint(tmp_path) is tiny_model


def test_a_network_of_another_stride_is_not_built(tiny_spec):
    with pytest.raises(ValueError, match="stride is 4, not 8"):
        build(dataclasses.replace(tiny_spec, stride=8))


def test_checkpoint_of_another_network(tiny_spec, tiny_model, tmp_path):
    other = dataclasses.replace(tiny_spec, block="bottleneck")
    (tmp_path / "recipe.json").write_text(json.dumps({"spec": other.to_dict()}))
    tf.train.CheckpointManager(tf.train.Checkpoint(model=tiny_model), tmp_path / "checkpoints", 1).save()
    with pytest.raises(ValueError, match="does not hold the network"):
        weights.load_checkpoint(tmp_path)


def test_latent_kernels_keep_their_signs_and_8_bits(tiny_model, tmp_path, rng):
    model, path = tiny_model, tmp_path / "trunk.npz"
    layer = next(layer for layer in model.layers if isinstance(layer, BinaryConv2D))
    kept = layer.kernel.numpy()
    try:
        kernel = rng.normal(0, 0.03, kept.shape).astype(np.float32)
        kernel.flat[:3] = 1.0, 1e-12, -1e-12
        layer.kernel.assign(kernel)
        weights.save(model, path, latent=True)
        given = weights.load(path).get_layer(layer.name).kernel.numpy()
        images = rng.random((1, 64, 64, 3), dtype=np.float32)
        assert np.array_equal(weights.load(path)(images), model(images))
    finally:
        layer.kernel.assign(kept)
    assert np.array_equal(given >= 0, kernel >= 0)
    step = 2 * np.sqrt(np.abs(given)) / 127  # of the code, at each weight
    assert (np.abs(given - kernel) <= step + 1 / 127**2).all()
    assert given.flat[0] == 1


def test_a_damaged_latent_kernel_is_refused(tiny_model, tmp_path):
    weights.save(tiny_model, tmp_path / "trunk.npz", latent=True)

    def flatten(arrays):
        key = next(key for key in arrays if key.endswith("kernel_size")).removesuffix("_size")
        arrays[key] = arrays[key].ravel()

    with pytest.raises(ValueError, match="no latent kernel of the network"):
        weights.load(rewrite(tmp_path / "trunk.npz", tmp_path / "bad.npz", flatten))
