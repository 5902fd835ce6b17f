"""Metrics against cases worked out by hand, and the definitions of their papers."""

import numpy as np
import pytest

from bnn_landmarks.evaluation import metrics

NAMES = ("r_hip", "l_hip", "r_shoulder", "l_shoulder")


def test_pck_counts_what_lies_within_the_threshold():
    truth = np.zeros((2, 3, 2))
    points = np.array([[[3, 4], [0, 5.1], [9, 9]], [[0, 0], [10, 0], [0, 0]]])
    counted = np.array([[True, True, False], [True, True, True]])
    errors = metrics.normalised_errors(points, truth, counted, [10, 20])
    np.testing.assert_allclose(errors, [[0.5, 0.51, np.nan], [0, 0.5, 0]])
    right, counted = metrics.share_right(errors, 0.5)
    assert right.tolist() == [1, 3] and counted.tolist() == [2, 3]
    assert metrics.estimate([(right, counted)])["value"] == 80


def test_a_missed_landmark_is_wrong_and_an_image_without_length_is_left_out():
    points = np.array([[[np.nan, np.nan], [0, 0]], [[0, 0], [0, 0]]])
    errors = metrics.normalised_errors(points, np.zeros((2, 2, 2)), np.ones((2, 2)), [10, np.nan])
    assert np.isinf(errors[0, 0]) and errors[0, 1] == 0 and np.isnan(errors[1]).all()
    right, counted = metrics.share_right(errors, 0.5)
    assert right.tolist() == [1, 0] and counted.tolist() == [2, 0]
    np.testing.assert_allclose(metrics.image_errors(errors), [metrics.MISSED / 2, np.nan])


def test_torso_takes_the_other_diagonal_where_one_is_not_annotated():
    points = np.array([[0, 0], [10, 0], [0, -20], [10, -24]])
    assert metrics.torso(points, [1, 1, 1, 1], NAMES) == 26
    assert metrics.torso(points, [1, 1, 1, 0], NAMES) == np.hypot(10, 20)
    assert np.isnan(metrics.torso(points, [0, 0, 1, 1], NAMES))


def test_nme_is_the_mean_over_images_of_each_images_mean():
    errors = np.array([[0.02, 0.04, np.nan], [0.10, 0.10, 0.10]])
    found = metrics.estimate([metrics.mean_error(metrics.image_errors(errors))])
    assert found["value"] == pytest.approx(100 * (0.03 + 0.10) / 2)
    assert found["count"] == 2


def test_failure_rate_and_curve_area_of_three_images():
    per_image = np.array([0.01, 0.06, 0.08, np.nan])
    assert metrics.estimate([metrics.failures(per_image, 0.07)])["value"] == pytest.approx(100 / 3)
    # Under the staircase F(e): 1/3 from 0.01 to 0.06, 2/3 from 0.06 to 0.07.
    area = (0.05 / 3 + 0.01 * 2 / 3) / 0.07
    assert metrics.estimate([metrics.curve_area(per_image, 0.07)])["value"] == pytest.approx(100 * area)


def test_segmentation_measures_of_long_et_al():
    labels = np.array([[0, 0, 0, 1], [0, 1, 1, 1]])
    predicted = np.array([[0, 0, 1, 1], [0, 1, 1, 0]])
    matrix = metrics.confusion(labels, predicted, 3)
    np.testing.assert_array_equal(matrix, [[3, 1, 0], [1, 3, 0], [0, 0, 0]])
    pixel, accuracy, iu, each = metrics.segmentation(matrix)
    assert (pixel, accuracy) == (75, 75)
    assert iu == pytest.approx(60)
    np.testing.assert_allclose(each, [60, 60, np.nan])


def test_the_mean_of_bins_weighs_each_bin_the_same():
    bins = [
        (np.array([1.0, 0, 0]), np.array([1.0, 0, 0])),
        (np.array([0, 2.0, 4.0]), np.array([0, 1.0, 1.0])),
    ]
    assert metrics.estimate(bins)["value"] == pytest.approx(100 * (1 + 3) / 2)


def test_the_bootstrap_interval_is_that_of_a_proportion():
    right = np.arange(400) % 4 == 0
    found = metrics.estimate([(right, np.ones(400))])
    spread = 196 * np.sqrt(0.25 * 0.75 / 400)
    assert found["value"] == 25
    assert found["low"] == pytest.approx(25 - spread, abs=0.6)
    assert found["high"] == pytest.approx(25 + spread, abs=0.6)
    assert metrics.estimate([(right, np.ones(400))]) == found


def test_nothing_counted_has_no_value():
    found = metrics.estimate([(np.zeros(3), np.zeros(3))])
    assert found == {"value": None, "low": None, "high": None, "count": 0}
