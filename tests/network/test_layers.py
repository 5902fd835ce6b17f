"""Layers: the sign and its gradient by definition, the scale, upsampling."""

import numpy as np
import pytest
import tensorflow as tf

from bnn_landmarks.network.layers import BinaryConv2D, IntegerConv2D, Norm, Upsample


def identity_conv(**kwargs):
    """A 1x1 binary convolution of one channel whose kernel is +0.5: the sign of its input, bare."""
    layer = BinaryConv2D(1, 1, relu=False, scale_mode="none", **kwargs)
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
    layer = BinaryConv2D(4, 3, relu=False, scale_mode="none")
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
    layer = BinaryConv2D(2, 3, relu=True, scale_mode="mean")
    x = tf.constant(rng.normal(size=(1, 6, 6, 4)), tf.float32)
    layer.build(x.shape)
    bare = BinaryConv2D(2, 3, relu=True, scale_mode="none")
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
    layer = BinaryConv2D(8, 3, scale_mode="none")
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
    layer = BinaryConv2D(4, 3, relu=False, scale_mode=scale)
    again = BinaryConv2D.from_config(layer.get_config())
    assert (again.relu, again.scale_mode, again.filters, again.pad_values) == (False, scale, 4, 1.0)


def sums_of(pixels, numbers):
    """The 7x7 convolution of stride 2, "same" padding, in int64."""
    count, height, width, _ = pixels.shape
    padded = np.pad(pixels.astype(np.int64), [(0, 0), (2, 3), (2, 3), (0, 0)])
    total = np.zeros((count, height // 2, width // 2, numbers.shape[3]), np.int64)
    for y in range(7):
        for x in range(7):
            part = padded[:, y : y + height - 1 : 2, x : x + width - 1 : 2]
            total += part @ numbers[y, x].astype(np.int64)
    return total


@pytest.fixture
def stem():
    layer = IntegerConv2D(64, 7, strides=2)
    layer.build((None, 64, 64, 3))
    return layer


EXTREMES = {  # of kernel and pixels: the largest sum there is; sums that all but cancel; a trained one's kind
    "largest": lambda rng: (np.full((7, 7, 3, 64), 0.3), np.full((2, 64, 64, 3), 255)),
    "cancelling": lambda rng: (rng.choice([-0.3, 0.3], (7, 7, 3, 64)), rng.choice([0, 255], (2, 64, 64, 3))),
    "usual": lambda rng: (
        rng.normal(0, rng.uniform(1e-3, 1, 64), (7, 7, 3, 64)),
        rng.integers(0, 256, (2, 64, 64, 3)),
    ),
}


@pytest.mark.parametrize("case", EXTREMES)
def test_integer_convolution_sums_whole_numbers_exactly(case, stem, rng):
    kernel, pixels = EXTREMES[case](rng)
    stem.kernel.assign(kernel)
    numbers, factor = (np.asarray(part) for part in stem.whole())
    assert np.array_equal(numbers, np.round(numbers)) and (np.abs(numbers).max(axis=(0, 1, 2)) == 127).all()
    assert (np.abs(numbers * factor - kernel) <= factor / 2 * 1.01).all()
    sums = sums_of(pixels, numbers)
    assert np.abs(sums).max() < 2**23
    images = (pixels / 255).astype(np.float32)
    for run in (stem, tf.function(stem)):
        np.testing.assert_array_equal(run(images), sums.astype(np.float32) * stem.multiplier())
    stem.kernel.assign(numbers * factor)
    for again, first in zip(stem.whole(), (numbers, factor), strict=True):
        np.testing.assert_array_equal(again, first)


def test_integer_convolution_is_near_the_real_one_and_has_its_gradient(stem, rng):
    images = tf.constant(rng.integers(0, 256, (2, 64, 64, 3)) / 255, tf.float32)
    stem.kernel.assign(stem.kernel * rng.uniform(0.01, 2, 64))
    stem.kernel[..., 0].assign(tf.zeros((7, 7, 3)))  # a channel without weights stays one
    numbers, factor = stem.whole()
    rounded = tf.Variable(numbers * factor)
    with tf.GradientTape() as tape:
        y = stem(images)
        loss = tf.reduce_sum(tf.square(y))
    with tf.GradientTape() as plain:
        z = tf.nn.conv2d(images, rounded, 2, "SAME")
        wanted = tf.reduce_sum(tf.square(z))
    np.testing.assert_allclose(y, z, atol=1e-5)
    found, wanted = tape.gradient(loss, stem.kernel), plain.gradient(wanted, rounded)
    np.testing.assert_allclose(found[..., 1:], wanted[..., 1:], rtol=1e-3, atol=1e-2)
    assert np.isfinite(found).all()


def test_integer_convolution_reads_the_pixels_that_bfloat16_does_not_tell_apart(stem, rng):
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        half = IntegerConv2D.from_config(stem.get_config())
        images = tf.constant(rng.integers(0, 256, (1, 64, 64, 3)) / 255, tf.float32)
        half.build(images.shape)
        half.set_weights(stem.get_weights())
        y = half(images)
        following = tf.keras.layers.ReLU()(y)
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    np.testing.assert_array_equal(y, stem(images))
    assert following.dtype == tf.bfloat16


@pytest.fixture
def norm(rng):
    layer = Norm(momentum=0.9, epsilon=1e-5)
    layer.build((None, None, None, 512))
    values = rng.normal(size=(3, 512))
    values[0, :3] = 0, 1e-12, -1e-12
    layer.set_weights([*values, rng.uniform(0.1, 2, 512)])
    return layer


def test_inference_of_a_normalisation_is_two_operations(norm, rng):
    """Also compiled: NumPy gives the bits, on every side of the turn."""
    gamma, beta, mean, variance = (np.float64(values) for values in norm.get_weights())
    gamma[:3] = 1e-9, 1e-9, -1e-9
    slope = np.sign(gamma) * np.sqrt(gamma**2 / (variance + 1e-5))
    turn, slope = (mean - beta / slope).astype(np.float32), slope.astype(np.float32)
    x = np.stack([np.nextafter(turn, np.float32(-np.inf)), turn, np.nextafter(turn, np.float32(np.inf))])
    x = np.concatenate([x, rng.normal(size=(9, 512))]).astype(np.float32)[None, None]
    for run in (norm, tf.function(norm), tf.function(norm, jit_compile=True)):
        np.testing.assert_array_equal(run(tf.constant(x)), (x - turn) * slope)


def test_a_normalisation_is_keras_s(norm, rng):
    plain = tf.keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    plain.build((None, None, None, 512))
    plain.set_weights(norm.get_weights())
    x = tf.constant(rng.normal(size=(4, 5, 5, 512)), tf.float32)
    np.testing.assert_allclose(norm(x), plain(x), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(norm(x, training=True), plain(x, training=True))
    np.testing.assert_array_equal(norm.moving_mean, plain.moving_mean)
