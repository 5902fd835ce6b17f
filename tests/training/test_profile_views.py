"""Synthetic side views: the pose is found, the geometry is a turn, the picture goes with its landmarks."""

import cv2
import numpy as np
import pytest
from faces import seen

from bnn_landmarks import schemes
from bnn_landmarks.schemes import SCHEMES
from bnn_landmarks.training import profile_views

IBUG = SCHEMES["ibug68"]
ALL = np.full(68, 2)


@pytest.mark.parametrize("name", profile_views.DEPTHS)
def test_every_landmark_has_its_depth_and_left_is_as_right(name):
    scheme, depth = SCHEMES[name], profile_views.DEPTHS[name]
    assert depth.shape == (len(scheme),)
    np.testing.assert_array_equal(depth, depth[scheme.mirror])
    left, right = profile_views.EYES[name]
    assert scheme.mirror[left] == right
    assert depth.argmax() == {"ibug68": 30, "aflw21": 14, "aflw19": 13}[name], "the tip of the nose"


@pytest.mark.parametrize("roll", [0, 30, -140])
@pytest.mark.parametrize("yaw", [-40, -10, 0, 25])
def test_the_pose_is_that_of_the_camera(yaw, roll):
    found = profile_views.pose(seen(yaw, unit=50, roll=roll), ALL, IBUG)
    assert found.yaw == pytest.approx(yaw, abs=1e-6)
    assert found.unit == pytest.approx(50)
    assert np.degrees(np.arctan2(found.right[1], found.right[0])) == pytest.approx(roll)


@pytest.mark.parametrize("target", ["aflw21", "aflw19"])
def test_fewer_points_tell_the_same_pose(target):
    points, visible = schemes.convert(seen(15, unit=50), ALL, "ibug68", target)
    found = profile_views.pose(points, visible, SCHEMES[target])
    assert found.yaw == pytest.approx(15, abs=1e-4)
    assert found.unit == pytest.approx(50, rel=1e-4)


@pytest.mark.parametrize("roll", [0, 75])
@pytest.mark.parametrize(("yaw", "degrees"), [(0, 50), (0, -50), (12, 40), (-12, 30), (20, 0)])
def test_turned_points_are_those_the_camera_sees_from_there(yaw, degrees, roll):
    points = seen(yaw, roll=roll)
    where = profile_views.pose(points, ALL, IBUG)
    turned, near = profile_views.turn_points(points, profile_views.DEPTHS["ibug68"], where, degrees)
    wanted = seen(yaw + degrees, roll=roll)
    np.testing.assert_allclose(turned - turned[30], wanted - wanted[30], atol=1e-6)
    if degrees == 0:
        np.testing.assert_allclose(turned, points, atol=1e-9)
    far, close = (0, 16) if yaw + degrees < 0 else (16, 0)
    assert near[30] > near[close] > near[far] or yaw + degrees == 0


def coordinates(size=200):
    """A picture whose red is the column and whose green is the row."""
    row, column = np.mgrid[:size, :size]
    return np.stack([column, row, np.full_like(row, 128)], axis=2).astype(np.uint8)


def at(picture, points):
    """The picture's values at points [N, 2], bilinear, float [N, 3]."""
    x, y = np.float32(points).T[:, :, None]
    return cv2.remap(picture.astype(np.float32), x, y, cv2.INTER_LINEAR)[:, 0]


def test_by_no_degrees_nothing_changes():
    image = np.random.default_rng(0).integers(0, 256, (200, 180, 3), dtype=np.uint8)
    mask, points = image[..., 0] // 40, seen(10)
    where = profile_views.pose(points, ALL, IBUG)
    view = profile_views.turn(image, points, ALL, IBUG, where, 0, mask)
    np.testing.assert_array_equal(view.image, image)
    np.testing.assert_array_equal(view.mask, mask)
    np.testing.assert_allclose(view.points, points, atol=1e-9)
    assert not view.hidden.any()


@pytest.mark.parametrize("roll", [0, 20])
@pytest.mark.parametrize("degrees", [15, -15, 35, 60])
def test_the_picture_goes_with_its_landmarks(degrees, roll):
    image, points = coordinates(), seen(0, unit=60, roll=roll)
    where = profile_views.pose(points, ALL, IBUG)
    view = profile_views.turn(image, points, ALL, IBUG, where, degrees, image[..., 0])
    assert np.abs(view.points - points).max() > 10
    shown = at(view.image, view.points)[:, :2]
    seen_well = ~view.hidden
    assert seen_well.sum() >= 40
    away = np.linalg.norm(shown - points, axis=1)[seen_well]
    # A point on the outline is half background; the rest lies in the middle of its triangles.
    assert np.median(away) < 0.5 and np.mean(away < 2.5) > 0.75
    plain = profile_views.turn(image, points, ALL, IBUG, where, degrees)
    assert plain.mask is None
    away = np.abs(view.mask.astype(int) - view.image[..., 0])
    assert np.mean(away <= 2) > 0.9, "the mask goes the same way"


def test_the_head_hides_what_lies_behind_it():
    """On either side alike; of a face that is not quite symmetric, whose triangulation leaves no choice."""
    points = seen(0) + np.random.default_rng(0).normal(0, 0.5, (68, 2))
    mirrored = (points * [-1, 1] + [coordinates().shape[1] - 1, 0])[IBUG.mirror]
    view, other = (
        profile_views.turn(coordinates(), face, ALL, IBUG, profile_views.pose(face, ALL, IBUG), degrees)
        for face, degrees in ((points, 60), (mirrored, -60))
    )
    assert view.hidden[[11, 12, 13, 14, 15, 16, 45]].all(), "the far side"
    assert not view.hidden[[0, 1, 2, 3, 4, 5, 17, 18, 19, 30, 31, 36, 41, 48]].any(), "the near side"
    np.testing.assert_array_equal(other.hidden[IBUG.mirror], view.hidden)


def test_points_that_are_not_annotated_stay_and_count_for_nothing():
    points, visible = seen(5), ALL.copy()
    points[[3, 30, 60]], visible[[3, 30, 60]] = 0, 0
    where = profile_views.pose(points, visible, IBUG)
    assert where.yaw == pytest.approx(5, abs=1e-6)
    view = profile_views.turn(coordinates(), points, visible, IBUG, where, 40)
    assert (view.points[[3, 30, 60]] == 0).all() and not view.hidden[[3, 30, 60]].any()
    known = visible > 0
    wanted = seen(45)[known]
    np.testing.assert_allclose(view.points[known] - view.points[0], wanted - wanted[0], atol=1e-6)


def test_a_face_without_its_eyes_or_its_pairs_has_no_pose():
    visible = ALL.copy()
    visible[36] = 0
    assert profile_views.pose(seen(0), visible, IBUG) is None
    few = np.zeros(68, int)
    few[[36, 45, 48, 54, 30]] = 2
    assert profile_views.pose(seen(0), few, IBUG) is None
    assert profile_views.pose(np.zeros((68, 2)), ALL, IBUG) is None


def test_a_face_at_the_images_edge_or_beyond_it_keeps_the_images_size():
    for middle in ((0.0, 0.0), (198.0, 60.0), (-900.0, 50.0)):
        points = seen(0, middle=middle)
        where = profile_views.pose(points, ALL, IBUG)
        assert profile_views.turn(coordinates(), points, ALL, IBUG, where, 50).image.shape == (200, 200, 3)
