"""Heatmaps: encode and decode are inverse to a fraction of a pixel, in NumPy and in TensorFlow alike."""

import numpy as np
import pytest
import tensorflow as tf

from bnn_landmarks.geometry import crops, heatmaps


def test_peak_is_one_at_the_landmark():
    maps = heatmaps.encode([[4 * (10 + 0.5) - 0.5, 4 * (20 + 0.5) - 0.5]], [1], 64)
    assert maps.shape == (64, 64, 1)
    assert maps[20, 10, 0] == pytest.approx(1)
    assert np.unravel_index(maps[..., 0].argmax(), (64, 64)) == (20, 10)


def test_the_gaussian_is_the_authors(rng):
    """Sigma 1.75: Torch's 7-pixel kernel falls to exp(-9 / (2 * 1.75^2)) three pixels out."""
    maps = heatmaps.encode([[4 * 10.5 - 0.5, 4 * 10.5 - 0.5]], [1], 32)
    assert maps[10, 13, 0] == pytest.approx(np.exp(-9 / (2 * 1.75**2)), rel=1e-5)


def test_decode_inverts_encode_to_a_quarter_of_a_map_pixel(rng):
    points = rng.uniform(8, 248, (50, 16, 2)).astype(np.float32)
    maps = heatmaps.encode(points, np.ones((50, 16)), 64)
    found, peaks = heatmaps.decode(maps, 4, "sigmoid")
    assert np.abs(found - points).max() <= 4 * 0.25 + 1e-3
    assert peaks.min() > 0.9


def test_places_on_the_quarter_grid_come_back_exactly():
    places = np.array([[20.25, 30.75], [20.75, 30.25], [33.25, 12.25]])
    points = 4 * (places + 0.5) - 0.5
    found, _ = heatmaps.decode(heatmaps.encode(points, np.ones(3), 64), 4, "sigmoid")
    np.testing.assert_allclose(found, points, atol=1e-4)


@pytest.mark.parametrize("rotation", [0.0, 40.0])
def test_image_points_survive_the_whole_way(rotation, rng):
    """Image -> crop -> maps -> crop -> image: within the quarter grid's error, in image pixels."""
    side, size = 300.0, 256
    matrix = crops.affine([400, 300], side, size, rotation)
    points = np.array([400, 300]) + rng.uniform(-100, 100, (40, 2))
    maps = heatmaps.encode(crops.transform(points, matrix), np.ones(40), 64)
    back = crops.restore(heatmaps.decode(maps, 4, "sigmoid")[0], matrix)
    assert np.abs(back - points).max() <= 4 * 0.25 * side / size * np.sqrt(2) + 1e-3


def test_unlabelled_landmarks_have_empty_maps():
    maps = heatmaps.encode([[20, 20], [30, 30]], [1, 0], 16)
    assert maps[..., 0].max() > 0.9
    assert (maps[..., 1] == 0).all()


def test_encode_agrees_with_tensorflow(rng):
    points = rng.uniform(-20, 280, (3, 7, 2)).astype(np.float32)
    labelled = rng.integers(0, 2, (3, 7))
    expected = heatmaps.encode(points, labelled, 64, sigma=1.25)
    got = heatmaps.encode_tf(tf.constant(points), tf.constant(labelled), 64, sigma=1.25)
    np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.mark.parametrize("place", [(20.0, 30.0), (20.3, 30.8), (9.5, 14.5), (3.2, 40.6)])
@pytest.mark.parametrize("sigma", [1.0, 1.25])
def test_a_distribution_comes_back_to_a_tenth_of_a_crop_pixel(place, sigma):
    """Logits of a Gaussian, at places between the quarter's; what is left is the tails that the window cuts off."""
    point = 4 * (np.array([place]) + 0.5) - 0.5
    logits = np.log(heatmaps.encode(point, [1], 64, sigma=sigma) + 1e-12) + 7
    found, _ = heatmaps.decode(logits, 4, "softmax")
    assert np.abs(found - point).max() < (0.1 if sigma == 1 else 0.3)


def test_a_distribution_at_the_corner_is_cut_there():
    logits = np.full((8, 8, 1), -20.0, np.float32)
    logits[0, 0] = logits[0, 2] = 3
    found, peaks = heatmaps.decode(logits, 4, "softmax")
    np.testing.assert_allclose(found[0], [4 * 1.5 - 0.5, 1.5], atol=1e-4)
    assert peaks[0] == 3


def test_a_second_subject_does_not_pull():
    logits = np.full((32, 32, 1), -20.0, np.float32)
    logits[5, 5], logits[25, 25] = 3, 2.9
    np.testing.assert_allclose(heatmaps.decode(logits, 4, "softmax")[0][0], [21.5, 21.5], atol=1e-4)


def test_most_of_the_distribution_outweighs_its_peak():
    """A spike of 0.3 against 0.1 on each of five neighbours elsewhere: of 0.8 in all 0.5 lie there."""
    logits = np.full((32, 32, 1), -30.0, np.float32)
    logits[3, 3] = np.log(0.3)
    for y, x in ((20, 20), (20, 21), (20, 19), (21, 20), (19, 20)):
        logits[y, x] = np.log(0.1)
    points, peaks = heatmaps.decode(logits, 4, "softmax")
    np.testing.assert_allclose(points[0], [4 * 20.5 - 0.5] * 2, atol=1e-4)
    assert peaks[0] == np.float32(np.log(0.3))


def test_decode_agrees_with_tensorflow(rng):
    maps = rng.normal(size=(4, 16, 20, 9)).astype(np.float32)
    maps[0, 0, 3] = 9  # peaks on the border
    maps[1, :, -1] = 9  # several equal maxima
    np.testing.assert_array_equal(
        heatmaps.decode(maps, 4, "sigmoid")[0], heatmaps.decode_tf(tf.constant(maps), 4, "sigmoid")
    )
    by_mean, in_graph = (f(maps, 4, "softmax") for f in (heatmaps.decode, heatmaps.decode_tf))
    np.testing.assert_allclose(by_mean[0], in_graph, atol=1e-4)


def test_decode_by_hand():
    maps = np.zeros((5, 6, 3), np.float32)
    maps[2, 3, 0], maps[2, 4, 0], maps[1, 3, 0] = 5, 1, 1  # neighbours right and above are larger
    maps[0, 0, 1] = 1  # a corner: not moved
    points, peaks = heatmaps.decode(maps, 4, "sigmoid")
    np.testing.assert_allclose(points[0], [4 * (3.25 + 0.5) - 0.5, 4 * (1.75 + 0.5) - 0.5])
    np.testing.assert_allclose(points[1], [1.5, 1.5])
    np.testing.assert_allclose(peaks, [5, 1, 0])


def test_scores():
    maps = np.full((8, 8, 2), -20.0, np.float32)
    maps[3, 3, 0] = 0.0
    assert heatmaps.scores(maps, "sigmoid", 1.25)[0] == pytest.approx(0.5)
    soft = heatmaps.scores(maps, "softmax", 1.25)
    assert soft[0] == 1.0  # all mass on one place: surer than the Gaussian it learned
    assert soft[1] == pytest.approx(2 * np.pi * 1.25**2 / 64)  # a flat map


def test_a_perfect_softmax_map_scores_about_one():
    gauss = heatmaps.encode([[4 * 16.5 - 0.5] * 2], [1], 32, sigma=1.25)
    maps = np.log(np.maximum(gauss, 1e-12))
    assert heatmaps.scores(maps, "softmax", 1.25)[0] == pytest.approx(1, abs=0.01)
