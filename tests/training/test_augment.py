"""Augmentation: landmarks follow the picture, left stays left, the same seed gives the same data."""

import dataclasses

import numpy as np
import pytest
from faces import seen

from bnn_landmarks.datasets.sample import Sample, subject_square, tight_box
from bnn_landmarks.geometry import crops
from bnn_landmarks.schemes import SCHEMES
from bnn_landmarks.spec import Spec
from bnn_landmarks.training import augment, profile_views


def dots(size, points, width):
    """A picture of smooth bright dots at the points, uint8 [size, size, 3]."""
    y, x = np.mgrid[:size, :size]
    total = sum(np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * width**2)) for px, py in points)
    return np.repeat((255 * total)[..., None], 3, axis=2).round().astype(np.uint8)


def centroid(picture, near, radius):
    x0, y0 = np.round(near).astype(int)
    part = picture[y0 - radius : y0 + radius + 1, x0 - radius : x0 + radius + 1, 0].astype(float)
    y, x = np.mgrid[y0 - radius : y0 + radius + 1, x0 - radius : x0 + radius + 1]
    return np.array([(x * part).sum(), (y * part).sum()]) / part.sum()


@pytest.mark.parametrize(("image_size", "width"), [(160, 3.0), (900, 16.0)])
def test_landmarks_follow_the_picture_to_a_tenth_of_a_pixel(image_size, width):
    """Also where the crop shrinks the image by a whole factor first."""
    true = (np.array([[0.4, 0.42], [0.62, 0.44], [0.5, 0.6]]) * image_size).round(1)
    image = dots(image_size, true, width)
    how = augment.Augmentation(rotate=1.0, shift=0.03)
    for seed in range(12):
        rng = np.random.default_rng(seed)
        matrix, _ = augment.random_affine(rng, (image_size / 2, image_size / 2), image_size * 0.8, 128, how)
        patch = crops.crop(image, matrix, 128)
        radius = round(3.5 * width * np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
        for point in crops.transform(true, matrix):
            if (point > radius + 1).all() and (point < 126 - radius).all():
                np.testing.assert_allclose(centroid(patch, point, radius), point, atol=0.1)


def test_a_mirrored_crop_exchanges_left_and_right():
    scheme = SCHEMES["mpii16"]
    rng = np.random.default_rng(3)
    grid = rng.permutation([(20 + 30 * i, 20 + 30 * j) for i in range(4) for j in range(4)]).astype(float)
    image = np.zeros((128, 128, 3), np.uint8)
    for k, (x, y) in enumerate(grid.astype(int)):
        image[y - 4 : y + 5, x - 4 : x + 5] = 10 * (k + 1)
    always = augment.Augmentation(rotate=0, mirror=1.0, scale=(1, 1))
    matrix, mirrored = augment.random_affine(rng, (63.5, 63.5), 128, 128, always)
    assert mirrored
    patch = crops.crop(image, matrix, 128)
    visible = np.arange(16)
    points, renumbered = augment.mirror_landmarks(grid, visible, scheme)
    x, y = np.round(crops.transform(points, matrix)).astype(int).T
    shown = patch[y, x, 0].astype(int) // 10 - 1
    np.testing.assert_array_equal(shown, renumbered)
    assert [scheme.names[k] for k in shown] == [
        {"r": "l", "l": "r"}[name[0]] + name[1:] if name[1] == "_" else name for name in scheme.names
    ]


def test_defaults_are_the_papers():
    rng = np.random.default_rng(0)
    how = augment.Augmentation()
    drawn = [augment.random_affine(rng, (0, 0), 100, 100, how) for _ in range(4000)]
    linear = np.array([m[:, :2] for m, _ in drawn])
    mirrored = np.array([mirror for _, mirror in drawn])
    assert mirrored.mean() == pytest.approx(0.5, abs=0.03)
    assert (np.sign(np.linalg.det(linear)) == np.where(mirrored, -1, 1)).all()
    factor = 1 / np.sqrt(np.abs(np.linalg.det(linear)))
    assert 0.7 <= factor.min() < 0.72
    assert 1.28 < factor.max() <= 1.3
    angle = np.degrees(np.arctan2(linear[:, 1, 0], linear[:, 1, 1]))
    turned = np.abs(angle) > 1e-9
    assert turned.mean() == pytest.approx(0.4, abs=0.03)
    assert np.abs(angle).max() == pytest.approx(60)
    assert angle[turned].std() == pytest.approx(29, abs=2), "N(0, 30) cut at 60"
    grey = np.full((8, 8, 3), 100, np.uint8)
    gains = np.array([augment.random_appearance(rng, grey, how)[0, 0] for _ in range(500)]) / 100
    assert 0.59 <= gains.min() < 0.63
    assert 1.37 < gains.max() <= 1.4
    assert np.ptp(gains, axis=1).max() > 0.4, "each channel has its own factor"


def test_no_augmentation_changes_nothing():
    rng = np.random.default_rng(0)
    patch = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    np.testing.assert_array_equal(augment.random_appearance(rng, patch, augment.NONE), patch)
    matrix, mirrored = augment.random_affine(rng, (5, 6), 40, 32, augment.NONE)
    assert not mirrored
    np.testing.assert_allclose(matrix, crops.affine((5, 6), 40, 32))


def sharpness(picture):
    return np.abs(np.diff(picture.astype(float), axis=1)).mean()


def test_blur_and_low_resolution_take_detail_away():
    patch = np.random.default_rng(0).integers(0, 256, (192, 192, 3), dtype=np.uint8)
    for field in ("blur", "low_resolution"):
        how = dataclasses.replace(augment.NONE, **{field: 1.0})
        changed = augment.random_appearance(np.random.default_rng(1), patch, how)
        assert changed.shape == patch.shape
        assert changed.dtype == np.uint8
        assert sharpness(changed) < 0.8 * sharpness(patch), field
        assert changed.mean() == pytest.approx(patch.mean(), abs=2)


def test_an_occluder_is_one_rectangle_of_one_colour():
    patch = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    original = patch.copy()
    how = dataclasses.replace(augment.NONE, occlude=1.0)
    for seed in range(10):
        changed = augment.random_appearance(np.random.default_rng(seed), patch, how)
        np.testing.assert_array_equal(patch, original)
        ys, xs = np.nonzero((changed != patch).any(axis=2))
        covered = changed[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1].reshape(-1, 3)
        assert len(np.unique(covered, axis=0)) == 1
        assert 0.05 * 64 <= np.ptp(xs) + 1 <= 0.35 * 64


def test_low_light_takes_light_away_and_adds_noise():
    patch = np.full((64, 64, 3), 200, np.uint8)
    how = dataclasses.replace(augment.NONE, low_light=1.0)
    changed = [augment.random_appearance(np.random.default_rng(seed), patch, how) for seed in range(40)]
    means = [picture.mean() for picture in changed]
    assert min(means) == pytest.approx(20, abs=8)
    assert max(means) == pytest.approx(120, abs=8)
    assert max(picture.std() for picture in changed) > 4
    assert (patch == 200).all()


def test_noise_is_as_strong_and_as_frequent_as_asked_for():
    patch = np.full((64, 64, 3), 120, np.uint8)
    how = dataclasses.replace(augment.NONE, noise=4.0, noisy=0.75)
    changed = [augment.random_appearance(np.random.default_rng(seed), patch, how) for seed in range(200)]
    deviations = np.array([picture.std() for picture in changed])
    assert (deviations > 0).mean() == pytest.approx(0.75, abs=0.08)
    assert 3.7 < deviations.max() < 4.3
    assert deviations[deviations > 0].mean() == pytest.approx(2, abs=0.25), "evenly from 0 to 4"
    assert max(abs(picture.mean() - 120) for picture in changed) < 0.3
    assert (patch == 120).all()


def test_without_noise_samples_are_the_same_bit_for_bit():
    """It is the last thing drawn: everything else of a sample is the same with it and without."""
    patch = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    every = augment.Augmentation(blur=0.5, occlude=0.5, low_resolution=0.5, low_light=0.5)
    for seed in range(10):
        plain, never, always = (
            augment.random_appearance(
                np.random.default_rng(seed), patch, dataclasses.replace(every, **changes)
            )
            for changes in ({}, {"noise": 4.0, "noisy": 0.0}, {"noise": 4.0, "noisy": 1.0})
        )
        np.testing.assert_array_equal(never, plain)
        assert (always != plain).any() and np.abs(always.astype(int) - plain).max() < 6 * 4
    rng = np.random.default_rng(3)
    augment.random_appearance(rng, patch, augment.NONE)
    expected = np.random.default_rng(3)
    expected.random(4)  # low resolution, blur, occluder, low light: whether
    expected.uniform(size=3)  # the colours' factors
    assert rng.random() == expected.random(), "a sample without noise draws nothing for it"


def test_shifts_are_of_parts_of_pixels():
    how = dataclasses.replace(augment.NONE, shift=0.5 / 64)
    moved = [
        crops.transform([[50, 50]], augment.random_affine(np.random.default_rng(s), (50, 50), 32, 64, how)[0])
        for s in range(200)
    ]
    distance = np.array(moved)[:, 0] - 31.5
    assert np.abs(distance).max() <= 0.5 and np.abs(distance).max() > 0.48
    assert len(np.unique(distance)) > 390


def test_the_same_generator_state_gives_the_same_crop():
    patch = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    how = augment.Augmentation(blur=0.5, occlude=0.5, low_resolution=0.5, low_light=0.5)
    runs = []
    for _ in range(2):
        rng = np.random.default_rng(7)
        matrices = [augment.random_affine(rng, (1, 2), 3, 64, how)[0] for _ in range(3)]
        runs.append((np.stack(matrices), augment.random_appearance(rng, patch, how)))
    np.testing.assert_array_equal(runs[0][0], runs[1][0])
    np.testing.assert_array_equal(runs[0][1], runs[1][1])


def face(yaw, **changes):
    points, visible = seen(yaw).astype(np.float32), np.full(68, 2, np.int32)
    image = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    sample = Sample("face", image, points, visible, tight_box(points, visible) + np.float32([-6, -4, 10, 8]))
    return dataclasses.replace(sample, **changes)


def test_a_face_from_the_front_is_turned_on_to_the_side_it_looks_to():
    scheme, how = SCHEMES["ibug68"], augment.Augmentation(profile=1.0)
    for yaw in (-15, 15):
        for seed in range(5):
            sample = face(yaw)
            turned = augment.random_profile(np.random.default_rng(seed), sample, scheme, how)
            found = profile_views.pose(turned.landmarks, turned.visible, scheme)
            assert found.yaw == pytest.approx(np.copysign(turned.yaw, yaw), abs=0.1)
            assert 30 <= turned.yaw <= 80
            assert set(turned.visible) == {1, 2} and turned.visible.dtype == np.int32
            np.testing.assert_allclose(
                turned.box, tight_box(turned.landmarks, turned.visible) + [-6, -4, 10, 8], atol=1e-3
            )
            assert turned.landmarks.dtype == np.float32 and (turned.image != sample.image).any()
            again = augment.random_profile(np.random.default_rng(seed), face(yaw), scheme, how)
            np.testing.assert_array_equal(turned.image, again.image)


def test_other_faces_and_other_landmarks_stay():
    how, scheme = augment.Augmentation(profile=1.0), SCHEMES["ibug68"]
    for sample, of in (
        (face(40), scheme),
        (face(0, visible=np.zeros(68, np.int32)), scheme),
        (face(0), SCHEMES["mpii16"]),
    ):
        assert augment.random_profile(np.random.default_rng(0), sample, of, how) is sample
    rng = np.random.default_rng(0)
    drawn = [
        augment.random_profile(rng, face(0), scheme, augment.Augmentation(profile=0.3)) for _ in range(60)
    ]
    assert 8 < sum(sample.yaw is not None for sample in drawn) < 30
    rng, untouched = np.random.default_rng(1), np.random.default_rng(1)
    augment.random_profile(rng, face(0), scheme, augment.Augmentation())
    assert rng.random() == untouched.random(), "without it, older runs' samples stay what they were"


LOOSE = dataclasses.replace(augment.NONE, loose=1.0, absent=1.0)
SPEC = Spec("t", scheme="aflw21", input_size=32, padding=1.25)


def lone(alone=True, box=(150, 40, 20, 24), shape=(120, 260)):
    """A sample of a white subject on a ramp of grey, and its crop's corners, low and high."""
    image = np.repeat(np.linspace(10, 200, shape[1]).astype(np.uint8)[None, :, None], shape[0], axis=0)
    image = np.ascontiguousarray(np.repeat(image, 3, axis=2))
    x, y, width, height = box
    image[y : y + height, x : x + width] = 255
    points = np.float32([[x, y], [x + width, y + height]])
    return Sample("a", image, points, np.full(2, 2), np.float32(box), alone=alone)


def test_loose_crops_reach_from_the_subjects_own_to_the_whole_images():
    sample, rng = lone(), np.random.default_rng(0)
    center, side = subject_square(sample, SPEC)
    middle, widest = augment.whole_square(sample.image, SPEC)
    assert widest == 1.25 * 260 and middle.tolist() == [129.5, 59.5]
    squares = [augment.random_square(rng, sample, SPEC, LOOSE) for _ in range(400)]
    sides = np.array([each for _, each in squares])
    for (x, y), each in squares:
        assert np.abs(np.array([x, y]) - center).max() <= (each - side) / 2 + 1e-6, "the subject stays inside"
    whole = np.isclose(sides, widest)
    assert whole.mean() == pytest.approx(augment.WHOLE, abs=0.07)
    assert all((squares[i][0] == middle).all() for i in np.flatnonzero(whole))
    assert side <= sides.min() < 1.1 * side
    between = np.log(sides[~whole] / side) / np.log(widest / side)
    assert np.median(between) == pytest.approx(0.5, abs=0.07), "evenly on a scale of factors"
    often = dataclasses.replace(LOOSE, loose=0.3)
    same = [augment.random_square(rng, sample, SPEC, often)[1] == side for _ in range(400)]
    assert np.mean(same) == pytest.approx(0.7, abs=0.07)


def test_who_may_not_be_alone_is_seen_as_usual():
    """So is, without a draw, everybody where nothing is asked for; and who fills the image has no other view."""
    rng = np.random.default_rng(0)
    outside = dataclasses.replace(lone(), center=np.float32([900, 40]), scale=0.1)
    assert augment.random_absence(rng, outside, SPEC, LOOSE) is None
    for sample in (lone(alone=False), lone(box=(0, 0, 260, 120))):
        center, side = subject_square(sample, SPEC)
        for _ in range(20):
            seen = augment.random_square(rng, sample, SPEC, LOOSE)
            assert (seen[0] == center).all() and seen[1] == side
            assert augment.random_absence(rng, sample, SPEC, LOOSE) is None
    untouched = np.random.default_rng(5)
    assert augment.random_square(untouched, lone(), SPEC, augment.NONE)[1] == 1.25 * 24
    assert augment.random_absence(untouched, lone(), SPEC, augment.NONE) is None
    assert untouched.random() == np.random.default_rng(5).random(), "runs of before give the same samples"


def test_an_image_without_its_subject_does_not_show_it():
    sample, rng = lone(), np.random.default_rng(0)
    before = sample.image.copy()
    shown = [augment.random_absence(rng, sample, SPEC, LOOSE) for _ in range(60)]
    assert all(image.max() <= 200 and min(image.shape[:2]) >= augment.BESIDE for image in shown)
    assert any(image.shape == before.shape for image in shown) and any(
        image.shape != before.shape for image in shown
    )
    assert np.array_equal(sample.image, before)
