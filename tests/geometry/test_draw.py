import numpy as np
import pytest

from bnn_landmarks.geometry import draw
from bnn_landmarks.schemes import SCHEMES, Scheme

SCHEME = SCHEMES["mpii16"]


@pytest.fixture
def image():
    return np.full((200, 300, 3), 50, np.uint8)


def changed(before, after):
    return (before != after).any(axis=2)


def test_landmarks_are_drawn_where_they_are_and_nowhere_else(image):
    points = np.full((16, 2), np.nan)
    points[10], points[15] = [60, 40], [200.4, 150.2]
    drawn = changed(image, draw.landmarks(image, points, SCHEME))
    assert drawn[40, 60] and drawn[150, 200]
    y, x = np.nonzero(drawn)
    assert (np.minimum(np.hypot(x - 60, y - 40), np.hypot(x - 200.4, y - 150.2)) < 6).all()


def test_an_edge_needs_both_its_ends(image):
    points = np.full((16, 2), np.nan)
    points[10], points[11] = [60, 40], [60, 140]
    assert changed(image, draw.landmarks(image, points, SCHEME))[90, 60]
    scores = np.ones(16)
    scores[11] = 0.1
    drawn = changed(image, draw.landmarks(image, points, SCHEME, scores, threshold=0.2))
    assert drawn[40, 60] and not drawn[90, 60] and not drawn[140, 60]


def test_left_and_right_have_their_own_colours(image):
    points = np.full((16, 2), np.nan)
    points[SCHEME.names.index("l_wrist")], points[SCHEME.names.index("r_wrist")] = [60, 40], [200, 150]
    drawn = draw.landmarks(image, points, SCHEME)
    assert tuple(drawn[40, 60]) == draw.LEFT
    assert tuple(drawn[150, 200]) == draw.RIGHT


@pytest.mark.parametrize("names", [("Left Eye", "R_Eye"), ("left_ear", "right_ear"), ("EyeLeft", "EyeRight")])
def test_every_spelling_of_a_side_has_its_colour(image, names):
    scheme = Scheme("own", ("left_over", *names), ((1, 2),), ((1, 2), (0, 1)))
    points = np.array([[60.0, 160], [60, 40], [200, 40]])
    drawn = draw.landmarks(image, points, scheme)
    assert tuple(drawn[40, 60]) == draw.LEFT
    assert tuple(drawn[40, 200]) == draw.RIGHT
    assert tuple(drawn[160, 60]) == draw.MIDDLE, "it has no partner, so left means something else"
    assert tuple(drawn[40, 130]) == draw.MIDDLE, "from one side to the other"
    assert tuple(drawn[100, 60]) == draw.LEFT


def test_the_given_image_stays_as_it_was(image):
    before = image.copy()
    draw.landmarks(image, np.full((16, 2), 20.0), SCHEME)
    draw.parts(image, np.ones((200, 300), np.uint8))
    draw.box(image, [10, 10, 50, 50])
    draw.label(image, "text")
    assert np.array_equal(image, before)


def test_lines_grow_with_the_subject():
    points = np.random.default_rng(0).uniform(0.1, 0.9, (16, 2))
    shares = []
    for size in (200, 2000):
        image = np.zeros((size, size, 3), np.uint8)
        shares.append(changed(image, draw.landmarks(image, points * size, SCHEME)).mean())
    assert 0.5 < shares[0] / shares[1] < 2


def test_points_far_outside_and_none_at_all_do_no_harm(image):
    far = draw.landmarks(image, np.full((16, 2), 1e12), SCHEME)
    assert np.array_equal(far, image)
    assert np.array_equal(draw.landmarks(image, np.zeros((16, 2)), SCHEME, np.zeros(16)), image)
    assert draw.landmarks(np.zeros((1, 1), np.uint8), np.zeros((16, 2)), SCHEME).shape == (1, 1, 3)


def test_parts_are_blended_and_the_background_is_left(image):
    mask = np.zeros((200, 300), np.uint8)
    mask[50:100, 60:90] = 2
    drawn = draw.parts(image, mask, alpha=0.5)
    expected = np.rint(0.5 * 50 + 0.5 * np.array(draw.palette(3)[2]))
    assert np.array_equal(drawn[70, 70], expected)
    assert np.array_equal(changed(image, drawn), mask > 0)


def test_a_mask_of_another_size_is_refused(image):
    with pytest.raises(ValueError, match="size"):
        draw.parts(image, np.zeros((10, 10), np.uint8))


def test_palette_colours_differ():
    colours = draw.palette(7)
    assert colours[0] == (0, 0, 0)
    apart = [np.abs(np.subtract(a, b)).sum() for i, a in enumerate(colours) for b in colours[:i]]
    assert min(apart) > 60


def test_box_is_an_outline(image):
    drawn = changed(image, draw.box(image, [50, 60, 100, 80]))
    assert drawn[60, 100] and drawn[100, 50] and drawn[140, 100] and not drawn[100, 100]


def test_sheet_shows_every_picture_whole_in_its_cell():
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    pictures = [
        np.full(shape, c, np.uint8)
        for shape, c in zip([(20, 40, 3), (40, 20, 3), (9, 9, 3)], colours, strict=True)
    ]
    page = draw.sheet(pictures, columns=2, side=64, gap=4)
    assert page.shape == (2 * 68 + 4, 2 * 68 + 4, 3)
    for i, (colour, area) in enumerate(zip(colours, [64 * 32, 64 * 32, 64 * 64], strict=True)):
        y, x = np.nonzero((page == colour).all(axis=2))
        assert len(x) == area
        assert (y // 70 == i // 2).all() and (x // 70 == i % 2).all()


def test_a_sheet_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        draw.sheet([])
