"""Crops: points and pictures go through the same geometry and come back."""

import cv2
import numpy as np
import pytest

from bnn_landmarks.geometry import crops

PLACES = [
    ((40.0, 30.0, 80.0, 120.0), (200, 240)),  # inside
    ((-60.0, -20.0, 150.0, 90.0), (100, 300)),  # across the upper left border
    ((250.0, 70.0, 100.0, 100.0), (120, 300)),  # across the right border
    ((0.0, 0.0, 3.0, 7.0), (8, 9)),  # a few pixels
]


@pytest.mark.parametrize(("box", "shape"), PLACES)
@pytest.mark.parametrize("rotation", [0.0, 30.0, -75.0, 180.0])
@pytest.mark.parametrize("mirror", [False, True])
def test_points_come_back(box, shape, rotation, mirror, rng):
    center, side = crops.square(box, "max", 1.3)
    matrix = crops.affine(center, side, 256, rotation, mirror)
    points = rng.uniform(-50, 350, (17, 2))
    np.testing.assert_allclose(crops.restore(crops.transform(points, matrix), matrix), points, atol=1e-6)


def dot_image(places, shape, sigma):
    """Black, with a round Gaussian dot at each exact place; float32."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    image = np.zeros(shape, np.float32)
    for px, py in places:
        image = np.maximum(image, np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * sigma**2)))
    return image


def centroid(patch, around, radius):
    """Centre of mass of a patch in a window, to a fraction of a pixel."""
    y, x = np.mgrid[: patch.shape[0], : patch.shape[1]]
    window = patch * ((np.abs(x - around[0]) <= radius) & (np.abs(y - around[1]) <= radius))
    return np.array([(window * x).sum(), (window * y).sum()]) / window.sum()


@pytest.mark.parametrize("rotation", [0.0, 25.0, -60.0])
@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize(("side", "sigma"), [(100.0, 2.0), (300.0, 4.0), (1500.0, 20.0)])
def test_the_picture_goes_where_the_points_go(rotation, mirror, side, sigma):
    """Dots painted into an image are found in its crop where `transform` puts them, to a tenth of a crop pixel, when
    it is enlarged, shrunk, and shrunk so far that it is averaged first."""
    size = 128
    center = np.array([1000.3, 800.7])
    offsets = np.array([[-0.2, -0.1], [0.25, 0.05], [0.02, 0.3]])
    places = center + offsets * side
    image = dot_image(places, (1600, 2000), sigma)
    matrix = crops.affine(center, side, size, rotation, mirror)
    patch = crops.crop(image, matrix, size)
    for expected in crops.transform(places, matrix):
        found = centroid(patch, expected, 5 * sigma * size / side + 1)
        np.testing.assert_allclose(found, expected, atol=0.1)


def test_outside_the_image_is_black():
    image = np.full((50, 60, 3), 255, np.uint8)
    patch = crops.crop(image, crops.affine([0, 0], 100, 100), 100)
    assert patch.shape == (100, 100, 3)
    assert (patch[:49, :49] == 0).all()
    assert (patch[51:99, 51:99] == 255).all()


def test_a_crop_far_outside_is_black():
    image = np.full((50, 60, 3), 255, np.uint8)
    for side in (100, 5000):
        assert (crops.crop(image, crops.affine([9000, 9000], side, 64), 64) == 0).all()


def test_shrinking_does_not_alias():
    """A fine checkerboard becomes grey, not a moire of black and white."""
    board = (np.indices((1024, 1024)).sum(axis=0) % 2 * 255).astype(np.uint8)
    patch = crops.crop(np.dstack([board] * 3), crops.affine([511.5, 511.5], 1000, 64), 64)
    assert patch[2:-2, 2:-2].min() > 100
    assert patch[2:-2, 2:-2].max() < 155


def test_the_whole_image_is_copied_exactly(rng):
    image = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    center, side = crops.square((-0.5, -0.5, 64, 64))
    np.testing.assert_array_equal(crops.crop(image, crops.affine(center, side, 64), 64), image)


def test_rotation_turns_clockwise():
    """A point right of the centre is below it after a quarter turn."""
    matrix = crops.affine([50, 50], 101, 101, rotation=90)
    np.testing.assert_allclose(crops.transform([70, 50], matrix), [50, 70], atol=1e-9)


def test_square_rules():
    center, side = crops.square((10, 20, 30, 50), "max", 1.3)
    np.testing.assert_allclose(center, [25, 45])
    assert side == pytest.approx(65)
    assert crops.square((10, 20, 30, 50), "mean", 2.0)[1] == pytest.approx(80)


@pytest.mark.parametrize(
    "box", [(0, 0, 0, 5), (0, 0, 5, -1), (np.nan, 0, 1, 1), (0, 0, np.inf, 1), (1, 2, 3), "abcd", None]
)
def test_a_wrong_box_is_named(box):
    with pytest.raises(ValueError, match="box"):
        crops.check_box(box)


@pytest.mark.parametrize("box", [(-1e5, -1e5, 2.6e5, 2.6e5), (10, 10, 1e-6, 1e-6), (1e15, 0, 10, 10)])
def test_the_largest_and_the_smallest_box_give_a_crop(box, rng):
    image = rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)
    matrix = crops.affine(*crops.square(box, padding=1.5), 64)
    assert crops.crop(image, matrix, 64).shape == (64, 64, 3)


def test_network_input_is_the_unit_range():
    values = crops.to_input(np.array([[[[0, 128, 255]]]], np.uint8))
    assert values.dtype == np.float32
    np.testing.assert_allclose(values.ravel(), [0, 128 / 255, 1])


def test_opencv_agrees_on_the_matrix(rng):
    """The affine is OpenCV's convention too: integer shifts copy pixels."""
    image = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    matrix = crops.affine([19.5 + 3, 19.5 - 2], 40, 40)
    shifted = cv2.warpAffine(image, np.array([[1.0, 0, -3], [0, 1, 2]]), (40, 40))
    np.testing.assert_array_equal(crops.crop(image, matrix, 40), shifted)
