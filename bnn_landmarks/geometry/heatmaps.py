"""Landmarks <-> heatmaps: `encode` and `decode` in NumPy, `encode_tf` and `decode_tf` for graphs. Nowhere else.

Map pixel i covers crop pixels stride * i ... stride * i + stride - 1, so its centre is crop pixel
stride * (i + 0.5) - 0.5.
"""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

from bnn_landmarks.spec import SCORES

QUARTER = 0.25
WINDOW = 3
WINDOW_Y, WINDOW_X = np.mgrid[-WINDOW : WINDOW + 1, -WINDOW : WINDOW + 1].astype(np.int32)


def encode(
    points: ArrayLike, labelled: ArrayLike, size: int, stride: int = 4, sigma: float = 1.75
) -> np.ndarray:
    """Gaussian maps float32 [..., size, size, K], peak 1 at the landmark's exact place, 0 where not labelled.

    Args:
        points: float [..., K, 2], crop pixels. labelled: [..., K], 0 for landmarks to leave out.
        size: side of the maps. sigma: standard deviation in map pixels; 1.75 is what the authors' "1 pixel" draws.
    """
    centres = (np.asarray(points, np.float32) + 0.5) / stride - 0.5
    grid = np.arange(size, dtype=np.float32)
    # [..., 1, size, K] along x, [..., size, 1, K] along y
    x = np.exp(-np.square(grid[:, None] - centres[..., None, :, 0]) / (2 * sigma**2))
    y = np.exp(-np.square(grid[:, None] - centres[..., None, :, 1]) / (2 * sigma**2))
    mask = (np.asarray(labelled) > 0).astype(np.float32)
    return x[..., None, :, :] * y[..., :, None, :] * mask[..., None, None, :]


def decode(maps: ArrayLike, stride: int, score: str) -> tuple[np.ndarray, np.ndarray]:
    """Maps [..., H, W, K] -> points float32 [..., K, 2] in crop pixels and the largest values [..., K].

    score says how the map was learned (`Spec.score`):

    "sigmoid": the largest value's place, the first in row order of equal ones, moved a quarter map pixel towards the
    larger neighbour in x and in y (Newell et al. 2016; interior only, equal neighbours do not move it).
    "softmax": the map's softmax is the landmark's distribution, and the point its mean over the window that holds most
    of it, `WINDOW` map pixels to each side of its middle (as in DSNT, Nibali et al. 2018, but local, for there may be a
    second subject).

    Raises:
        ValueError: another score.
    """
    _check(score)
    maps = np.asarray(maps)
    lead, (height, width, count) = maps.shape[:-3], maps.shape[-3:]
    flat = maps.reshape(-1, height, width, count)
    places = _window_means(flat) if score == "softmax" else _quarter_peaks(flat)
    points = stride * (places + 0.5) - 0.5
    return points.astype(np.float32).reshape(*lead, count, 2), flat.max(axis=(1, 2)).reshape(*lead, count)


def _check(score):
    if score not in SCORES:
        raise ValueError(f"score must be one of {', '.join(SCORES)}, not {score!r}")


def _largest(maps):
    """Columns x and rows y [N, K] of the largest values of [N, H, W, K]."""
    y, x = np.divmod(maps.reshape(len(maps), -1, maps.shape[3]).argmax(axis=1), maps.shape[2])
    return x, y


def _window_means(maps):
    """[N, H, W, K] -> [N, K, 2], map pixels. In float64, so that windows of equal mass are equal everywhere."""
    shares = np.exp((maps - maps.max(axis=(1, 2), keepdims=True)).astype(np.float64))
    padded = np.pad(shares, ((0, 0), (WINDOW, WINDOW), (WINDOW, WINDOW), (0, 0)))
    side = 2 * WINDOW + 1
    rows = sliding_window_view(padded, side, axis=1).sum(axis=-1)
    x, y = _largest(sliding_window_view(rows, side, axis=2).sum(axis=-1))
    windows = sliding_window_view(padded, (side, side), axis=(1, 2))
    best = windows[np.arange(len(maps))[:, None], y, x, np.arange(maps.shape[3])]
    moved = [(best * offset).sum(axis=(2, 3)) / best.sum(axis=(2, 3)) for offset in (WINDOW_X, WINDOW_Y)]
    return np.stack([x + moved[0], y + moved[1]], axis=-1)


def _quarter_peaks(maps):
    """[N, H, W, K] -> [N, K, 2], map pixels."""
    n, k = np.arange(len(maps))[:, None], np.arange(maps.shape[3])
    height, width = maps.shape[1:3]
    x, y = _largest(maps)
    inside = (x > 0) & (x < width - 1) & (y > 0) & (y < height - 1)
    left, right, up, down = (
        np.clip(v, 0, m - 1) for v, m in ((x - 1, width), (x + 1, width), (y - 1, height), (y + 1, height))
    )
    dx = np.where(inside, np.sign(maps[n, y, right, k] - maps[n, y, left, k]), 0) * QUARTER
    dy = np.where(inside, np.sign(maps[n, down, x, k] - maps[n, up, x, k]), 0) * QUARTER
    return np.stack([x + dx, y + dy], axis=-1)


def scores(maps: ArrayLike, score: str, sigma: float) -> np.ndarray:
    """Confidence in [0, 1] of each map's peak, float32 [..., K].

    score "sigmoid": the peak's sigmoid. "softmax": the peak's share of the softmax over positions, over the share it
    has in the Gaussian the network learned, 1 / (2 pi sigma^2).

    Raises:
        ValueError: another score.
    """
    _check(score)
    maps = np.asarray(maps, np.float32)
    flat = maps.reshape(*maps.shape[:-3], -1, maps.shape[-1])
    peak = flat.max(axis=-2)
    if score == "sigmoid":
        return 1 / (1 + np.exp(-peak))
    share = 1 / np.exp(flat - peak[..., None, :]).sum(axis=-2)
    return np.minimum(1, share * np.float32(2 * np.pi * sigma**2))


def encode_tf(points: Any, labelled: Any, size: int, stride: int = 4, sigma: float = 1.75) -> Any:
    """`encode` as TensorFlow ops on float32 [N, K, 2] and [N, K] -> [N, size, size, K]."""
    import tensorflow as tf

    centres = (points + 0.5) / stride - 0.5
    grid = tf.range(size, dtype=tf.float32)
    x = tf.exp(-tf.square(grid[:, None] - centres[:, None, :, 0]) / (2 * sigma**2))
    y = tf.exp(-tf.square(grid[:, None] - centres[:, None, :, 1]) / (2 * sigma**2))
    mask = tf.cast(labelled > 0, tf.float32)
    return x[:, None, :, :] * y[:, :, None, :] * mask[:, None, None, :]


def decode_tf(maps: Any, stride: int, score: str) -> Any:
    """`decode` as TensorFlow ops: [N, H, W, K] -> float32 points [N, K, 2] in crop pixels."""
    import tensorflow as tf

    maps = tf.cast(maps, tf.float32)
    place = _window_means_tf(maps) if score == "softmax" else _quarter_peaks_tf(maps)
    return stride * (tf.cast(place, tf.float32) + 0.5) - 0.5


def _largest_tf(maps):
    import tensorflow as tf

    _, height, width, count = maps.shape
    index = tf.argmax(tf.reshape(maps, (-1, height * width, count)), axis=1, output_type=tf.int32)
    return index % width, index // width


def _picker(maps):
    """at(rows, columns), [N, K, ...] each: the values there."""
    import tensorflow as tf

    _, height, width, count = maps.shape
    flat = tf.transpose(tf.reshape(maps, (-1, height * width, count)), (0, 2, 1))
    return lambda rows, columns: tf.gather(flat, rows * width + columns, batch_dims=2)


def _window_means_tf(maps):
    import tensorflow as tf

    shares = tf.exp(tf.cast(maps - tf.reduce_max(maps, axis=(1, 2), keepdims=True), tf.float64))
    padded = tf.pad(shares, ((0, 0), (WINDOW, WINDOW), (WINDOW, WINDOW), (0, 0)))
    x, y = _largest_tf(tf.nn.avg_pool2d(padded, 2 * WINDOW + 1, 1, "VALID"))
    best = _picker(padded)(y[..., None, None] + WINDOW_Y + WINDOW, x[..., None, None] + WINDOW_X + WINDOW)
    total = tf.reduce_sum(best, axis=(2, 3))
    dx, dy = (
        tf.reduce_sum(best * offset.astype(float), axis=(2, 3)) / total for offset in (WINDOW_X, WINDOW_Y)
    )
    return tf.stack([tf.cast(x, tf.float64) + dx, tf.cast(y, tf.float64) + dy], axis=-1)


def _quarter_peaks_tf(maps):
    import tensorflow as tf

    height, width = maps.shape[1:3]
    x, y = _largest_tf(maps)
    at = _picker(maps)
    inside = tf.cast((x > 0) & (x < width - 1) & (y > 0) & (y < height - 1), tf.float32)
    left, right = tf.maximum(x - 1, 0), tf.minimum(x + 1, width - 1)
    up, down = tf.maximum(y - 1, 0), tf.minimum(y + 1, height - 1)
    dx = inside * tf.sign(at(y, right) - at(y, left)) * QUARTER
    dy = inside * tf.sign(at(down, x) - at(up, x)) * QUARTER
    return tf.stack([tf.cast(x, tf.float32) + dx, tf.cast(y, tf.float32) + dy], axis=-1)
