"""Changes of the photograph and the box: the annotation goes with the picture, no strength is no change, the same in
every run, and the score is beside the unchanged one."""

import dataclasses
import functools

import cv2
import numpy as np
import pytest

from bnn_landmarks.datasets.sample import Sample, subject_square
from bnn_landmarks.evaluation import robustness, scoring
from bnn_landmarks.evaluation.examples import examples
from bnn_landmarks.geometry import crops, heatmaps
from bnn_landmarks.inference.engines import Engine
from bnn_landmarks.inference.localizer import Localizer
from bnn_landmarks.schemes import SCHEMES
from bnn_landmarks.spec import Spec

POINTS = np.array([[60, 50], [120, 70], [80.5, 110], [131, 101]], np.float32)
BOX = np.array([50, 40, 90, 80], np.float32)
FACE = Spec("face", scheme="ibug68", input_size=64, box_side="mean")


def dots(**facts):
    """A sample with a soft dot at each of its four landmarks, in a picture of odd height; its mask is a rectangle."""
    y, x = np.mgrid[:181, :200].astype(np.float32)
    image = sum(np.exp(-((x - a) ** 2 + (y - b) ** 2) / 18) for a, b in POINTS)
    image = np.repeat((230 * np.clip(image, 0, 1))[..., None], 3, axis=2).astype(np.uint8)
    mask = np.zeros(image.shape[:2], np.uint8)
    mask[40:120, 50:140] = 3
    return Sample("dots", image, POINTS, np.full(4, 2), BOX, mask=mask, **facts)


def brightest(image, points, radius=8):
    """Where the light around each point has its centre."""
    found = []
    for x, y in points:
        left, top = round(float(x)) - radius, round(float(y)) - radius
        part = image[top : top + 2 * radius + 1, left : left + 2 * radius + 1, 0].astype(float)
        part = np.clip(part - 40, 0, None)
        found.append(
            [
                left + (part.sum(axis=0) @ np.arange(part.shape[1])) / part.sum(),
                top + (part.sum(axis=1) @ np.arange(part.shape[0])) / part.sum(),
            ]
        )
    return np.array(found)


def changed(sample, change, seed=0):
    return robustness.perturb(sample, change, np.random.default_rng(seed))


@pytest.mark.parametrize("name", robustness.CHANGES)
def test_landmarks_and_mask_stay_on_what_they_mark(name):
    sample, _ = changed(dots(), robustness.CHANGES[name])
    radius = 4 if name == "half resolution" else 8
    if name != "low light":  # its noise hides the dots' edges, and it moves nothing
        np.testing.assert_allclose(
            brightest(sample.image, sample.landmarks, radius), sample.landmarks, atol=0.4
        )
    assert sample.mask.shape == sample.image.shape[:2] and set(np.unique(sample.mask)) == {0, 3}
    inside = np.rint(sample.landmarks).astype(int)
    assert (sample.mask[inside[:, 1], inside[:, 0]] == 3).all()


@pytest.mark.parametrize(
    "change",
    [
        functools.partial(robustness.jitter, share=0),
        functools.partial(robustness.rotate, degrees=0),
        functools.partial(robustness.darken, share=0),
        functools.partial(robustness.blur, share=0),
        functools.partial(robustness.shrink, factor=1),
    ],
    ids=lambda change: change.func.__name__,
)
def test_no_strength_is_no_change(change):
    before = dots(center=np.array([95.0, 80.0]), scale=0.5, head_size=20.0)
    after, scale = changed(before, change)
    assert scale == 1
    for field in dataclasses.fields(Sample):
        a, b = getattr(before, field.name), getattr(after, field.name)
        if field.name == "box":  # MPII's square, which the crop follows
            a = np.array([45, 30, 100, 100])
        np.testing.assert_array_equal(a, b, err_msg=field.name)


def test_jpeg_of_full_quality_changes_little_and_of_20_more():
    grey = np.random.default_rng(0).integers(0, 256, (64, 64, 1))
    image = np.repeat(grey, 3, axis=2).astype(np.uint8)
    error = {
        quality: np.abs(robustness.compress(image, BOX, None, quality)[0].astype(int) - image).mean()
        for quality in (100, 20)
    }
    assert error[100] < 1 and error[20] > 5


def test_a_turned_picture_is_whole_and_the_box_goes_with_its_centre():
    before = dots(head_size=20.0)
    after, scale = changed(before, robustness.CHANGES["rotated by 45 degrees"])
    height, width = before.image.shape[:2]
    side = (height + width) / np.sqrt(2)
    assert np.abs(np.array(after.image.shape[:2]) - side).max() <= 1
    total = [s.image.astype(float).sum() for s in (before, after)]
    assert total[1] == pytest.approx(total[0], rel=0.02)
    assert scale == pytest.approx(1) and after.head_size == pytest.approx(20)
    np.testing.assert_allclose(after.box[2:], before.box[2:])
    np.testing.assert_allclose(
        np.linalg.norm(after.landmarks - after.box[:2] - after.box[2:] / 2, axis=1),
        np.linalg.norm(before.landmarks - before.box[:2] - before.box[2:] / 2, axis=1),
        atol=1e-3,
    )


def test_half_resolution_halves_every_length():
    before = dots(center=np.array([95.0, 80.0]), scale=0.5, head_size=20.0)
    after, scale = changed(before, robustness.CHANGES["half resolution"])
    assert after.image.shape[:2] == (90, 100)
    assert scale == pytest.approx(0.5, abs=0.002)
    assert after.scale == pytest.approx(0.25, abs=0.001) and after.head_size == pytest.approx(10, abs=0.05)
    np.testing.assert_allclose(after.center, [47.25, 39.53], atol=0.05)


@pytest.mark.parametrize("facts", [{}, {"center": np.array([95.0, 80.0]), "scale": 0.5}], ids=["box", "mpii"])
def test_a_moved_box_moves_the_crop_by_no_more_than_it_says(facts):
    center, side = subject_square(dots(**facts), FACE)
    for seed in range(20):
        after, _ = changed(dots(**facts), robustness.CHANGES["box off by 10 %"], seed)
        moved, new_side = subject_square(after, FACE)
        assert 0 < np.abs(moved - center).max() <= 0.1 * 100
        assert 0 < abs(new_side / side - 1) <= 0.1


class Split(list):
    scheme = SCHEMES["ibug68"]


def face(number):
    points = np.random.default_rng(number).uniform(60, 130, (68, 2)).astype(np.float32)
    box = np.array([60, 60, 70, 70], np.float32)
    return Sample(str(number), np.full((190, 190, 3), 90, np.uint8), points, np.full(68, 2), box)


def test_every_change_is_scored_beside_the_unchanged_one_by_the_annotated_box():
    """A network that answers with what it knows of the unchanged picture is right until box or picture move."""
    split = Split(face(number) for number in range(3))
    known = [
        heatmaps.encode(crops.transform(e.points, e.matrix), np.ones(68), FACE.map_size)
        for e in examples(split, FACE)
    ]
    localizer = Localizer(Engine("knows", FACE, lambda inputs: np.stack(known[: len(inputs)])))
    unchanged = scoring.evaluate(localizer, split).metrics
    found = robustness.measure(localizer, split, unchanged)
    assert (found["metric"], found["group"], found["images"]) == ("NME", "all images", 3)
    assert list(found["scores"]) == ["unchanged", *robustness.CHANGES]
    value = {name: score["value"] for name, score in found["scores"].items()}
    assert value["unchanged"] == unchanged["NME"]["all images"]["value"]
    for name in ("low light", "blur", "JPEG quality 20"):
        assert value[name] == value["unchanged"]
    assert value["half resolution"] == pytest.approx(value["unchanged"], rel=0.1)
    assert value["unchanged"] < value["box off by 5 %"] < value["box off by 20 %"]
    assert value["unchanged"] < value["rotated by 15 degrees"] < value["rotated by 45 degrees"]
    assert robustness.measure(localizer, split, unchanged) == found

    # Errors are of the annotated box's 70 pixels, not of the one the network was given.
    change = robustness.CHANGES["box off by 20 %"]
    assert [e.box_size for e in robustness.examples(split, FACE, change)] == pytest.approx([70, 70, 70])


def test_the_dots_of_this_test_are_where_they_say():
    np.testing.assert_allclose(brightest(dots().image, POINTS), POINTS, atol=0.2)
    assert cv2.countNonZero(dots().mask) == 80 * 90
