"""Losses on logits maps [N, H, W, K] against landmarks [N, K, 3]: x, y in crop pixels, and 1 where labelled.

A landmark that is not labelled, or lies outside the crop, leaves the loss: it is masked, not painted as absent. One
that is known to be nowhere in the crop (`augment.ABSENT` instead of 1) has an empty Gaussian; under "softmax", whose
map always sums to 1, it is as likely in every place as in any other: so its score is low.

    loss = landmark_loss("softmax", stride=4, sigma=1.25)

"sigmoid": cross-entropy of each pixel's sigmoid against the Gaussian map (the paper's, table 7).
"l2": squared difference of map and Gaussian (table 7's other row).
"softmax": cross-entropy of the softmax over a landmark's whole map against the Gaussian scaled to sum 1.
"parts": cross-entropy of the softmax over classes (the paper's LogSoftmax, appendix A3), against labels [N, S, S] of
the crop's pixels, between which the logits are interpolated as `localizer.parts_mask` does.
"parts_balanced": the same with each pixel weighted by one over the square root of its class's share of the batch.
"boxes": on targets of `boxes.encode`: CenterNet's focal loss of the centres (Zhou, Wang & Krähenbühl 2019, equation 1),
and at the bumps the distance of the four numbers of the box from the annotated ones, and how much of their union the
two boxes do not share (UnitBox, Yu et al. 2016, takes its logarithm): the numbers alone leave narrow boxes too wide.
"""

import tensorflow as tf

from bnn_landmarks.geometry import boxes
from bnn_landmarks.geometry.heatmaps import encode_tf
from bnn_landmarks.spec import CHANNELS
from bnn_landmarks.training.augment import ABSENT
from bnn_landmarks.training.recipe import BOXES, LOSSES, PARTS


def _masked_mean(values, mask):
    return tf.reduce_sum(values * mask) / tf.maximum(tf.reduce_sum(mask), 1.0)


def _softmax(maps, gauss):
    total = tf.reduce_sum(gauss, axis=(1, 2), keepdims=True)
    anywhere = 1 / tf.cast(tf.reduce_prod(tf.shape(gauss)[1:3]), gauss.dtype)
    target = tf.where(total > 0, gauss / tf.maximum(total, 1e-12), anywhere)
    log = maps - tf.reduce_logsumexp(maps, axis=(1, 2), keepdims=True)
    return -tf.reduce_sum(target * log, axis=(1, 2))


def _sigmoid(maps, gauss):
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(gauss, maps), axis=(1, 2))


def _l2(maps, gauss):
    return tf.reduce_mean(tf.square(maps - gauss), axis=(1, 2))


_PER_MAP = {"softmax": _softmax, "sigmoid": _sigmoid, "l2": _l2}


def in_crop(landmarks, side):
    """1.0 where a landmark [N, K, 3] is labelled and inside a crop of the given side, float32 [N, K]."""
    x, y, labelled = tf.unstack(landmarks, axis=-1)
    inside = (x > -0.5) & (x < side - 0.5) & (y > -0.5) & (y < side - 0.5)
    return tf.cast(inside & (labelled > 0), tf.float32)


def landmark_loss(name, stride=4, sigma=1.75):
    """The loss `name` as a function (y_true, maps) -> scalar, for `Model.compile`."""
    if name not in LOSSES:
        raise ValueError(f"unknown loss {name!r}; the losses are {', '.join(LOSSES)}")

    if name in PARTS:
        return _parts_loss(balanced=name == "parts_balanced")
    if name in BOXES:
        return _boxes_loss

    def loss(landmarks, maps):
        maps = tf.cast(maps, tf.float32)
        size = maps.shape[1]
        mask = in_crop(landmarks, size * stride)
        gauss = encode_tf(landmarks[..., :2], mask, size, stride, sigma)
        absent = tf.cast(landmarks[..., 2] == ABSENT, tf.float32)
        return _masked_mean(_PER_MAP[name](maps, gauss), mask + absent)

    return loss


def _parts_loss(balanced):
    def loss(labels, maps):
        logits = tf.image.resize(tf.cast(maps, tf.float32), labels.shape[1:3])
        right = tf.one_hot(tf.cast(labels, tf.int32), maps.shape[-1])
        each = tf.nn.softmax_cross_entropy_with_logits(right, logits)
        if not balanced:
            return tf.reduce_mean(each)
        pixels = tf.reduce_sum(right, axis=(0, 1, 2))
        weights = tf.linalg.matvec(right, tf.math.rsqrt(tf.maximum(pixels, 1.0)))
        return tf.reduce_sum(weights * each) / tf.reduce_sum(weights)

    return loss


def _boxes_loss(targets, maps):
    maps = tf.cast(maps, tf.float32)
    shape = (-1, *maps.shape[1:3], maps.shape[3] // CHANNELS)
    maps, targets = tf.reshape(maps, (*shape, CHANNELS)), tf.reshape(targets, (*shape, boxes.TARGETS))
    logits, bump, counts, weights = maps[..., 0], targets[..., 0], targets[..., 1], targets[..., -1:]
    centre = tf.cast(bump > 1 - 1e-4, tf.float32)
    score = tf.sigmoid(logits)
    there = centre * tf.square(1 - score) * tf.nn.softplus(-logits)
    nobody = (1 - centre) * tf.pow(1 - bump, 4) * tf.square(score) * tf.nn.softplus(logits)
    found = tf.reduce_sum(counts * (there + nobody)) / tf.maximum(tf.reduce_sum(centre), 1.0)
    numbers, wanted = maps[..., 1:], targets[..., 2:-1]
    away = tf.reduce_sum(tf.abs(numbers - wanted), -1, keepdims=True)
    return found + _masked_mean(away + 3 * (1 - _overlap(numbers, wanted)), weights)


def _overlap(a, b):
    """Intersection over union [..., 1] of boxes as a map pixel tells them [..., 4]: the centre's place, the sides'
    logarithms."""
    sides = [boxes.UNIT * tf.exp(tf.minimum(each[..., 2:], boxes.LARGEST_LOG)) for each in (a, b)]
    low = tf.maximum(*(each[..., :2] - side / 2 for each, side in zip((a, b), sides, strict=True)))
    high = tf.minimum(*(each[..., :2] + side / 2 for each, side in zip((a, b), sides, strict=True)))
    both = tf.reduce_prod(tf.maximum(high - low, 0.0), -1, keepdims=True)
    areas = [tf.reduce_prod(side, -1, keepdims=True) for side in sides]
    return both / tf.maximum(areas[0] + areas[1] - both, 1e-6)


def distillation(name):
    """The loss against a teacher's maps of the same images, (maps, teacher's maps) -> scalar (Hinton et al. 2015, at
    temperature 1): cross-entropy of what the maps mean under the loss `name`, squared difference for "l2"."""

    def over(axis):
        def loss(maps, teacher):
            target = tf.nn.softmax(_flat(teacher), axis)
            return -tf.reduce_mean(tf.reduce_sum(target * tf.nn.log_softmax(_flat(maps), axis), axis))

        return loss

    if name == "softmax":
        return over(1)
    if name in PARTS:
        return over(2)
    if name == "sigmoid":
        return lambda maps, teacher: tf.reduce_mean(
            tf.nn.sigmoid_cross_entropy_with_logits(tf.sigmoid(teacher), maps)
        )
    return lambda maps, teacher: tf.reduce_mean(tf.square(maps - teacher))


def _flat(maps):
    return tf.reshape(maps, (-1, maps.shape[1] * maps.shape[2], maps.shape[3]))
