"""Boxes come back from the maps that were made of them, and from the square into the image."""

import numpy as np
import pytest

from bnn_landmarks.geometry import boxes, crops
from bnn_landmarks.spec import CHANNELS

SIZE = 32


def maps_of(target, kinds=2):
    """The maps of a network that has learned a target by heart."""
    target = target.reshape(*target.shape[:2], kinds, boxes.TARGETS)
    logits = np.log(np.clip(target[..., 0], 1e-4, 0.999) / (1 - np.clip(target[..., 0], 1e-4, 0.999)))
    return np.concatenate([logits[..., None], target[..., 2:-1]], axis=-1).reshape(*target.shape[:2], -1)


def encoded(people=(), faces=()):
    return boxes.encode([people, faces], np.ones((2, SIZE, SIZE)), SIZE)


PEOPLE = np.array([[10.5, 20.25, 30.0, 80.0], [70.0, 8.0, 41.7, 100.3]])
FACES = np.array([[15.0, 22.0, 12.0, 13.0]])


def test_what_is_encoded_is_decoded():
    (people, scores), (faces, _) = boxes.decode(maps_of(encoded(PEOPLE, FACES)), 4)
    order = np.argsort(people[:, 0])
    np.testing.assert_allclose(people[order], PEOPLE, atol=1e-3)
    np.testing.assert_allclose(faces, FACES, atol=1e-3)
    assert scores.dtype == np.float32 and (scores > 0.9).all()


def test_nobody():
    (people, scores), (faces, _) = boxes.decode(maps_of(encoded()), 4)
    assert people.shape == faces.shape == (0, 4) and scores.shape == (0,)


def test_the_best_comes_first_and_the_threshold_cuts():
    maps = maps_of(encoded(PEOPLE)).reshape(SIZE, SIZE, 2, CHANNELS)
    places = np.argwhere(maps[..., 0, 0] > 5)
    maps[..., 0] = -9
    maps[(*places[0], 0, 0)], maps[(*places[1], 0, 0)] = -0.2, 1.0
    _, scores = boxes.decode(maps.reshape(SIZE, SIZE, -1), 4, threshold=0.4)[0]
    np.testing.assert_allclose(scores, 1 / (1 + np.exp([-1.0, 0.2])), atol=1e-6)
    assert len(boxes.decode(maps.reshape(SIZE, SIZE, -1), 4, threshold=0.5)[0][0]) == 1


def test_a_box_that_nearly_repeats_a_better_one_is_left_out():
    near = np.array([[0, 0, 10, 10], [1, 0, 10, 10], [8, 0, 10, 10], [1, 1, 10, 10.0]])
    np.testing.assert_array_equal(boxes.distinct(near), [0, 2])
    assert boxes.distinct(np.zeros((0, 4))).shape == (0,)


def test_overlaps():
    a = np.array([[0, 0, 2, 2], [10, 10, 0, 0.0]])
    np.testing.assert_allclose(
        boxes.overlaps(a, [[0, 0, 2, 2], [1, 0, 2, 2], [5, 5, 1, 1]]), [[1, 1 / 3, 0], [0] * 3]
    )


def test_a_smaller_subject_keeps_its_numbers_inside_a_larger_one():
    large, small = [0.0, 0.0, 128.0, 128.0], [56.0, 56.0, 12.0, 16.0]
    (found, _), _ = boxes.decode(maps_of(encoded([large, small])), 4)
    assert boxes.overlaps([small], found).max() > 0.99


def test_counts_are_kept_where_there_is_no_bump():
    counts = np.zeros((2, SIZE, SIZE))
    target = boxes.encode([PEOPLE, []], counts, SIZE).reshape(SIZE, SIZE, 2, boxes.TARGETS)
    assert (target[..., 1, 1] == 0).all()
    counted = target[..., 0, 1] == 1
    assert 0 < counted.sum() < 200
    assert (counted == (target[..., 0, -1] > 0)).all()


@pytest.mark.parametrize("shape", [(200, 300, 3), (300, 200, 3), (64, 64, 3), (37, 11)])
def test_the_letterbox_shows_the_whole_image_in_the_middle(shape):
    matrix = boxes.letterbox(shape, 128)
    corners = crops.transform([[-0.5, -0.5], [shape[1] - 0.5, shape[0] - 0.5]], matrix)
    assert corners.min() == pytest.approx(-0.5) and corners.max() == pytest.approx(127.5)
    np.testing.assert_allclose(corners.mean(axis=0), 63.5)


def test_boxes_return_to_the_image_and_end_at_its_border():
    shape = (200, 300, 3)
    matrix = boxes.letterbox(shape, 128)
    box = np.array([30.0, 40.0, 100.0, 90.0])
    low, high = crops.transform(box[:2], matrix), crops.transform(box[:2] + box[2:], matrix)
    inside = np.concatenate([low, high - low])
    np.testing.assert_allclose(boxes.restore([inside], matrix, shape), [box])
    np.testing.assert_allclose(
        boxes.restore([[-50, -50, 300, 300]], matrix, shape), [[-0.5, -0.5, 300, 200]], atol=1e-9
    )
