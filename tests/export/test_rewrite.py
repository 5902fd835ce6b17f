"""The rewrites before conversion change nothing that the network computes."""

import numpy as np
import pytest
import tensorflow as tf

from bnn_landmarks.network.layers import BinaryConv2D, batch_norm
from export import lce, rewrite, verify


def norm(gamma, beta, mean, variance):
    layer = tf.keras.layers.BatchNormalization(epsilon=1e-5)
    layer.build((None, 1, 1, len(gamma)))
    layer.set_weights([np.asarray(values, np.float32) for values in (gamma, beta, mean, variance)])
    return layer


def signs(layer, x):
    return np.asarray(layer(x[:, None, None, :], training=False))[:, 0, 0] >= 0


def test_threshold_has_the_sign_of_the_norm_at_every_neighbour_of_the_turn(rng):
    count = 64
    layer = norm(
        rng.normal(0, 1, count), rng.normal(0, 1, count), rng.normal(0, 1, count), rng.uniform(0.1, 3, count)
    )
    threshold = rewrite.threshold(layer)
    turn = -threshold.offset * threshold.direction
    x = [turn]
    for _ in range(4):
        x = [np.nextafter(x[0], np.float32(-np.inf)), *x, np.nextafter(x[-1], np.float32(np.inf))]
    x = np.stack([*x, turn - 1e-3, turn + 1e-3, -1e6 + turn, 1e6 + turn]).astype(np.float32)
    expected = signs(layer, x)
    assert (expected.any(axis=0) & ~expected.all(axis=0)).all()
    assert np.array_equal(signs(threshold, x), expected)
    x = rng.normal(0, 2, (10000, count)).astype(np.float32)
    assert np.array_equal(signs(threshold, x), signs(layer, x))


def test_threshold_of_a_constant_and_of_a_fresh_norm():
    x = np.array([[-3e5], [-1.0], [-0.0], [0.0], [1.0], [3e5]], np.float32).repeat(3, axis=1)
    layer = norm([0, 0, 1], [-0.5, 0.5, 0], [0, 0, 0], [1, 1, 1])
    threshold = rewrite.threshold(layer)
    assert np.array_equal(signs(threshold, x), signs(layer, x))
    assert (threshold.offset != 0).all(), (
        "an addition of zeros would be dropped, and -0.0 would reach the sign"
    )
    assert not np.signbit(threshold(np.float32([[[[-0.0, -0.0, -0.0]]]])).numpy()[0, 0, 0, 2])


@pytest.mark.parametrize("scale", ["learned", "none"])
def test_threshold_after_a_binary_convolution_keeps_half_a_step_of_distance(scale, rng):
    count, terms = 64, 9 * 16
    conv = BinaryConv2D(count, 3, relu=False, scale_mode=scale)
    conv.build((None, 4, 4, 16))
    factor = np.ones(count, np.float32)
    if scale == "learned":
        conv.scale.assign(rng.normal(0, 1, count))
        conv.scale[0].assign(0.0)
        factor = conv.multiplier().numpy()
    spread = terms * np.abs(factor) + 1e-3
    layer = norm(
        rng.normal(0, 1, count), rng.normal(0, 0.2, count), spread * rng.normal(0, 0.5, count), spread**2
    )
    threshold = rewrite.threshold(layer, conv)
    x = factor * np.arange(-terms, terms + 1, dtype=np.float32)[:, None]
    assert np.array_equal(signs(threshold, x), signs(layer, x))
    distance = np.abs(np.asarray(threshold(x[:, None, None, :]))[:, 0, 0]).min(axis=0)
    assert (distance >= 0.5 * np.abs(factor)).all()


def test_threshold_of_whole_numbers_lies_midway_and_turns_where_the_layers_do(rng):
    """Behind a factor, a normalisation, a ReLU and a second normalisation; every sum near it is tried."""
    count = 64
    first = norm(
        rng.uniform(0.2, 1, count), rng.normal(0, 0.5, count), rng.normal(0, 99, count), [9e3] * count
    )
    second = norm(
        rng.normal(0, 1, count),
        rng.normal(0, 0.3, count),
        rng.uniform(0, 1, count),
        rng.uniform(0.1, 1, count),
    )
    factor = rng.uniform(1e-4, 1e-2, count).astype(np.float32)

    def layers(x):
        return tf.nn.relu(first(x * factor, training=False))

    threshold = rewrite.threshold(second, sums=layers)
    turn = -threshold.offset * threshold.direction
    assert (np.abs(turn) % 1 == 0.5).all()
    x = np.concatenate(
        [np.floor(turn) + np.arange(-50, 51)[:, None], rng.integers(-4_760_595, 4_760_596, (2000, count))]
    )
    x = np.clip(x, -4_760_595, 4_760_595).astype(np.float32)
    expected = signs(second, np.asarray(layers(x[:, None, None, :]))[:, 0, 0])
    assert np.array_equal(signs(threshold, x), expected)
    turning = expected.any(axis=0) & ~expected.all(axis=0)
    assert turning.sum() > count / 4 and not turning.all(), "a ReLU makes some channels constant"


def test_no_negative_zero_reaches_the_quantizer_of_a_fresh_network():
    """The ADD in front of LceQuantize must outlive the converter also where every offset is nil."""
    from bnn_landmarks.spec import Spec

    images = tf.keras.Input((8, 8, 3), name="image")
    x = tf.keras.layers.MaxPool2D(1, name="pool")(images)  # or the addition becomes a convolution's bias
    x = BinaryConv2D(8, 3, name="conv")(batch_norm(x, "conv_bn"))
    model = tf.keras.Model(images, tf.keras.layers.Activation("linear", name="maps")(x), name="one")
    model.spec = Spec("one", input_size=8)
    operators = verify.census(lce.convert(model)).operators
    assert operators["LceQuantize"] == operators["LceBconv2d"] == operators["ADD"] == 1


def test_rewritten_networks_are_the_network(tiny_model, rng):
    images = rng.integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
    expected = tiny_model(images.astype(np.float32) / 255).numpy()
    for rewritten in (rewrite.inference_model, rewrite.float_model):
        lean = rewritten(tiny_model, 1, "uint8")
        assert lean.input_shape == (1, 64, 64, 3) and lean.input.dtype == tf.uint8
        np.testing.assert_allclose(lean(images), expected, atol=1e-5 * np.abs(expected).max())
        kept = [layer for layer in lean.layers if isinstance(layer, rewrite.Affine)]
        assert {layer.name for layer in kept} == {"stem_bn", "head1_bn"}


def test_bad_arguments(tiny_model):
    with pytest.raises(ValueError, match="input must be float32 or uint8"):
        rewrite.inference_model(tiny_model, dtype="int8")
    with pytest.raises(ValueError, match="batch must be at least 1"):
        rewrite.inference_model(tiny_model, batch=0)
