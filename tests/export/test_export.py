"""An exported file computes what Keras computes, every binary convolution in it is binary, and a file that can't be
proved is not written."""

import dataclasses
import hashlib
import json
import sys

import flatbuffers
import numpy as np
import pytest
import tensorflow as tf
from networks import randomise

from bnn_landmarks.geometry import crops, heatmaps
from bnn_landmarks.network import weights
from bnn_landmarks.network.blocks import BLOCKS
from bnn_landmarks.network.build import build
from bnn_landmarks.network.counting import count
from bnn_landmarks.network.layers import (
    BinaryConv2D,
    IntegerConv2D,
    Options,
    batch_norm,
    projection,
    real_conv,
)
from bnn_landmarks.spec import Spec
from export import lce, record, tflite, verify

OWN = {"name": "own", "names": ["a", "b", "c"], "mirror_pairs": [[0, 1]], "edges": [[0, 2]]}


def binaries(model):
    return sum(isinstance(layer, BinaryConv2D) for layer in model.layers)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A user's network with a scheme of its own, and its packed file."""
    spec = Spec("own", scheme="own", landmarks=OWN, input_size=64, channels=32, sigma=1.0)
    path = tmp_path_factory.mktemp("own") / "own.npz"
    model = randomise(build(spec))
    weights.save(model, path)
    return model, path


def run(program, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["export", *map(str, arguments)])
    record.run(program.write, program.__name__, "a test's file")


@pytest.fixture(scope="module")
def exported(own, tmp_path_factory):
    """What `python -m export.lce --weights own.npz` writes."""
    path = tmp_path_factory.mktemp("exported") / "own.tflite"
    patch = pytest.MonkeyPatch()
    try:
        run(lce, patch, "--weights", own[1], "--output", path)
    finally:
        patch.undo()
    return path


@pytest.fixture(scope="module")
def exported_float(own, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "own_float.tflite"
    patch = pytest.MonkeyPatch()
    try:
        run(tflite, patch, "--weights", own[1], "--output", path, "--input", "uint8", "--batch", 2)
    finally:
        patch.undo()
    return path


def test_record_tells_an_app_all(own, exported):
    described = json.loads(exported.with_suffix(".json").read_text())
    assert described["sha256"] == hashlib.sha256(exported.read_bytes()).hexdigest()
    assert described["landmarks"] == OWN["names"]
    assert described["mirror_pairs"] == OWN["mirror_pairs"] and described["edges"] == OWN["edges"]
    assert described["input"] == "float32" and described["input_shape"] == [1, 64, 64, 3]
    assert described["output_shape"] == [1, 16, 16, 3]
    assert Spec.from_dict(described["spec"]) == own[0].spec
    assert described["census"]["binary_convolutions"] == binaries(own[0])


def test_golden_vectors_are_what_the_file_gives_and_decode_gives(own, exported):
    described = json.loads(exported.with_suffix(".json").read_text())
    with np.load(exported.parent / described["golden"], allow_pickle=False) as golden:
        assert golden["input"].std() > 0.05, "a photograph, not a flat image"
        (maps,) = lce.interpreter(exported.read_bytes())(golden["input"])
        assert np.array_equal(maps, golden["maps"])
        points, _ = heatmaps.decode(maps, 4, "softmax")
        assert np.array_equal(points, golden["points"]) and golden["scores"].shape == (1, 3)


def test_census_counts_what_keras_counts(own, exported, exported_float):
    cost, found = count(own[0]), verify.census(exported.read_bytes())
    assert (found.binary_macs, found.float_macs) == (cost.binary_macs, cost.real_macs)
    assert (found.binary_convolutions, found.float_convolutions) == (binaries(own[0]), 2)
    assert found.bytes == exported.stat().st_size < 0.2 * exported_float.stat().st_size
    plain = verify.census(exported_float.read_bytes())
    assert plain.binary_convolutions == 0
    assert plain.float_macs == 2 * (cost.binary_macs + cost.real_macs), "two images per call"


def test_float_file_takes_what_its_record_says(own, exported_float):
    described = json.loads(exported_float.with_suffix(".json").read_text())
    assert described["input"] == "uint8" and described["input_shape"] == [2, 64, 64, 3]
    with np.load(exported_float.parent / described["golden"], allow_pickle=False) as golden:
        assert golden["input"].dtype == np.uint8
        expected = own[0](golden["input"].astype(np.float32) / 255).numpy()
        np.testing.assert_allclose(golden["maps"], expected, atol=1e-5 * np.abs(expected).max())


def stem(images, integer):
    if integer:
        return IntegerConv2D(64, 7, strides=2, name="stem")(images)
    return real_conv(images, 32, 3, strides=2, name="stem")


def signs(data):
    """How many tensors of bits a file has."""
    model = verify._unpack(data)
    operators = model.subgraphs[0].operators
    return len({o.inputs[0] for o in operators if verify.operator_name(model, o) == "LceBconv2d"})


def settle(model, images):
    """Give the norm behind the stem the statistics of the stem's output, so that its signs are both and often near."""
    x = tf.keras.Model(model.input, model.get_layer("stem").output)(images).numpy()
    norm = model.get_layer("stem_bn")
    norm.moving_mean.assign(x.mean((0, 1, 2)))
    norm.moving_variance.assign(x.var((0, 1, 2)) + 1e-3)
    return model


@pytest.mark.parametrize(("activation", "integer"), [("relu", False), ("prelu", True)])
def test_every_kind_of_block_is_binary_in_the_file_and_equal_to_keras(activation, integer, rng):
    """All blocks in one network, once changing the number of channels and once not."""
    options = Options(activation=activation)
    images = tf.keras.Input((32, 32, 3), name="image")
    x = stem(images, integer)
    x = tf.keras.layers.ReLU(name="stem_relu")(batch_norm(x, "stem_bn"))
    for i, (name, block) in enumerate(BLOCKS.items()):
        x = block(x, 64 if i % 2 else 32, options, name=f"{name}_a")
        x = block(x, x.shape[-1], options, name=f"{name}_b")
    head = real_conv(x, 16, 1, use_bias=True, name="head")
    model = tf.keras.Model(images, tf.keras.layers.Activation("linear", name="maps")(head), name="all")
    model.spec = Spec("all", input_size=32, stride=2)
    examples = rng.random((2, 32, 32, 3), dtype=np.float32)
    data = lce.convert(settle(randomise(model), examples))
    verify.check_binary(model, verify.census(data))
    parity = verify.compare(model, data, lce.interpreter, examples, lce.other_interpreters())
    adds = sum(isinstance(layer, tf.keras.layers.Add) for layer in model.layers)
    assert parity.equal == 2 * (adds + signs(data)) >= 4 * len(BLOCKS)
    assert parity.exact == integer
    if integer:
        assert parity.maps <= parity.bound < 1e-3 * parity.largest_map and parity.points < 0.01


def small(options, rng, block="hierarchical"):
    """A stem, a block and a head, with an integer stem."""
    options = Options(stem="integer", **options)
    images = tf.keras.Input((32, 32, 3), name="image")
    x = tf.keras.layers.ReLU(name="stem_relu")(batch_norm(stem(images, True), "stem_bn"))
    x = BLOCKS[block](x, 128, options, name="block")
    x = projection(batch_norm(x, "tail_bn"), 32, options, "tail")
    x = tf.keras.layers.ReLU(name="head_relu")(batch_norm(x, "head_bn"))
    x = real_conv(x, 4, 1, use_bias=True, name="head")
    model = tf.keras.Model(images, tf.keras.layers.Activation("linear", name="maps")(x), name="small")
    model.spec = Spec("small", input_size=32, stride=2)
    pixels = rng.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    return settle(randomise(model), crops.to_input(pixels)), pixels


@pytest.mark.parametrize(
    ("options", "block", "dtype", "exact"),
    [
        ({}, "hierarchical", "float32", True),
        ({"pooling": "max"}, "multi_scale", "uint8", True),  # the block pools the stem's output
        ({"pooling": "average"}, "multi_scale", "float32", False),
        ({"shortcut": "real"}, "hierarchical", "uint8", False),
    ],
    ids=str,
)
def test_an_integer_stem_is_equal_from_the_pixels_on(options, block, dtype, exact, rng):
    """In LCE's file, of bytes and of floats; where real values of the stem are read, these are equal too."""
    model, pixels = small(options, rng, block)
    data = lce.convert(model, dtype=dtype)
    images = pixels if dtype == "uint8" else crops.to_input(pixels)
    parity = verify.compare(model, data, lce.interpreter, images, lce.other_interpreters())
    assert parity.exact == exact and parity.equal == 2 * (1 + signs(data))
    assert ("CAST" if dtype == "uint8" else "ROUND") in verify.census(data).operators


def test_an_integer_stem_as_float_tflite(rng):
    model, pixels = small({}, rng)
    parity = verify.compare(model, tflite.convert(model, dtype="uint8"), tflite.interpreter, pixels)
    assert parity.exact and parity.maps <= parity.bound


def test_a_flipped_bit_is_found(rng):
    """One threshold half a step beside its place, in a file that is otherwise right."""
    model, pixels = small({}, rng)
    data = lce.convert(model, dtype="uint8")
    file = verify._unpack(data)
    stem_operator = file.subgraphs[0].operators[1]
    bias = file.buffers[file.subgraphs[0].tensors[stem_operator.inputs[2]].buffer]
    values = bias.data.view(np.float32) + np.float32(3000)
    bias.data = values.view(np.uint8)
    builder = flatbuffers.Builder(len(data))
    builder.Finish(file.Pack(builder), file_identifier=b"TFL3")
    with pytest.raises(ValueError, match="differs from Keras in the bits that block_"):
        verify.compare(model, bytes(builder.Output()), lce.interpreter, pixels)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"stacks": 2},
        {"options": {"shortcut": "real"}},
        {"options": {"first": "real"}},
        {"options": {"pooling": "average"}},
        {"options": {"activation": "none", "scale": "mean"}},
        {"options": {"activation": "none", "scale": "none"}},
        {"options": {"activation": "prelu"}},
        *({"block": block} for block in BLOCKS),
    ],
    ids=str,
)
def test_every_network_converts_and_is_equal_to_keras(changes, tiny_spec):
    model = randomise(build(dataclasses.replace(tiny_spec, **changes)))
    data = lce.convert(model)
    verify.check_binary(model, verify.census(data))
    parity = verify.compare(model, data, lce.interpreter, record.examples(model.spec, 1, "float32")[:2])
    assert parity.equal > 0


@pytest.mark.slow
def test_two_images_of_bytes_a_call(tiny_model, tmp_path):
    lce.export(tiny_model, tmp_path / "net.tflite", batch=2, dtype="uint8")
    with np.load(tmp_path / "net.golden.npz", allow_pickle=False) as golden:
        assert golden["input"].dtype == np.uint8 and golden["input"].shape == (2, 64, 64, 3)
        assert golden["points"].shape == (2, 16, 2)


@pytest.fixture
def changed(own):
    """Call with a variable and its new value: it has its own again after the test."""
    kept = []

    def change(variable, value):
        kept.append((variable, variable.numpy()))
        variable.assign(value)

    yield change
    for variable, value in kept:
        variable.assign(value)


def test_a_file_that_differs_is_not_written(own, exported, changed, tmp_path, monkeypatch):
    scale = own[0].get_layer("hg1_skip3_conv2").scale
    changed(scale, scale * 1.01)
    monkeypatch.setattr(lce, "convert", lambda *_: exported.read_bytes())
    with pytest.raises(ValueError, match="differs from Keras in hg1_skip3_add"):
        lce.export(own[0], tmp_path / "own.tflite")
    assert not list(tmp_path.iterdir())


def test_a_real_layer_that_differs_is_found(own, exported, changed):
    bias = own[0].get_layer("head1").bias
    changed(bias, bias + [0, 0.1, 0])
    examples = record.examples(own[0].spec, 1, "float32")[:1]
    with pytest.raises(ValueError, match="differs from Keras in head1:"):
        verify.compare(own[0], exported.read_bytes(), lce.interpreter, examples)


def test_a_binary_layer_that_came_out_float_is_named(own, exported_float, tmp_path, monkeypatch):
    monkeypatch.setattr(lce, "convert", lambda *_: exported_float.read_bytes())
    with pytest.raises(ValueError, match=r"54 of 54 binary convolutions came out float: stem_block1_conv1, "):
        lce.export(own[0], tmp_path / "own.tflite")
    assert not list(tmp_path.iterdir())


def test_real_networks_go_to_tflite_only(tiny_spec, tmp_path):
    model = build(dataclasses.replace(tiny_spec, options={"binary": False}))
    with pytest.raises(ValueError, match="no binary convolution"):
        lce.export(model, tmp_path / "real.tflite")
    assert not list(tmp_path.iterdir())


def test_a_network_between_real_and_binary_goes_to_tflite(tmp_path, rng):
    """Its signs are those of Keras, at every value near a threshold too."""
    spec = Spec("between", input_size=64, channels=16, options={"weights": "real", "activation": "prelu"})
    model = randomise(build(spec))
    with pytest.raises(ValueError, match="no binary convolution"):
        lce.export(model, tmp_path / "between.tflite")
    found, _ = tflite.export(model, tmp_path / "between.tflite")
    assert found.float_macs == count(model).real_macs and found.operators["PRELU"] > 10
    assert not spec.binary and Spec("pose").binary


@pytest.mark.slow
def test_real_network_as_tflite(tiny_spec, tmp_path):
    model = randomise(build(dataclasses.replace(tiny_spec, options={"binary": False})))
    found, _ = tflite.export(model, tmp_path / "real.tflite")
    assert found.float_macs == count(model).real_macs


@pytest.mark.parametrize(
    "name, error", [("own.bin", "is named .tflite"), ("missing/own.tflite", "no directory")]
)
def test_bad_targets_are_refused_before_the_work(name, error, own, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lce, "convert", lambda *_: pytest.fail("it was converted"))
    with pytest.raises(SystemExit) as stopped:
        run(lce, monkeypatch, "--weights", own[1], "--output", tmp_path / name)
    assert stopped.value.code == 1
    assert error in (line := capsys.readouterr().err) and line.count("\n") == 1


def test_unknown_model_is_one_line(monkeypatch, capsys):
    with pytest.raises(SystemExit) as stopped:
        run(lce, monkeypatch, "--model", "pos")
    assert stopped.value.code == 1
    assert "did you mean pose" in (line := capsys.readouterr().err) and line.count("\n") == 1
