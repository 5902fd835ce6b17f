"""The network as it is trained: its rate, its teacher."""

import numpy as np
import pytest
import tensorflow as tf
from crosses import assert_same, tiny

from bnn_landmarks.network import weights
from bnn_landmarks.network.layers import BinaryConv2D
from bnn_landmarks.training import trainer
from bnn_landmarks.training.model import build_for_training, learning_rate, widen

pytestmark = pytest.mark.usefixtures("small_network")


def test_the_rate_rises_falls_and_steps():
    cosine = learning_rate(tiny(samples=400, learning_rate=1.0, warmup=0.1))
    np.testing.assert_allclose([cosine(s) for s in (0, 5, 10, 55, 100)], [0, 0.5, 1, 0.5, 0], atol=1e-6)
    hold = learning_rate(tiny(samples=400, learning_rate=1.0, warmup=0.1, schedule="hold"))
    np.testing.assert_allclose([hold(s) for s in (0, 5, 10, 55, 100, 10**6)], [0, 0.5, 1, 1, 1, 1], atol=1e-6)
    decay = learning_rate(tiny(samples=400, learning_rate=1.0, schedule="decay", trunk=800))
    np.testing.assert_allclose([decay(s) for s in (200, 225, 300)], [1, 0.75, 0], atol=1e-6)
    steps = learning_rate(tiny(samples=400, learning_rate=1.0, schedule=((0.5, 0.1), (0.9, 0.01))))
    np.testing.assert_allclose([steps(s) for s in (0, 50, 51, 90, 91)], [1, 1, 0.1, 0.1, 0.01])


@pytest.mark.slow
def test_a_teacher_adds_to_the_loss(data, tmp_path):
    trainer.train(tiny(samples=8), data, tmp_path / "teacher")
    teacher = str(tmp_path / "teacher" / "weights.npz")
    plain = trainer.train(tiny(samples=8), data, tmp_path / "plain")
    silent = trainer.train(tiny(samples=8, teacher=teacher, teacher_weight=0.0), data, tmp_path / "silent")
    heard = trainer.train(tiny(samples=8, teacher=teacher, teacher_weight=1.0), data, tmp_path / "heard")
    assert_same(silent, plain)
    assert any((a != b).any() for a, b in zip(heard.get_weights(), plain.get_weights(), strict=True))
    with pytest.raises(ValueError, match="the teacher reads 64 pixels"):
        trainer.train(tiny({"spec.input_size": 128}, teacher=teacher), data, tmp_path / "other")


def losses_of_a_step(agreement):
    """The whole loss of the first step, and the part of the labels."""
    recipe = tiny(agreement=agreement)
    tf.keras.utils.set_random_seed(0)
    model, rng = build_for_training(recipe), np.random.default_rng(0)
    images = rng.integers(0, 256, (4, 64, 64, 3)) / np.float32(255)
    points = np.concatenate([rng.uniform(16, 48, (4, 3, 2)), np.ones((4, 3, 1))], -1).astype(np.float32)
    seen, original = [], model.compute_loss

    def compute_loss(x, y, y_pred, sample_weight):
        seen.append((x, y, y_pred, original(x, y, y_pred, sample_weight)))
        return seen[-1][-1]

    model.compute_loss, model.run_eagerly = compute_loss, True
    labels = model.train_on_batch(images, points)
    ((x, y, maps, whole),) = seen
    return images, points, np.array(x), np.array(y), np.array(maps), float(whole), labels


def test_two_views_differ_by_a_grey_level_and_should_agree():
    images, points, x, y, maps, whole, labels = losses_of_a_step(0.0)
    levels = 255 * (x - np.concatenate([images, images]))
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-3)
    assert 0.8 < levels.std() < 1.2 and not np.array_equal(x[:4], x[4:])
    np.testing.assert_array_equal(y, np.concatenate([points, points]))
    np.testing.assert_allclose(whole, labels, rtol=1e-5)

    def share(maps):
        flat = np.exp(maps.reshape(len(maps), -1, maps.shape[-1]).astype(np.float64))
        return flat / flat.sum(axis=1, keepdims=True)

    one, other = np.split(share(maps), 2)
    apart = -(one * np.log(other) + other * np.log(one)).sum(axis=1).mean()
    *_, weighed, labels = losses_of_a_step(3.0)
    np.testing.assert_allclose(weighed - labels, 3 / 2 * apart, rtol=1e-4)


def test_a_wider_window_is_a_smaller_gain(data, tmp_path):
    """Also of weights that a run starts from, whose signs stay."""
    first = trainer.build(tiny().spec)
    for layer, value in (("second_bn", (0.8, 0.1)), ("first_bn", (0.9, 0.2))):
        for variable, number in zip(first.get_layer(layer).weights[:2], value, strict=True):
            variable.assign(tf.fill(variable.shape, number))
    weights.save(first, tmp_path / "first.npz")
    recipe = tiny(samples=4, learning_rate=1e-9, window=2.0)
    wide = trainer.train(recipe, data, tmp_path / "wide", initial=tmp_path / "first.npz")
    assert [layer.name for layer in wide.layers if isinstance(layer, BinaryConv2D)] == ["second"]
    for layer, value in (("second_bn", (0.4, 0.05)), ("first_bn", (0.9, 0.2))):
        for array, number in zip(wide.get_layer(layer).get_weights()[:2], value, strict=True):
            np.testing.assert_allclose(array, number, rtol=1e-5)


def test_a_window_without_signs_is_refused():
    with pytest.raises(ValueError, match="has none: leave `window` at 1"):
        widen(tf.keras.Sequential([tf.keras.layers.Conv2D(2, 1, input_shape=(8, 8, 3))]), 2.0)
    with pytest.raises(ValueError, match="without stages"):
        tiny(window=2.0, stages=({"samples": 8}, {}))
