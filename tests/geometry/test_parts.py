"""68 points -> seven classes, at any scale, and other sets' classes."""

import cv2
import numpy as np
import pytest

from bnn_landmarks.datasets.sample import Sample
from bnn_landmarks.geometry import crops, parts
from bnn_landmarks.schemes import SCHEMES

CLASS = {name: i for i, name in enumerate(parts.CLASSES)}


def face(opening=6.0):
    """68 points of a schematic symmetric face, 100 pixels wide, its middle at x = 64; the mouth `opening` pixels
    open."""
    t = np.linspace(np.pi, 0, 17)
    jaw = np.stack([64 + 50 * np.cos(t), 50 + 62 * np.sin(t)], 1)
    brow = np.array([[20, 38], [27, 33], [36, 31], [45, 32], [54, 36]], float)
    mirror = lambda points: np.array([128, 0]) + np.array(points)[::-1] * [-1, 1]  # noqa: E731
    nose = np.array(
        [[64, 48], [64, 56], [64, 64], [64, 72], [54, 78], [59, 80], [64, 81], [69, 80], [74, 78]], float
    )
    eye = np.array([[32, 50], [37, 46], [43, 46], [48, 50], [43, 53], [37, 53]], float)
    other = (np.array([128, 0]) + eye * [-1, 1])[[3, 2, 1, 0, 5, 4]]
    half = opening / 2
    outer = [
        [46, 92],
        [52, 87],
        [59, 85],
        [64, 86],
        [69, 85],
        [76, 87],
        [82, 92],
        [76, 98 + half],
        [69, 101 + half],
    ]
    outer += [[64, 102 + half], [59, 101 + half], [52, 98 + half]]
    inner = [
        [50, 92],
        [59, 92 - half],
        [64, 92 - half],
        [69, 92 - half],
        [78, 92],
        [69, 92 + half],
        [64, 92 + half],
    ]
    inner += [[59, 92 + half]]
    return np.concatenate([jaw, brow, mirror(brow), nose, eye, other, outer, inner])


def class_at(mask, x, y):
    return parts.CLASSES[mask[int(y), int(x)]]


def test_each_part_is_where_it_belongs():
    mask = parts.draw(face(), (128, 128))
    assert mask.dtype == np.uint8
    for name, (x, y) in {
        "background": (64, 20),
        "skin": (30, 70),
        "eyes": (40, 50),
        "nose": (64, 74),
        "upper_lip": (64, 87),
        "inner_mouth": (64, 92),
        "lower_lip": (64, 99),
    }.items():
        assert class_at(mask, x, y) == name
    assert class_at(mask, 88, 50) == "eyes"
    assert class_at(mask, 64, 120) == "background"


def test_the_nose_of_a_turned_face_encloses_its_tip():
    points = face()
    points[28:31, 0] -= [8, 14, 22]
    mask = parts.draw(points, (128, 128))
    assert class_at(mask, 44, 72) == "nose"
    assert class_at(mask, 40, 72) == "skin"


def test_a_closed_mouth_has_no_inside():
    mask = parts.draw(face(opening=0.0), (128, 128))
    assert CLASS["inner_mouth"] not in mask
    assert CLASS["upper_lip"] in mask
    assert CLASS["lower_lip"] in mask


def test_areas_are_those_of_the_contours():
    points = face(opening=12.0)
    mask = parts.draw(points, (128, 128))
    for name, indices in (("eyes", range(36, 42)), ("inner_mouth", range(60, 68))):
        contour = points[list(indices)].astype(np.float32)
        area = cv2.contourArea(contour) * (2 if name == "eyes" else 1)
        assert (mask == CLASS[name]).sum() == pytest.approx(area, rel=0.12), name


def test_a_mirrored_face_gives_the_mirrored_mask():
    points = face() + [3.3, 1.7]
    mirrored = points * [-1, 1] + [127, 0]
    mask = parts.draw(points, (128, 128))
    difference = mask[:, ::-1] != parts.draw(mirrored[SCHEMES["ibug68"].mirror], (128, 128))
    assert difference.mean() < 0.004, "only pixels on contours may differ"


def test_label_map_from_points_and_from_the_mask_agree():
    points = face(opening=12.0).astype(np.float32)
    image = np.zeros((128, 128, 3), np.uint8)
    box = np.array([14, 30, 100, 84], np.float32)
    drawn = Sample("face", image, points, np.full(68, 2), box)
    masked = Sample("face", image, points, np.full(68, 2), box, mask=parts.draw(points, (128, 128)))
    matrix = crops.affine((64, 70), 120, 256, rotation=20, mirror=True)
    before = matrix.copy()
    a = parts.label_map(drawn, SCHEMES["ibug68"], matrix, 256)
    b = parts.label_map(masked, SCHEMES["ibug68"], matrix, 256)
    np.testing.assert_array_equal(matrix, before)
    assert a.shape == b.shape == (256, 256)
    assert (a != b).mean() < 0.03
    # each crop pixel holds the class at its place in the image
    for y, x in ((80, 80), (130, 130), (161, 122), (202, 134)):
        place = crops.restore([x, y], matrix)
        assert b[y, x] == masked.mask[tuple(np.rint(place[::-1]).astype(int))]


def test_mask_of():
    points = face().astype(np.float32)
    image = np.zeros((128, 130, 3), np.uint8)
    sample = Sample("face", image, points, np.full(68, 2), None)
    np.testing.assert_array_equal(parts.mask_of(sample, SCHEMES["ibug68"]), parts.draw(points, (128, 130)))
    own = Sample("face", image, points[:0], np.zeros(0), None, mask=np.ones((128, 130), np.uint8))
    assert parts.mask_of(own, SCHEMES["parts7"]) is own.mask


def test_messages():
    image = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(ValueError, match=r"68 points \[68, 2\], not from \[21, 2\]"):
        parts.draw(np.zeros((21, 2)), (8, 8))
    other = Sample("a.jpg", image, np.zeros((21, 2)), np.full(21, 2), None)
    with pytest.raises(ValueError, match=r"a\.jpg has no mask, and its landmarks are of scheme aflw21"):
        parts.mask_of(other, SCHEMES["aflw21"])
    some = Sample("a.jpg", image, np.zeros((68, 2)), np.arange(68) % 2, None)
    with pytest.raises(ValueError, match="are not all annotated"):
        parts.mask_of(some, SCHEMES["ibug68"])
