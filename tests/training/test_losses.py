"""Losses: their value worked out by hand, masks, and gradients that point home."""

import numpy as np
import pytest
import tensorflow as tf

from bnn_landmarks.geometry import heatmaps
from bnn_landmarks.inference.localizer import parts_mask
from bnn_landmarks.spec import Spec
from bnn_landmarks.training import losses
from bnn_landmarks.training.augment import ABSENT

SIZE, STRIDE, SIGMA = 8, 4, 1.0


def batch(labelled=(1.0, 1.0)):
    """Two landmarks of one image, the first at the centre of map pixel (2, 5)."""
    points = [[2.5 * STRIDE - 0.5, 5.5 * STRIDE - 0.5], [12.0, 6.0]]
    return tf.constant([[[*p, m] for p, m in zip(points, labelled, strict=True)]], tf.float32)


def gauss(landmarks):
    array = landmarks.numpy()
    return heatmaps.encode(array[..., :2], array[..., 2], SIZE, STRIDE, SIGMA)


def test_sigmoid_l2_and_softmax_are_what_their_formulas_say():
    landmarks = batch()
    maps = np.random.default_rng(0).normal(size=(1, SIZE, SIZE, 2)).astype(np.float32)
    target = gauss(landmarks)
    probability = 1 / (1 + np.exp(-maps))
    sigmoid = -(target * np.log(probability) + (1 - target) * np.log(1 - probability)).mean()
    softmax = np.exp(maps) / np.exp(maps).sum(axis=(1, 2), keepdims=True)
    share = target / target.sum(axis=(1, 2), keepdims=True)
    cross = -(share * np.log(softmax)).sum(axis=(1, 2)).mean()
    for name, expected in (("sigmoid", sigmoid), ("l2", np.square(maps - target).mean()), ("softmax", cross)):
        loss = losses.landmark_loss(name, STRIDE, SIGMA)(landmarks, tf.constant(maps))
        assert float(loss) == pytest.approx(expected, rel=1e-5), name


@pytest.mark.parametrize("name", ["sigmoid", "l2", "softmax"])
def test_a_landmark_without_label_or_outside_the_crop_leaves_the_loss(name):
    loss = losses.landmark_loss(name, STRIDE, SIGMA)
    maps = tf.Variable(np.random.default_rng(0).normal(size=(1, SIZE, SIZE, 2)).astype(np.float32))
    outside = batch().numpy()
    outside[0, 1, 0] = SIZE * STRIDE
    for landmarks in (batch((1.0, 0.0)), tf.constant(outside)):
        with tf.GradientTape() as tape:
            value = loss(landmarks, maps)
        gradient = tape.gradient(value, maps).numpy()
        assert (gradient[..., 1] == 0).all() and (gradient[..., 0] != 0).any()
    assert float(loss(batch((0.0, 0.0)), maps)) == 0


@pytest.mark.parametrize("name", ["sigmoid", "l2", "softmax"])
def test_the_gradient_raises_the_map_at_the_landmark(name):
    maps = tf.Variable(tf.zeros((1, SIZE, SIZE, 2)))
    with tf.GradientTape() as tape:
        value = losses.landmark_loss(name, STRIDE, SIGMA)(batch(), maps)
    up = -tape.gradient(value, maps).numpy()[0, :, :, 0]
    assert np.unravel_index(up.argmax(), up.shape) == (5, 2)


def test_parts_is_the_log_softmax_of_the_right_class():
    maps = np.random.default_rng(0).normal(size=(1, 2, 2, 7)).astype(np.float32)
    labels = np.array([[[0, 1], [6, 3]]], np.uint8)
    log = maps - np.log(np.exp(maps).sum(axis=-1, keepdims=True))
    expected = -np.take_along_axis(log, labels[..., None].astype(int), axis=-1).mean()
    assert float(losses.landmark_loss("parts")(labels, maps)) == pytest.approx(expected, rel=1e-5)


def test_parts_are_judged_on_the_pixels_that_the_mask_is_made_on():
    """The logits between map pixels are those of which `parts_mask` takes the largest."""
    spec = Spec("t", task="parts", scheme="parts7", input_size=64, channels=32)
    maps = np.random.default_rng(0).normal(size=(16, 16, 7)).astype(np.float32)
    mask = parts_mask(maps, np.eye(2, 3), (64, 64), spec)
    loss = losses.landmark_loss("parts")
    sure = float(loss(mask[None], 1000 * maps[None]))
    assert sure < 1, (
        "at the limit of large logits it is the share of pixels that are wrong, times their distance"
    )
    assert sure < 0.01 * float(loss((mask[None] + 1) % 7, 1000 * maps[None]))


def test_balanced_parts_weigh_each_class_by_the_root_of_its_pixels():
    maps = np.random.default_rng(0).normal(size=(1, 2, 2, 7)).astype(np.float32)
    labels = np.array([[[0, 0], [0, 3]]], np.uint8)
    each = [
        float(losses.landmark_loss("parts")(labels[:, y : y + 1, x : x + 1], maps[:, y : y + 1, x : x + 1]))
        for y in (0, 1)
        for x in (0, 1)
    ]
    expected = (np.sqrt(3) * np.mean(each[:3]) + each[3]) / (np.sqrt(3) + 1)
    found = float(losses.landmark_loss("parts_balanced")(labels, maps))
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", losses.LOSSES)
def test_distillation_has_no_gradient_at_the_teachers_own_maps(name):
    teacher = tf.constant(np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype(np.float32))
    match = losses.distillation(name)
    slopes = []
    for start in (teacher, teacher + tf.random.stateless_normal(teacher.shape, (1, 2))):
        maps = tf.Variable(start)
        with tf.GradientTape() as tape:
            value = match(maps, teacher)
        slopes.append(float(tf.norm(tape.gradient(value, maps))))
    assert slopes[0] < 1e-6 < 1e-3 < slopes[1]


def test_an_unknown_loss_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match="the losses are softmax, sigmoid, l2, parts"):
        losses.landmark_loss("huber")


@pytest.mark.parametrize("name", ["sigmoid", "l2", "softmax"])
def test_a_landmark_that_is_nowhere_loses_its_score(name):
    """From a sure peak the gradient leads to a map whose score is the least that the kind of score has."""
    maps = tf.Variable(np.zeros((1, SIZE, SIZE, 2), np.float32))
    maps[0, 5, 2].assign([9.0, 9.0])
    loss = losses.landmark_loss(name, STRIDE, SIGMA)
    absent = batch((ABSENT, 0.0))
    with tf.GradientTape() as tape:
        value = loss(absent, maps)
    gradient = tape.gradient(value, maps).numpy()
    assert np.unravel_index(gradient[..., 0].argmax(), (1, SIZE, SIZE)) == (0, 5, 2)
    assert (gradient[..., 1] == 0).all(), "one that is not labelled still leaves the loss"
    if name == "softmax":
        even = float(loss(absent, tf.zeros((1, SIZE, SIZE, 2))))
        assert even == pytest.approx(np.log(SIZE**2), rel=1e-5) and even < float(value)
        score = heatmaps.scores(np.zeros((1, SIZE, SIZE, 2)), "softmax", SIGMA)
        assert score[0, 0] == pytest.approx(2 * np.pi * SIGMA**2 / SIZE**2, rel=1e-5)
