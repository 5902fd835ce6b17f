"""The loss of the finder: least at what is to be learned, and silent where nothing counts."""

import numpy as np
import pytest
import tensorflow as tf

from bnn_landmarks.geometry import boxes
from bnn_landmarks.spec import CHANNELS
from bnn_landmarks.training.losses import landmark_loss

LOSS = landmark_loss("boxes")


def target(counts=1.0):
    return boxes.encode([[[20.0, 20.0, 40.0, 60.0]], []], np.full((2, 16, 16), counts, np.float32), 16)[None]


def maps_of(target, sure=8.0):
    target = target.reshape(1, 16, 16, 2, boxes.TARGETS)
    logits = np.where(target[..., :1] > 0.9999, sure, -sure)
    return np.concatenate([logits, target[..., 2:-1]], axis=-1).reshape(1, 16, 16, -1).astype(np.float32)


def value(target, maps):
    return float(LOSS(tf.constant(target), tf.constant(maps)))


def test_the_right_maps_cost_nothing_and_wrong_ones_do():
    right = maps_of(target())
    assert value(target(), right) < 0.01
    missed, invented, wide = right.copy(), right.copy(), right.copy()
    missed[..., 0] = -8
    invented[0, 1, 1, CHANNELS] = 8
    wide[..., 3] += 0.5
    assert value(target(), missed) > 5
    assert value(target(), invented) > 5
    not_in_common = 1 - np.exp(-0.5)
    assert value(target(), wide) == pytest.approx(value(target(), right) + 0.5 + 3 * not_in_common, rel=1e-3)
    shifted, far = right.copy(), right.copy()
    shifted[..., 1] += 0.2
    far[..., 1] += 30
    width, apart = 40 / 4, 30.0
    not_in_common = 1 - (width - 0.2) / (width + 0.2)
    assert value(target(), shifted) == pytest.approx(
        value(target(), right) + 0.2 + 3 * not_in_common, rel=1e-3
    )
    assert value(target(), far) == pytest.approx(value(target(), right) + apart + 3, rel=1e-3)


def test_nothing_is_learned_where_nothing_counts():
    maps = tf.Variable(np.random.default_rng(0).normal(0, 1, (1, 16, 16, 2 * CHANNELS)).astype(np.float32))
    with tf.GradientTape() as tape:
        loss = LOSS(tf.constant(target(counts=0.0)), maps)
    gradient = tape.gradient(loss, maps).numpy().reshape(16, 16, 2, CHANNELS)
    assert (gradient[:, :, 1] == 0).all()
    bump = target()[0].reshape(16, 16, 2, boxes.TARGETS)[..., 0, -1] > 0
    assert (gradient[~bump][:, 0] == 0).all() and (gradient[bump][:, 0] != 0).any()


def test_an_empty_batch_is_finite():
    empty = boxes.encode([[], []], np.ones((2, 16, 16), np.float32), 16)[None]
    assert np.isfinite(value(empty, np.zeros((1, 16, 16, 2 * CHANNELS), np.float32)))
