"""docs/make_gallery.py: schemes drawn the right way round, tiles that show what was found where it was found."""

import importlib
import pathlib
import re

import numpy as np
import pytest
import sight

from bnn_landmarks.geometry import crops, images
from bnn_landmarks.inference.localizer import Landmarks, Localizer, Parts
from bnn_landmarks.schemes import SCHEMES

DOCS = pathlib.Path(__file__).parents[1] / "docs"


@pytest.fixture
def gallery(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    return importlib.import_module("make_gallery")


@pytest.mark.parametrize("name", ["mpii16", "ibug68", "aflw21"])
def test_the_standard_points_are_symmetric_and_numbered_from_the_right_side(gallery, name):
    scheme = SCHEMES[name]
    points = gallery.standard_points(scheme)
    side = gallery.mean_face.SIDE
    assert points.shape == (len(scheme), 2)
    assert (points > 0).all() and (points < side).all()
    np.testing.assert_allclose((points * [-1, 1] + [side, 0])[scheme.mirror], points, atol=1e-3)
    first, second = scheme.mirror_pairs[0]
    assert points[first, 0] < points[second, 0]  # a person's right, a face picture's left


def test_a_tile_stays_inside_the_photograph_and_shows_the_points_there(gallery):
    image = np.full((300, 500, 3), 90, np.uint8)
    scheme = sight.DISCS
    points = np.array([[20.0, 30], [60, 30], [40, 60]])
    box = np.array([10.0, 20, 60, 50])
    shown = gallery.tile(image, Landmarks(points, np.ones(3), scheme, box, "given"))
    assert shown.shape == (gallery.TILE, gallery.TILE, 3)
    assert (shown != 0).all(axis=2).mean() > 0.95
    # The square of 96 pixels, 1.6 x the box's longer side, is pushed to the corner.
    drawn = np.argwhere(np.abs(shown.astype(int) - 90).sum(axis=2) > 100)[:, ::-1]
    drawn = drawn[(drawn > 1).all(axis=1)]  # the outermost pixels fade into black
    place = crops.transform(points, crops.affine([47.5, 47.5], 96, gallery.TILE))
    for x, y in place:
        assert np.linalg.norm(drawn - [x, y], axis=1).min() < 2
    assert np.linalg.norm(drawn[:, None] - place, axis=2).min(axis=1).max() < 12

    mask = np.zeros((300, 500), np.uint8)
    mask[:30, :30] = 1
    shown = gallery.tile(image, Parts(mask, SCHEMES["parts7"], box, "given"))
    coloured = np.ptp(shown.astype(int), axis=2) > 20
    assert coloured[:76, :76].mean() > 0.95 and not coloured[90:].any() and not coloured[:, 90:].any()


def test_a_strip_has_the_photograph_and_its_changes(gallery, monkeypatch):
    image = sight.discs([(150, 150), (200, 160), (180, 200)])
    box = np.array([135, 135, 80, 80])
    monkeypatch.setattr(gallery, "photographs", lambda scheme: [(image, box)])
    monkeypatch.setattr(gallery, "SHOWN", ("rotated by 15 degrees", "half resolution", "box off by 10 %"))
    sheet = gallery.strip(Localizer(sight.ENGINE))
    assert sheet.shape[1] > 4 * gallery.TILE
    green = (sheet[..., 1].astype(int) - sheet[..., 0] > 60).reshape(len(sheet), -1)
    for i in range(4):
        assert green[:, i * (gallery.TILE + 4) : (i + 1) * (gallery.TILE + 4)].any()


def test_a_figure_shows_the_found_over_the_annotated_and_nothing_of_the_photograph(gallery, rng):
    image = rng.integers(0, 256, (100, 200, 3), dtype=np.uint8)
    scheme = sight.DISCS
    annotated, found = (
        np.array([[40.0, 30], [80, 30], [60, 60]]),
        np.array([[140.0, 30], [180, 30], [160, 60]]),
    )
    result = Landmarks(found, np.ones(3), scheme, np.array([140.0, 30, 40, 30]), "detector")
    shown = gallery.figure(image, scheme, annotated, np.array([2, 2, 2]), [result], "").astype(int)
    assert shown.shape == (gallery.TILE, gallery.TILE, 3)
    scale, top = gallery.TILE / 200, gallery.TILE / 4
    for points, coloured in ((annotated, False), (found, True)):
        for x, y in points:
            x, y = round((x + 0.5) * scale), round((y + 0.5) * scale + top)
            around = shown[y - 8 : y + 9, x - 8 : x + 9]
            assert around.min() < 230 and (np.ptp(around, axis=2).max() > 60) == coloured
    assert (shown == 255).all(axis=2).mean() > 0.8


def test_the_page_shows_pictures_that_are_there():
    pictures = [DOCS / name for name in re.findall(r"!\[.*?\]\((.*?)\)", (DOCS / "gallery.md").read_text())]
    assert pictures and all(images.read(picture).ndim == 3 for picture in pictures)
    assert sum(picture.stat().st_size for picture in pictures) < 2e6
