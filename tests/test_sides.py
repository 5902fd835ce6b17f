"""Left and right in names: the spellings of annotation tools and data sets, and what is no side."""

import pytest

from bnn_landmarks import sides

SPELLINGS = [
    ("left_eye", "right_eye"),
    ("left-eye", "right-eye"),
    ("Left Eye", "Right Eye"),
    ("L_Eye", "R_Eye"),
    ("left eye", "right eye"),
    ("LEFT_EYE", "RIGHT_EYE"),
    ("leftEye", "rightEye"),
    ("EyeLeft", "EyeRight"),
    ("eye.L", "eye.R"),
    ("eye (left)", "eye (right)"),
    ("LEye", "REye"),
    ("lEye", "rEye"),
    ("LEFTEye", "RIGHTEye"),
    ("eye_l", "eye_r"),
    ("wing_l_tip", "wing_r_tip"),
    ("left", "right"),
    ("l", "r"),
    ("lefteye", "righteye"),
    ("eye_L1", "eye_R1"),
    ("LBigToe", "RBigToe"),
    ("forelegL1", "forelegR1"),
    ("midlegL", "midlegR"),
    ("L_F_Paw", "R_F_Paw"),
    ("left_eye_1", "right_eye_1"),
    ("left_ear", "Right Ear"),
    ("ear_left", "R_Ear"),
]


@pytest.mark.parametrize(("left", "right"), SPELLINGS)
def test_every_spelling_pairs_whatever_else_there_is(left, right):
    names = ("nose", right, "chin", left)
    assert sides.pairs(names) == ((1, 3),)
    assert sides.unpaired(names) == ()
    assert (sides.side(left), sides.side(right)) == ("left", "right")


def test_corners_of_eyes_change_both_their_sides():
    names = (
        "left_eye_left_corner",
        "left_eye_right_corner",
        "right_eye_left_corner",
        "right_eye_right_corner",
    )
    assert sides.pairs(names) == ((0, 3), (1, 2))
    assert sides.side(names[1]) == "left"


def test_top_and_bottom_beside_left_and_right():
    assert sides.pairs(("eye_L", "eye_R", "eye_T", "eye_B", "eye_C")) == ((0, 1),)


def test_numbered_points_pair_with_their_own_number():
    assert sides.pairs(("L_1", "L_2", "R_2", "R_1")) == ((0, 3), (1, 2))


@pytest.mark.parametrize(
    "names",
    [
        ("upright", "bright", "leftover", "cleft"),
        ("nose", "tail", "ear_1", "ear_2"),
        ("T1", "T2", "L1", "L2"),
        tuple("abcdefghijklmnopqrst"),
        tuple(f"point_{letter}" for letter in "abcdefglmr"),
    ],
)
def test_what_is_no_side(names):
    assert sides.pairs(names) == ()
    assert sides.unpaired(names) == ()


def test_a_side_without_its_partner_is_named():
    names = ("left_eye", "right_eye", "Left Ear", "tail")
    assert sides.pairs(names) == ((0, 1),)
    assert sides.unpaired(names) == ("Left Ear",)
    twice = ("left_eye", "eye left", "right_eye")
    assert sides.pairs(twice) == ()
    assert sides.unpaired(twice) == twice


def test_spellings_of_one_landmark_are_the_same():
    assert len({sides.same(n) for n in ("left_eye", "Left Eye", "EyeLeft", "L_Eye", "eye.L", "LEye")}) == 1
    assert sides.same("left_eye") != sides.same("right_eye") != sides.same("eye")
