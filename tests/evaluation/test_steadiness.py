"""Steadiness: networks whose movement is known, landmarks and parts; the same in every run; beside robustness on the
card."""

import dataclasses

import numpy as np
import pytest

from bnn_landmarks.datasets.sample import Sample
from bnn_landmarks.evaluation import cards, steadiness
from bnn_landmarks.geometry import crops, heatmaps
from bnn_landmarks.inference.engines import Engine
from bnn_landmarks.inference.localizer import Localizer
from bnn_landmarks.schemes import SCHEMES
from bnn_landmarks.spec import Spec

FACE = Spec("face", scheme="aflw21", input_size=64, box_side="mean", padding=1.0)
PARTS = Spec("parts", scheme="parts7", task="parts", input_size=64, box_side="mean", padding=1.0)
BOX = np.array([40, 50, 80, 60], np.float32)
SIDE = 70.0  # of the crop, in image pixels: the box's mean side


class Split(list):
    scheme = SCHEMES["aflw21"]


def photographs(count=3, grey=None):
    """Smooth pictures, so that half a pixel more or less is no new picture; or of one grey."""
    y, x = np.mgrid[:160, :170]
    image = 120 + 60 * np.sin(x / 23) * np.cos(y / 19) if grey is None else np.full(x.shape, grey)
    image = np.repeat(np.rint(image)[..., None], 3, axis=2).astype(np.uint8)
    points = np.random.default_rng(0).uniform(50, 100, (21, 2)).astype(np.float32)
    return Split(Sample(str(i), image, points, np.full(21, 2), BOX) for i in range(count))


def finder(points_of):
    """points_of: a crop float [S, S, 3] -> points [21, 2] in crop pixels, at the centres of map pixels."""

    def run(inputs):
        assert inputs.dtype == np.float32 and inputs.shape[1:] == (64, 64, 3)
        return np.stack([20 * heatmaps.encode(points_of(i), np.ones(21), 16, sigma=0.5) for i in inputs])

    return Localizer(Engine("known", FACE, run))


def middle(_):
    return np.full((21, 2), 33.5)


def test_a_network_that_says_the_same_of_the_crop_moves_only_with_the_crop():
    found = steadiness.measure(finder(middle), photographs())
    assert found["images"] == 3
    moved = found["movement"]
    assert list(moved) == [*steadiness.DISTURBANCES, steadiness.VIDEO, steadiness.FILTERED]
    for name in ("noise of 1 grey level", "noise of 3 grey levels"):
        assert moved[name] == {"rms": 0, "p95": 0, "count": 3 * 21}
    # Half a crop pixel, of a 70 pixels wide crop at 64, over a box 80 pixels wide.
    half = 100 * 0.5 * (SIDE / 64) / 80
    shifted = moved["crop shifted by half a pixel"]
    assert shifted["count"] == 4 * 3 * 21
    assert shifted["rms"] == pytest.approx(half) and shifted["p95"] == pytest.approx(half)
    frame = 100 * np.hypot(*steadiness.DRIFT) * (SIDE / 64) / 80
    assert moved[steadiness.VIDEO]["rms"] == pytest.approx(frame)
    assert moved[steadiness.VIDEO]["count"] == 3 * 29 * 21


def test_the_matrix_of_a_disturbed_crop_is_where_its_picture_lies():
    """So that a network that follows the picture does not move; the noise is as strong as it says."""
    image, size = photographs(1)[0].image, 64
    matrix = crops.affine(*crops.square(BOX, "mean"), size)
    for disturbance in steadiness.DISTURBANCES.values():
        views = list(steadiness.disturbed(image, matrix, size, disturbance, np.random.default_rng(0)))
        assert len(views) == len(disturbance.shifts)
        for (moved, patch), shift in zip(views, disturbance.shifts, strict=True):
            np.testing.assert_array_equal(moved, steadiness.shifted(matrix, shift))
            assert patch.shape == (size, size, 3) and patch.dtype == np.uint8
            difference = patch - crops.crop(image, moved, size).astype(float)
            rounding = 1 / 12 if disturbance.noise else 0
            assert difference.var() == pytest.approx(disturbance.noise**2 + rounding, rel=0.1)


def test_the_shift_is_of_the_picture_in_the_crop():
    matrix = crops.affine([80, 80], 64, 64)
    np.testing.assert_allclose(
        crops.transform([[80, 80]], steadiness.shifted(matrix, (0.5, -0.25)))
        - crops.transform([[80, 80]], matrix),
        [[0.5, -0.25]],
    )


def nervous(crop):
    """One map pixel to the right when the corner's grey is above the noiseless one's: half of the noisy crops."""
    return np.full((21, 2), [37.5 if crop[0, 0, 0] > 100.25 / 255 else 33.5, 33.5])


def test_noise_of_which_a_known_share_flips_a_network():
    """The grey is rounded: a corner of grey 100 becomes 101 or more where the noise is at least half a level, of which
    the share is 1 - Phi(0.5 / deviation)."""
    found = steadiness.measure(finder(nervous), photographs(120, grey=100))["movement"]
    step = 100 * 4 * (SIDE / 64) / 80
    for name, share in (("noise of 1 grey level", 0.3085), ("noise of 3 grey levels", 0.4338)):
        assert (found[name]["rms"] / step) ** 2 == pytest.approx(share, abs=0.12)
        assert found[name]["p95"] == pytest.approx(step, rel=1e-3)
    assert found[steadiness.VIDEO]["count"] == steadiness.VIDEOS * 29 * 21
    assert found[steadiness.FILTERED]["rms"] < 0.6 * found[steadiness.VIDEO]["rms"]


def test_the_same_figures_in_every_run():
    split, network = photographs(2, grey=100), finder(nervous)
    assert steadiness.measure(network, split) == steadiness.measure(network, split)


def test_root_mean_square_and_95th_percentile():
    distances = np.arange(101.0)
    found = steadiness.movement(distances)
    assert found == {"rms": pytest.approx(np.sqrt((distances**2).mean())), "p95": 95.0, "count": 101}


def test_any_finder_of_points_is_measured_the_same():
    """As benchmarks/peers.py measures programs that give points and no maps."""
    split = photographs(2)
    by_points = steadiness.of_points(
        lambda patches: np.full((len(patches), 21, 2), 33.5), lambda s: crops.square(s.box, "mean"), 64, split
    )
    by_maps = steadiness.measure(finder(middle), split)["movement"]
    for name, found in by_maps.items():
        assert by_points[name]["rms"] == pytest.approx(found["rms"], abs=1e-6)
    alone = steadiness.of_points(
        lambda p: np.zeros((len(p), 21, 2)), lambda s: crops.square(s.box), 64, split, videos=0
    )
    assert list(alone) == list(steadiness.DISTURBANCES)


def segmenter(edge_of):
    """Two classes with an upright edge where edge_of(crop) says, in crop pixels."""

    def run(inputs):
        maps = np.full((len(inputs), 16, 16, 7), -9.0, np.float32)
        centres = 4 * (np.arange(16) + 0.5) - 0.5
        for each, crop in zip(maps, inputs, strict=True):
            each[..., 1] = (centres - edge_of(crop))[None]
            each[..., 0] = -each[..., 1]
        return maps

    return Localizer(Engine("known", PARTS, run))


def test_of_parts_the_share_of_pixels_that_change_their_class():
    split = photographs(2)
    still = steadiness.measure(segmenter(lambda _: 31.75), split)["movement"]
    assert list(still) == list(steadiness.DISTURBANCES)
    assert still["noise of 3 grey levels"] == {"changed": 0, "count": 2 * 62 * 62}
    # An edge that stays in the crop when the picture goes half a pixel to the right or left, up or down: it crosses a
    # column of the picture one time in four.
    shifted = still["crop shifted by half a pixel"]
    assert shifted["changed"] == pytest.approx(100 / 62 / 4) and shifted["count"] == 4 * 2 * 62 * 62
    # 4 of 62 columns, in the crops whose corner the noise makes lighter.
    flips = segmenter(lambda crop: 35.75 if crop[0, 0, 0] > 100.25 / 255 else 31.75)
    noisy = steadiness.measure(flips, photographs(60, grey=100))["movement"]["noise of 1 grey level"]
    assert noisy["changed"] / (100 * 4 / 62) == pytest.approx(0.31, abs=0.15)


def test_nothing_to_measure_on_is_said():
    with pytest.raises(ValueError, match="the data set is empty"):
        steadiness.measure(finder(middle), Split())


def test_the_card_has_a_line_for_each_and_none_for_older_records():
    for network in (finder(middle), segmenter(lambda _: 31.75)):
        found = steadiness.measure(network, photographs(2))
        text = cards.moved({"steadiness": found})
        for name in found["movement"]:
            assert f"| {name} | " in text
        assert "answer moves, 2 images" in text
        assert ("rms, %" in text) == (network.spec is FACE)
        assert ("pixels that change, %" in text) == (network.spec is PARTS)
    assert cards.moved({}) == cards.moved({"steadiness": None}) == ""


def test_a_mirrored_crop_is_part_of_what_is_measured():
    """With `flip` the mean of two views is measured, as it is what is used."""
    plain = finder(middle)
    both = Localizer(dataclasses.replace(plain.engine), flip=True)
    assert steadiness.measure(both, photographs(1))["movement"]["noise of 1 grey level"]["rms"] == 0
