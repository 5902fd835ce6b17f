"""The network: shapes, number of blocks, stacks, switches."""

import numpy as np
import pytest
import tensorflow as tf

from bnn_landmarks.network.hourglass import hourglass_network
from bnn_landmarks.network.layers import BinaryConv2D, IntegerConv2D, Options


def test_maps_are_a_quarter_of_the_input(rng):
    model = hourglass_network(128, 5, channels=32)
    assert model(rng.random((2, 128, 128, 3), np.float32)).shape == (2, 32, 32, 5)


def test_one_hourglass_has_thirteen_blocks():
    names = [layer.name for layer in hourglass_network(64, 16, channels=32).layers]
    assert sum(name.startswith("hg1") and name.endswith("_conv1") for name in names) == 13


def test_only_the_first_and_the_last_convolution_are_real():
    model = hourglass_network(64, 16, channels=32)
    convolutions = [layer for layer in model.layers if isinstance(layer, tf.keras.layers.Conv2D)]
    assert [c.name for c in convolutions if not isinstance(c, BinaryConv2D)] == ["stem", "head1"]


def test_the_stem_is_a_switch_of_binary_networks():
    def kind(**options):
        return type(hourglass_network(64, 3, channels=16, options=Options(**options)).get_layer("stem"))

    assert kind(stem="integer") is IntegerConv2D
    assert kind() is kind(stem="integer", binary=False) is tf.keras.layers.Conv2D


def test_the_real_twin_has_the_same_weights():
    def kernels(binary):
        model = hourglass_network(64, 16, channels=32, options=Options(binary=binary))
        return {layer.name: tuple(layer.kernel.shape) for layer in model.layers if hasattr(layer, "kernel")}

    assert kernels(True) == kernels(False)


@pytest.mark.parametrize("stacks", [1, 2, 3])
def test_every_stack_has_its_output(stacks, rng):
    model = hourglass_network(64, 7, channels=16, stacks=stacks)
    maps = model(rng.random((1, 64, 64, 3), np.float32))
    maps = maps if stacks > 1 else [maps]
    assert [m.shape for m in maps] == [(1, 16, 16, 7)] * stacks


def test_pooling_is_a_switch():
    model = hourglass_network(64, 16, channels=16, options=Options(pooling="average"))
    kinds = {type(layer).__name__ for layer in model.layers if "Pooling" in type(layer).__name__}
    assert kinds == {"AveragePooling2D"}


def test_every_trainable_variable_gets_a_gradient(rng):
    model = hourglass_network(64, 3, channels=16)
    with tf.GradientTape() as tape:
        maps = model(rng.random((2, 64, 64, 3), np.float32), training=True)
        loss = tf.reduce_mean(tf.square(maps - 1.0))
    for variable, gradient in zip(
        model.trainable_variables, tape.gradient(loss, model.trainable_variables), strict=True
    ):
        assert gradient is not None, variable.name
        assert np.isfinite(gradient).all(), variable.name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_size": 100}, "multiple of 64"),
        ({"block": "hierarchic"}, "unknown block 'hierarchic'"),
        ({"stacks": 9}, "from 1 to 8"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        hourglass_network(**{"input_size": 64, "outputs": 3, **arguments})
