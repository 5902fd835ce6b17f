import numpy as np
import pytest

from bnn_landmarks.geometry.smooth import OneEuro

FRAME = 1 / 30


def test_the_first_points_are_taken_as_they_are(rng):
    points = rng.normal(size=(5, 2))
    assert np.array_equal(OneEuro()(points, FRAME, 100), points)


def test_what_stands_still_trembles_less(rng):
    smooth = OneEuro()
    noisy = 50 + rng.normal(0, 1, (200, 4, 2))
    out = np.array([smooth(points, FRAME, 200) for points in noisy])
    assert out[20:].std() < 0.6 * noisy[20:].std()
    assert np.abs(out[20:].mean() - 50) < 0.3


def test_what_moves_fast_is_not_left_behind():
    smooth = OneEuro()
    path = np.arange(60)[:, None, None] * np.array([[10.0, 0.0]])
    out = np.array([smooth(points, FRAME, 200) for points in path])
    assert 0 <= (path - out)[-1, 0, 0] < 20  # two frames of ten pixels


def test_near_and_far_subjects_are_smoothed_alike(rng):
    path = np.cumsum(rng.normal(size=(30, 3, 2)), axis=0)
    near, far = OneEuro(), OneEuro()
    for points in path:
        assert np.allclose(near(points * 10, FRAME, 1000), 10 * far(points, FRAME, 100))


def test_reset_forgets():
    smooth = OneEuro()
    smooth(np.zeros((1, 2)), FRAME, 10)
    smooth.reset()
    assert smooth(np.full((1, 2), 9.0), FRAME, 10).tolist() == [[9, 9]]


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_time_must_pass(seconds):
    with pytest.raises(ValueError, match="seconds"):
        OneEuro()(np.zeros((1, 2)), seconds, 10)
