"""Categories of a COCO file: the one that is read, and its scheme."""

import pytest

from bnn_landmarks.datasets.coco_categories import choose, scheme_of
from bnn_landmarks.schemes import SCHEMES

BIRD = {"id": "1", "name": "bird", "keypoints": ["beak", "left_wing", "right_wing"]}
FISH = {"id": "2", "name": "fish", "keypoints": ["mouth", "left_fin", "right_fin"]}
ROOT = {"id": "0", "name": "animals", "supercategory": "none"}


def test_the_category_with_keypoints_is_taken():
    assert choose([ROOT, BIRD], {}) == [BIRD]
    assert choose([{**ROOT, "keypoints": []}, BIRD], {"0": 5}) == [BIRD]


def test_the_one_with_annotations_is_taken():
    assert choose([BIRD, FISH], {"2": 3}) == [FISH]


def test_several_have_to_be_named():
    for labelled in ({}, {"1": 1, "2": 3}):
        with pytest.raises(ValueError, match=r"several categories .* bird .*; fish .* --category NAME"):
            choose([BIRD, FISH], labelled)
    assert choose([BIRD, FISH], {"1": 1, "2": 3}, "Fish") == [FISH]
    with pytest.raises(ValueError, match="no category animals with keypoints; there are bird, fish"):
        choose([ROOT, BIRD, FISH], {}, "animals")


def test_categories_of_the_same_points_are_read_together():
    species = [{**BIRD, "id": str(n), "name": f"species {n}"} for n in range(3)]
    assert choose(species, {"0": 1, "1": 1, "2": 1}) == species
    assert choose(species, {"0": 1, "1": 1, "2": 1}, "species 1") == [species[1]]


def test_boxes_alone_are_no_keypoints():
    with pytest.raises(ValueError, match=r"no category has 'keypoints' \(categories: animals, car\)"):
        choose([ROOT, {"id": "1", "name": "car"}], {})


@pytest.mark.parametrize("names", [["a", "a"], ["a", 1], ["a", ""], "ab", [None], {"a": 1}])
def test_names_that_are_none(names):
    with pytest.raises(
        ValueError, match=r"category bird(: 'keypoints' is not a list of names| has two points)"
    ):
        choose([{**BIRD, "keypoints": names}], {})


def test_names_of_a_known_scheme_give_that_scheme():
    for name in ("lsp14", "coco17", "ibug68"):
        assert scheme_of({"keypoints": list(SCHEMES[name].names), "name": "person"})[0] is SCHEMES[name]


def test_a_scheme_of_the_users_own():
    scheme, notes = scheme_of(BIRD | {"skeleton": [[1, 2], [1, 3]]})
    assert (scheme.name, scheme.names) == ("bird", ("beak", "left_wing", "right_wing"))
    assert scheme.mirror.tolist() == [0, 2, 1]
    assert scheme.edges == ((0, 1), (0, 2))
    assert notes == []


def test_a_category_called_like_a_known_scheme_is_not_it():
    scheme, _ = scheme_of(BIRD | {"name": "ibug68"})
    assert scheme.name not in SCHEMES
    assert scheme_of({"keypoints": ["a"]})[0].name == "landmarks"


def test_a_side_without_its_partner_is_said_and_nothing_is_mirrored():
    scheme, notes = scheme_of(BIRD | {"keypoints": ["Left Eye", "R_Eye", "ear.L"]})
    assert scheme.mirror_pairs == ()
    assert len(notes) == 1 and "ear.L has no partner" in notes[0] and "mirror_pairs" in notes[0]


def test_pairs_can_be_given():
    names = ["Auge 1", "Auge 2", "left_scar", "Nase"]
    scheme, notes = scheme_of({"keypoints": names, "mirror_pairs": [["Auge 2", "Auge 1"]]})
    assert scheme.mirror_pairs == ((0, 1),) and not scheme.not_mirrored and notes == []
    for pairs in (
        [["Auge 1", "Ohr"]],
        [["Auge 1"]],
        "Auge",
        [["Nase", "Nase"]],
        [[1, 2]],
        [[["Nase"], "Nase"]],
    ):
        with pytest.raises(ValueError, match="'mirror_pairs' is a list of pairs"):
            scheme_of({"keypoints": names, "mirror_pairs": pairs})


@pytest.mark.parametrize(
    ("skeleton", "edges", "note"),
    [
        (None, (), ""),
        ([], (), ""),
        ([[0, 1], [1, 2]], ((0, 1), (1, 2)), "counts from 0"),
        ([[1, 2], [1, 9]], ((0, 1),), "1 of the skeleton's lines are left out"),
        ([[1, 2], [-1, 2]], ((0, 1),), "1 of"),
        ([[1, 1], [2, 3]], ((1, 2),), "1 of"),
        ([["beak", "left_wing"]], (), "1 of"),
        ([1, 2], (), "2 of"),
        ("lines", (), "1 of"),
        ([[1, 2, 3]], (), "1 of"),
    ],
)
def test_skeletons(skeleton, edges, note):
    scheme, notes = scheme_of(BIRD | {"skeleton": skeleton})
    assert scheme.edges == edges
    assert len(notes) == bool(note) and note in "".join(notes)
