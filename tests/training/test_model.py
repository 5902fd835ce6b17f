"""The network as it is trained: its rate, its teacher."""

import numpy as np
import pytest
import tensorflow as tf
from crosses import assert_same, tiny

from bnn_landmarks.network.layers import BinaryConv2D
from bnn_landmarks.training import trainer
from bnn_landmarks.training.model import build_for_training, learning_rate

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


def test_a_wider_window_is_a_smaller_gain():
    usual, wide = build_for_training(tiny()), build_for_training(tiny(window=2.0))
    signed = [layer.name for layer in usual.layers if isinstance(layer, BinaryConv2D)]
    assert signed == ["second"]
    np.testing.assert_array_equal(usual.get_layer("second_bn").gamma, np.ones(8))
    np.testing.assert_array_equal(wide.get_layer("second_bn").gamma, np.full(8, 0.5))
    np.testing.assert_array_equal(wide.get_layer("first_bn").gamma, np.ones(3))
