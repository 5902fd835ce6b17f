import json

import cv2
import numpy as np
import pytest

from bnn_landmarks.geometry import images
from bnn_landmarks.inference import detect
from bnn_landmarks.schemes import SCHEMES, Scheme

# The face of assets/face.jpg as 68 points bound it, from brows to chin and jaw to jaw, read off by eye.
FACE = np.array([182, 93, 86, 97])


def overlap(a, b):
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[:2] + a[2:], b[:2] + b[2:])
    both = np.prod(np.clip(high - low, 0, None))
    return both / (a[2] * a[3] + b[2] * b[3] - both)


@pytest.fixture(scope="module")
def portrait():
    return images.read(images.sample("face"))


def test_the_face_of_the_sample_is_found(portrait):
    (box,) = detect.detect(portrait, SCHEMES["ibug68"])
    assert overlap(box, FACE) > 0.6


def test_boxes_are_in_pixels_of_the_given_image_whatever_its_size(portrait):
    large = cv2.resize(portrait, None, fx=3, fy=3)
    (box,) = detect.faces(large)
    assert overlap(box / 3, FACE) > 0.6


def test_every_form_of_image_is_taken(portrait):
    expected = detect.faces(portrait)
    assert np.allclose(detect.faces(portrait / 255), expected)
    assert np.allclose(detect.faces(np.dstack([portrait, portrait[..., 0]])), expected)


def test_a_face_in_profile_is_found_from_either_side():
    man = images.read(images.sample("person"))
    boxes = detect.faces(man)
    mirrored = detect.faces(np.ascontiguousarray(man[:, ::-1]))
    assert len(boxes) == len(mirrored) == 1
    back = mirrored[0] * [-1, 1, 1, 1] + [512 - mirrored[0][2], 0, 0, 0]
    assert overlap(boxes[0], back) > 0.6


def test_faces_of_fewer_points_get_smaller_boxes(portrait):
    (all_points,) = detect.detect(portrait, SCHEMES["ibug68"])
    (few_points,) = detect.detect(portrait, SCHEMES["aflw21"])
    assert few_points[2] < all_points[2]


def test_upright_people_are_found_where_they_are(shared_data):
    record = json.loads((shared_data / "mpii" / "annotations" / "val.json").read_text())
    names = {image["id"]: image["file_name"] for image in record["images"]}
    hits = 0
    for annotation in record["annotations"][:20]:
        image = images.read(shared_data / "mpii" / "images" / names[annotation["image_id"]])
        points = np.reshape(annotation["keypoints"], (-1, 3))
        points = points[points[:, 2] > 0, :2]
        tight = np.concatenate([points.min(axis=0), np.ptp(points, axis=0)])
        hits += any(overlap(box, tight) > 0.4 for box in detect.people(image))
    assert hits >= 8


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 2000, 3), (2000, 3, 3), (127, 63, 3), (64, 64)])
@pytest.mark.parametrize("scheme", ["mpii16", "ibug68"])
def test_nothing_is_found_where_nothing_fits(shape, scheme):
    assert detect.detect(np.full(shape, 90, np.uint8), SCHEMES[scheme]).shape == (0, 4)


def test_a_scheme_of_the_users_own_has_no_detector(portrait):
    assert detect.detect(portrait, Scheme("paws", ("left", "right"))).shape == (0, 4)


def test_every_known_scheme_is_either_of_people_or_of_faces():
    assert set(SCHEMES) - {"subjects"} == set(detect.PEOPLE_SCHEMES) | set(detect.FACE_SCHEMES)


def test_box_from_landmarks_is_tight_around_the_sure_ones():
    points = np.array([[10, 20], [40, 25], [30, 80], [500, 500]])
    assert detect.box_from_landmarks(points, [0.9, 0.5, 0.3, 0.1]).tolist() == [10, 20, 30, 60]


def test_too_few_sure_landmarks_are_a_lost_subject():
    points = np.array([[10, 20], [40, 25], [30, 80]])
    assert detect.box_from_landmarks(points, [0.9, 0.9, 0.1]) is None
    assert detect.box_from_landmarks(np.full((5, 2), 7.0), np.ones(5)) is None
