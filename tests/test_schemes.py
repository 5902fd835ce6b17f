"""Schemes: tables that are consistent with themselves and with each other."""

import numpy as np
import pytest

from bnn_landmarks.schemes import CONVERSIONS, SCHEMES, Scheme, convert

SIZES = {"mpii16": 16, "lsp14": 14, "coco17": 17, "aflw21": 21, "aflw19": 19, "ibug68": 68, "pifa34": 34}
SIZES |= {"parts7": 7, "subjects": 2}


def test_sizes():
    assert {name: len(scheme) for name, scheme in SCHEMES.items()} == SIZES


@pytest.mark.parametrize("name", SCHEMES)
def test_mirroring_twice_is_nothing(name):
    mirror = SCHEMES[name].mirror
    np.testing.assert_array_equal(mirror[mirror], np.arange(len(mirror)))


@pytest.mark.parametrize("name", SCHEMES)
def test_names_are_unique_and_edges_inside(name):
    scheme = SCHEMES[name]
    assert len(set(scheme.names)) == len(scheme)
    assert all(0 <= i < len(scheme) for edge in scheme.edges for i in edge)


@pytest.mark.parametrize("name", ["mpii16", "lsp14", "coco17"])
def test_left_mirrors_to_right(name):
    scheme = SCHEMES[name]
    other = {"r": "l", "l": "r", "left": "right", "right": "left"}
    for i, j in enumerate(scheme.mirror):
        side, _, rest = scheme.names[i].partition("_")
        assert scheme.names[j] == (f"{other[side]}_{rest}" if side in other else scheme.names[i])


def test_known_places():
    assert SCHEMES["mpii16"].names[9] == "head_top"
    assert SCHEMES["lsp14"].names[12] == "neck"
    assert SCHEMES["aflw21"].names[20] == "chin"
    assert SCHEMES["ibug68"].mirror[36] == 45


@pytest.mark.parametrize(("source", "target"), CONVERSIONS)
def test_conversion_commutes_with_mirroring(source, target, rng):
    """Mirror then convert is convert then mirror: the tables know the same left and right."""
    points = rng.random((len(SCHEMES[source]), 2)).astype(np.float32)
    visible = rng.integers(0, 3, len(points))
    a, va = convert(points[SCHEMES[source].mirror], visible[SCHEMES[source].mirror], source, target)
    b, vb = convert(points, visible, source, target)
    np.testing.assert_allclose(a, b[SCHEMES[target].mirror], atol=1e-6)
    np.testing.assert_array_equal(va, vb[SCHEMES[target].mirror])


def test_lsp_fills_fourteen_joints_of_mpii_and_leaves_two():
    points, visible = convert(np.ones((14, 2)), np.full(14, 2), "lsp14", "mpii16")
    missing = [SCHEMES["mpii16"].names[i] for i in np.flatnonzero(visible == 0)]
    assert missing == ["pelvis", "thorax"]
    back, _ = convert(points, visible, "mpii16", "lsp14")
    assert back.shape == (14, 2)


@pytest.mark.parametrize("target", ["mpii16", "lsp14"])
def test_coco_fills_the_twelve_limb_joints(target):
    points, visible = convert(np.arange(34).reshape(17, 2), np.full(17, 2), "coco17", target)
    coco, names = SCHEMES["coco17"].names, SCHEMES[target].names
    missing = [name for name, seen in zip(names, visible, strict=True) if not seen]
    assert missing == [n for n in names if n in ("pelvis", "thorax", "upper_neck", "neck", "head_top")]
    assert points[names.index("r_wrist"), 0] == 2 * coco.index("right_wrist")
    assert points[names.index("l_ankle"), 0] == 2 * coco.index("left_ankle")


def test_a_mean_is_as_visible_as_its_least_visible_source(rng):
    visible = np.full(68, 2)
    visible[37] = 0  # one of the four points whose mean is the left eye's centre
    visible[17] = 1
    _, out = convert(rng.random((68, 2)), visible, "ibug68", "aflw21")
    names = SCHEMES["aflw21"].names
    assert out[names.index("eye_1_centre")] == 0
    assert out[names.index("brow_1")] == 1
    assert out[names.index("ear_1")] == out[names.index("ear_2")] == 0


def test_batches_convert_alike(rng):
    points, visible = rng.random((5, 14, 2)), rng.integers(0, 2, (5, 14))
    whole = convert(points, visible, "lsp14", "mpii16")
    one = convert(points[3], visible[3], "lsp14", "mpii16")
    np.testing.assert_array_equal(whole[0][3], one[0])
    np.testing.assert_array_equal(whole[1][3], one[1])


def test_landmarks_are_matched_by_their_names(rng):
    train = Scheme("bird", ("beak", "left_wing", "right_wing", "tail"))
    val = Scheme("bird", ("Tail", "L_Wing", "wing right", "beak", "eye"))
    points, visible = rng.random((6, 5, 2)).astype(np.float32), rng.integers(0, 3, (6, 5))
    points[visible == 0] = 0
    found, seen = convert(points, visible, val, train)
    np.testing.assert_array_equal(found, points[:, [3, 1, 2, 0]])
    np.testing.assert_array_equal(seen, visible[:, [3, 1, 2, 0]])
    with pytest.raises(ValueError, match="no conversion from scheme 'bird' to 'bird': eye missing"):
        convert(found, seen, train, val)


def test_a_known_scheme_in_another_order_converts_as_it_would_itself(rng):
    order = rng.permutation(17)
    coco = SCHEMES["coco17"]
    shuffled = Scheme("person", tuple(coco.names[i] for i in order))
    points, visible = rng.random((17, 2)), rng.integers(0, 3, 17)
    for target in ("mpii16", "lsp14", "coco17"):
        found = convert(points[order], visible[order], shuffled, target)
        expected = convert(points, visible, coco, target)
        np.testing.assert_array_equal(found[1], expected[1])
        np.testing.assert_array_equal(found[0], np.where(found[1][:, None] > 0, expected[0], 0))


def test_why_a_scheme_is_not_mirrored():
    assert SCHEMES["mpii16"].not_mirrored == SCHEMES["parts7"].not_mirrored == ""
    assert "left and right" in SCHEMES["pifa34"].not_mirrored
    assert "'L_Ear' has no partner" in Scheme("own", ("nose", "L_Ear")).not_mirrored
    assert Scheme("own", ("nose", "a", "b"), ((1, 2),)).not_mirrored == ""


def test_sides():
    names = SCHEMES["coco17"].names
    assert SCHEMES["coco17"].sides == tuple(n.split("_")[0] if "_" in n else None for n in names)
    assert SCHEMES["ibug68"].sides == (None,) * 68


def test_unknown_conversion_is_named():
    with pytest.raises(ValueError, match="no conversion from scheme 'mpii16' to 'ibug68'"):
        convert(np.zeros((16, 2)), np.ones(16), "mpii16", "ibug68")


def test_scheme_survives_its_dict():
    for scheme in SCHEMES.values():
        assert Scheme.from_dict(scheme.to_dict()) == scheme


def test_conversion_fits_annotations_of_the_same_faces(shared_data):
    """AFLW2000-3D has both annotations of the same photographs: converted 68 points lie near the 21 given ones."""
    from bnn_landmarks.datasets.coco import CocoKeypoints

    fine = CocoKeypoints(shared_data / "aflw2000", "val_68")
    coarse = CocoKeypoints(shared_data / "aflw2000", "val_21")
    errors = []
    for i in range(len(fine)):
        a, b = fine[i], coarse[i]
        points, visible = convert(a.landmarks, a.visible, "ibug68", "aflw21")
        both = (visible > 0) & (b.visible > 0)
        errors.append(
            np.where(
                both, np.linalg.norm(points - b.landmarks, axis=-1) / np.sqrt(b.box[2] * b.box[3]), np.nan
            )
        )
    median = np.nanmedian(errors, axis=0)
    counted = np.isfinite(median)
    assert counted.sum() == 19
    assert median[counted].max() < 0.06
