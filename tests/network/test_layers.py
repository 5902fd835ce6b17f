"""Layers: the sign and its gradient by definition, the scale, upsampling."""

import numpy as np
import pytest
import tensorflow as tf

from bnn_landmarks.network.layers import BinaryConv2D, Upsample


def identity_conv(**kwargs):
    """A 1x1 binary convolution of one channel whose kernel is +0.5: the sign of its input, bare."""
    layer = BinaryConv2D(1, 1, relu=False, scale="none", **kwargs)
    layer.build((None, None, None, 1))
    layer.kernel.assign([[[[0.5]]]])
    return layer


def test_sign_of_zero_is_plus_one():
    x = tf.constant([-2.0, -1e-30, -0.0, 0.0, 1e-30, 2.0])
    signs = identity_conv()(tf.reshape(x, (1, 1, 6, 1)))
    np.testing.assert_array_equal(tf.reshape(signs, -1), [-1, -1, 1, 1, 1, 1])


def test_gradient_of_the_activations_sign_is_one_up_to_one_and_zero_beyond():
    x = tf.constant([-1.5, -1.0, -0.3, 0.0, 0.3, 1.0, 1.5])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(identity_conv()(tf.reshape(x, (1, 1, 7, 1))))
    np.testing.assert_array_equal(tape.gradient(y, x), [0, 1, 1, 1, 1, 1, 0])


def test_gradient_of_the_kernels_sign_passes_straight_through(rng):
    layer = BinaryConv2D(4, 3, relu=False, scale="none")
    x = tf.constant(rng.choice([-1.0, 1.0], (2, 5, 5, 3)), tf.float32)
    layer.build(x.shape)
    layer.kernel.assign(rng.uniform(-0.9, 0.9, layer.kernel.shape))
    signs = tf.Variable(tf.sign(layer.kernel))
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(tf.square(layer(x)))
    with tf.GradientTape() as plain:
        padded = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], constant_values=1.0)
        z = tf.reduce_sum(tf.square(tf.nn.conv2d(padded, signs, 1, "VALID")))
    np.testing.assert_allclose(tape.gradient(y, layer.kernel), plain.gradient(z, signs), rtol=1e-5)


def test_mean_scale_is_the_mean_absolute_weight_and_has_its_gradient(rng):
    layer = BinaryConv2D(2, 3, relu=True, scale="mean")
    x = tf.constant(rng.normal(size=(1, 6, 6, 4)), tf.float32)
    layer.build(x.shape)
    bare = BinaryConv2D(2, 3, relu=True, scale="none")
    bare.build(x.shape)
    bare.kernel.assign(layer.kernel)
    mean = np.abs(layer.kernel.numpy()).mean(axis=(0, 1, 2))
    expected = bare(x).numpy() * mean.astype(np.float16).astype(np.float32)  # as `multiplier` rounds
    np.testing.assert_allclose(layer(x), expected, rtol=1e-6)
    with tf.GradientTape() as tape:
        alpha = tf.reduce_sum(layer.multiplier())
    np.testing.assert_allclose(tape.gradient(alpha, layer.kernel), np.sign(layer.kernel) / 36, rtol=1e-5)


def test_learned_scale_starts_at_the_expected_mean_absolute_weight():
    layer = BinaryConv2D(8, 3)
    layer.build((None, 8, 8, 64))
    np.testing.assert_allclose(layer.multiplier(), np.abs(layer.kernel).mean(), rtol=0.05)


def test_sums_are_whole_numbers_before_the_scale(rng):
    layer = BinaryConv2D(8, 3, scale="none")
    y = layer(rng.normal(size=(1, 6, 6, 5)).astype(np.float32)).numpy()
    np.testing.assert_array_equal(y, np.round(y))
    assert y.min() >= 0
    assert y.max() <= 45


def test_upsampling_repeats_and_its_gradient_sums_each_cell(rng):
    x = tf.constant(rng.normal(size=(2, 3, 4, 5)), tf.float32)
    weight = tf.constant(rng.normal(size=(2, 6, 8, 5)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = Upsample()(x)
        total = tf.reduce_sum(y * weight)
    np.testing.assert_array_equal(y, np.repeat(np.repeat(x, 2, axis=1), 2, axis=2))
    cells = weight.numpy().reshape(2, 3, 2, 4, 2, 5).sum(axis=(2, 4))
    np.testing.assert_allclose(tape.gradient(total, x), cells, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("scale", ["learned", "mean", "none"])
def test_layer_survives_its_config(scale):
    layer = BinaryConv2D(4, 3, relu=False, scale=scale)
    again = BinaryConv2D.from_config(layer.get_config())
    assert (again.relu, again.scale_mode, again.filters, again.pad_values) == (False, scale, 4, 1.0)
