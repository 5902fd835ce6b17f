"""Geometry, with an engine that sees (sight.py)."""

import dataclasses
import tracemalloc
import warnings
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from sight import DISCS, ENGINE, SIZE, SPEC, discs, see

import bnn_landmarks
from bnn_landmarks.geometry import images
from bnn_landmarks.geometry.boxes import overlaps
from bnn_landmarks.inference import detectors
from bnn_landmarks.inference.engines import Engine
from bnn_landmarks.inference.localizer import Landmarks, Localizer, Parts, parts_presence, usual
from bnn_landmarks.schemes import Scheme
from bnn_landmarks.spec import Spec

POINTS = np.array([[120.0, 90.0], [260.5, 150.25], [200.0, 210.0]])
BOX = [90, 60, 200, 180]


@pytest.fixture(params=[False, True], ids=["plain", "flip"])
def localizer(request):
    return Localizer(ENGINE, flip=request.param)


def tolerance(box):
    """Decoding is exact to a quarter of a map pixel, one pixel of the crop; half a pixel for drawing and sampling."""
    return SPEC.padding * max(box[2:]) / SIZE + 0.5


@pytest.mark.parametrize(
    "box",
    [
        BOX,
        [100, 60, 180, 180],
        [20, 20, 380, 270],
        [-40, -60, 420, 400],  # across the left and upper border
        [90, 60, 500, 400],  # across the right and lower border
        [-300, -300, 1000, 1000],  # around the whole image: shrunk by whole factors
        [90.4, 60.7, 199.3, 179.9],
    ],
)
def test_points_come_back_to_image_pixels(localizer, box):
    (found,) = localizer(discs(POINTS, radius=max(9, round(max(box[2:]) / 40))), box)
    assert isinstance(found, Landmarks)
    assert np.abs(found.points - POINTS).max() <= tolerance(box)
    assert found.found == "given" and found.box.tolist() == box
    assert found.scheme == DISCS
    assert found.scores.shape == (3,) and (found.scores > 0.5).all() and (found.scores <= 1).all()


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (("one", "two", "three"), "no pairs of left and right"),
        (("left", "other", "middle"), "'left' has no partner"),
    ],
)
def test_flip_needs_mirror_pairs(names, reason, caplog):
    scheme = Scheme("own", names)
    engine = Engine("sight", dataclasses.replace(SPEC, landmarks=scheme.to_dict()), see)
    localizer = Localizer(engine, flip=True)
    (found,) = localizer(discs(POINTS), BOX)
    assert np.abs(found.points - POINTS).max() <= tolerance(BOX), "not the mean of two places"
    assert reason in caplog.text and not localizer.flip


@pytest.mark.parametrize(
    "form",
    [
        lambda a: a,
        lambda a: a / 255,
        lambda a: (a / 255).astype(np.float32),
        lambda a: (a / 255).astype(np.float16),
        lambda a: a.astype(np.uint16) * 257,
        lambda a: a[..., 0],
        lambda a: a[..., :1],
        lambda a: np.dstack([a, a[..., 0]]),
        lambda a: a[..., ::-1],
    ],
    ids=["uint8", "float64", "float32", "float16", "uint16", "grey", "grey1", "alpha", "strided"],
)
def test_every_form_of_image_gives_the_same(form):
    localizer = Localizer(ENGINE)
    image = discs(POINTS)
    (expected,), (found,) = localizer(image, BOX), localizer(form(image), BOX)
    assert np.abs(found.points - expected.points).max() < 0.01


def test_a_path_is_read(tmp_path):
    images.write(tmp_path / "discs.png", discs(POINTS))
    localizer = Localizer(ENGINE)
    for path in (tmp_path / "discs.png", str(tmp_path / "discs.png")):
        assert np.abs(localizer(path, BOX)[0].points - POINTS).max() <= tolerance(BOX)


def test_one_result_a_box_in_their_order(localizer):
    image = np.zeros((300, 900, 3), np.uint8)
    image[:, :400] = discs(POINTS)
    image[:, 500:] = discs(POINTS + [20, 10])
    second = [610, 70, 200, 180]
    found = localizer(image, [second, BOX])
    assert np.abs(found[0].points - POINTS - [520, 10]).max() <= tolerance(second)
    assert np.abs(found[1].points - POINTS).max() <= tolerance(BOX)
    assert localizer(image, []) == []


def test_a_list_of_images_gives_a_list_of_lists(localizer):
    pictures = [discs(POINTS), discs(POINTS + 15, (350, 500))]
    found = localizer(pictures, [BOX, [BOX, [100, 70, 210, 200]]])
    assert [len(each) for each in found] == [1, 2]
    assert np.abs(found[1][1].points - POINTS - 15).max() <= tolerance([100, 70, 210, 200])
    with pytest.raises(ValueError, match="2 images"):
        localizer(pictures, [BOX])


def test_what_is_asymmetric_is_mirrored_with_its_name():
    """Were left and right not exchanged, the mean of both maps would have two peaks."""
    localizer = Localizer(ENGINE, flip=True)
    maps = localizer.maps(
        np.stack([discs([[20, 30], [100, 40], [60, 90]], (SIZE, SIZE)) / 255]).astype(np.float32)
    )
    assert ((maps[0] > 9).sum(axis=(0, 1)) < 9).all()


def test_without_boxes_the_whole_image_is_used_and_that_is_said():
    with pytest.warns(UserWarning, match="the whole image was used"):
        (found,) = Localizer(ENGINE, refine=0)(discs(POINTS, radius=14))
    assert (found.found, found.detector, found.box_score) == ("image", None, None)
    assert found.box.tolist() == [-0.5, -0.5, 400, 300]
    assert np.abs(found.points - POINTS).max() <= tolerance(found.box)


def test_a_second_look_is_into_the_box_of_the_landmarks():
    picture, tight = discs(POINTS, radius=14), [120, 90, 140.5, 120]
    (once,), (twice,) = (Localizer(ENGINE, refine=count)(picture) for count in (0, 1))
    assert overlaps([tight], [twice.box]).max() > 0.6 > 0.2 > overlaps([tight], [once.box]).max()
    assert twice.found == "image" and np.abs(twice.points - POINTS).max() <= tolerance(twice.box)
    detected = Localizer(ENGINE, detector=lambda image: [[90, 60, 220, 200]])(picture)[0]
    assert overlaps([tight], [detected.box]).max() > 0.6 and detected.found == "detector"
    for wrong in (-1, 1.5, "1"):
        with pytest.raises(ValueError, match="how often to look again"):
            Localizer(ENGINE, refine=wrong)


def told(peaks, detector, kind="mpii16"):
    """A localizer of people whose network answers a look after the other with peaks of these presences."""
    answers = iter(peaks)
    spec = Spec("told", scheme=kind, input_size=SIZE, score="sigmoid", box_side="max", padding=1.3)

    def run(x):
        count = spec.outputs
        maps = np.full((len(x), 32, 32, count), -9, np.float32)
        for image in maps:
            presence = next(answers)
            image[np.arange(count) + 4, 30 - np.arange(count), np.arange(count)] = np.log(
                presence / (1 - presence)
            )
        return maps

    localizer = Localizer(Engine("told", spec, run), detector=lambda image: [BOX])
    localizer.detector = detector
    return localizer, answers


def test_it_looks_again_where_the_first_look_is_unsure():
    apart = BOX + np.array([130, 60, 0, 0])
    sure = detectors.Detector("finder", lambda image: (np.array([BOX, apart]), np.array([0.9, 0.8])), 0.35)
    localizer, rest = told([0.9, 0.3, 0.35, 0.1], sure)
    first, second = localizer(discs(POINTS))
    assert [first.presence, second.presence] == pytest.approx([0.9, 0.35], abs=1e-3)
    assert first.box.tolist() == BOX != second.box.tolist()
    assert list(rest) == [0.1]


@pytest.mark.parametrize(
    ("scheme", "moved", "count"),
    [("aflw19", 0, 1), ("aflw19", 30, 1), ("aflw19", 130, 2), ("mpii16", 5, 1), ("mpii16", 30, 2)],
)
def test_two_that_turn_out_to_be_one_are_one(scheme, moved, count):
    """Faces hardly ever hide each other, people do; a detector of one's own is not doubted."""
    boxes = np.array([BOX, BOX + np.array([moved, 0, 0, 0])])
    finder = detectors.Detector("finder", lambda image: (boxes, np.array([0.9, 0.8])), 0.35)
    found = told([0.8, 0.9], finder, scheme)[0](discs(POINTS))
    assert [round(each.presence, 2) for each in found] == [0.8, 0.9][-count:]
    mine = detectors.Detector("mine", lambda image: (boxes, None))
    assert len(told([0.8, 0.9], mine, scheme)[0](discs(POINTS))) == 2


@pytest.mark.parametrize(("most", "presences"), [(None, [0.9, 0.85]), (2, [0.9, 0.85]), (1, [0.9])])
def test_so_many_are_found_besides_those_that_are_one(most, presences):
    boxes = np.array([BOX, BOX + np.array([5, 0, 0, 0]), BOX + np.array([130, 60, 0, 0])])
    finder = detectors.Detector("finder", lambda image: (boxes, np.array([0.9, 0.8, 0.7])), 0.35)
    found = told([0.9, 0.8, 0.85], finder)[0](discs(POINTS), most=most)
    assert [round(each.presence, 2) for each in found] == presences


def test_two_that_are_one_and_unsure_may_be_elsewhere():
    boxes = np.array([BOX, BOX + np.array([5, 0, 0, 0])])
    finder = detectors.Detector("finder", lambda image: (boxes, np.array([0.9, 0.8])), 0.35)
    (found,) = told([0.2, 0.25, 0.25, 0.2, 0.7, 0.6], finder)[0](discs(POINTS))
    assert found.found == "image" and found.presence == pytest.approx(0.6, abs=1e-3)


@pytest.mark.parametrize(("scheme", "looks"), [("mpii16", 2), ("aflw19", 3)])
def test_unsure_points_of_faces_are_looked_for_once_more(scheme, looks):
    peaks = [0.36, 0.37, 0.38, 0.39] if scheme == "mpii16" else [0.6, 0.61, 0.62, 0.63]
    finder = detectors.Detector("finder", lambda image: (np.array([BOX]), np.array([0.9])), 0.35)
    localizer, rest = told(peaks, finder, scheme)
    localizer(discs(POINTS))
    assert list(rest) == peaks[looks:]


@pytest.mark.parametrize(
    ("score", "peaks", "found", "presence"),
    [
        (0.9, [0.2, 0.25, 0.5, 0.4], "image", 0.4),
        (0.9, [0.2, 0.25, 0.5, 0.15], "detector", 0.25),
        (0.3, [0.2, 0.25, 0.5, 0.4], "image", 0.4),
        (0.3, [0.38, 0.36], "detector", 0.36),
        (None, [0.5, 0.6], "image", 0.6),
    ],
)
def test_the_whole_image_is_looked_at_where_the_only_one_is_unsure_or_there_is_none(
    score, peaks, found, presence
):
    boxes = np.zeros((0, 4)) if score is None else np.array([BOX])
    finder = detectors.Detector("finder", lambda image: (boxes, [score][: len(boxes)]), 0.35)
    localizer, rest = told(peaks, finder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (result,) = localizer(discs(POINTS))
    assert result.found == found and result.presence == pytest.approx(presence, abs=1e-3)
    assert not list(rest)


def test_a_detector_of_ones_own_is_not_doubted():
    localizer, _ = told([0.05, 0.04], detectors.Detector("mine", lambda image: (np.array([BOX]), None)))
    assert localizer(discs(POINTS))[0].found == "detector"


def test_a_given_box_is_looked_into_once():
    calls = []
    engine = Engine("counting", SPEC, lambda x: calls.append(len(x)) or see(x))
    (found,) = Localizer(engine, refine=3)(discs(POINTS), BOX)
    assert calls == [1] and found.box.tolist() == BOX and found.found == "given"


def test_nobody_in_the_picture_is_no_subject():
    somebody = Localizer(ENGINE, least_presence=0.3)
    assert len(somebody(discs(POINTS, radius=14))) == 1
    empty = np.zeros((300, 400, 3), np.uint8)
    with pytest.warns(UserWarning, match="nobody found otherwise either"):
        assert Localizer(Engine("blank", SPEC, blank), least_presence=0.3)(empty) == []
    assert len(Localizer(Engine("blank", SPEC, blank), least_presence=0.3)(empty, BOX)) == 1


def test_presence_is_how_sure_the_landmarks_are():
    landmarks = Landmarks(POINTS, np.array([0.2, 0.4, 0.9], np.float32), DISCS, np.array(BOX), "given")
    assert landmarks.presence == pytest.approx(0.5)


def test_presence_of_parts_is_how_sure_their_classes_are():
    maps = np.zeros((32, 32, 7), np.float32)
    assert parts_presence(maps) == 0, "all alike, of which background is the first"
    maps[..., 1] = 1e-3
    assert parts_presence(maps) == pytest.approx(1 / 7, abs=1e-3)
    maps[:, :16, 1] = np.log(6 * 0.9 / 0.1)
    assert parts_presence(maps) == pytest.approx((0.9 + 1 / 7) / 2, abs=1e-3)
    maps[:, 16:, 0] = 50
    assert parts_presence(maps) == pytest.approx(0.9, abs=1e-3)


def test_presences_are_the_networks_or_the_tasks_or_the_subjects():
    presences = {"pose_128": 0.4, "person": 0.3, "parts": 0.8, "face": 0.5}
    for name, task, kind, wanted in (
        ("pose_128", "landmarks", "person", 0.4),
        ("pose", "landmarks", "person", 0.3),
        ("own", "parts", "face", 0.8),
        ("face", "landmarks", None, 0.1),
        ("own", "landmarks", None, 0.1),
    ):
        spec = SimpleNamespace(name=name, task=task)
        assert usual(presences, spec, kind, 0.1) == wanted


def test_a_finder_of_boxes_finds_no_landmarks():
    spec = Spec("f", task="boxes", scheme="subjects", input_size=SIZE, padding=1.0, score="sigmoid")
    with pytest.raises(ValueError, match="f finds boxes, no landmarks"):
        Localizer(Engine("f", spec, None))(np.zeros((9, 9, 3), np.uint8))


def test_a_network_of_ones_own_warns_that_it_has_no_detector(localizer):
    with pytest.warns(UserWarning, match=r"^there is no detector for discs, so the whole image was used"):
        localizer(discs(POINTS, radius=14))


def learned(loosest, run=see):
    return Engine("learned", dataclasses.replace(SPEC, loosest=loosest), run)


def test_a_network_that_knows_whole_images_warns_of_looser_ones_only(recwarn):
    """The discs' tight box is 140 pixels wide, the whole image 400: 2.85 times."""
    picture = discs(POINTS, radius=14)
    (found,) = Localizer(learned(3.0))(picture)
    assert found.found == "image" and not recwarn.list
    assert np.abs(found.points - POINTS).max() <= tolerance(found.box)
    with pytest.warns(UserWarning, match=r"^there is no detector for discs, so the whole image was used"):
        Localizer(learned(2.0))(picture)


def test_a_network_that_knows_nobody_is_asked_how_sure_it_is():
    empty = np.zeros((300, 400, 3), np.uint8)
    with pytest.warns(UserWarning, match="nobody found"):
        assert Localizer(learned(3.0, blank))(empty) == []
    assert len(Localizer(learned(3.0, blank), least_presence=0.0)(empty)) == 1
    assert len(Localizer(learned(None, blank))(empty)) == 1, "its scores do not tell"
    for wrong in (-0.1, 1.1, float("nan"), "0.5", True):
        with pytest.raises(ValueError, match="the least presence is from 0 to 1"):
            Localizer(ENGINE, least_presence=wrong)


@pytest.mark.parametrize("most", [0, -1, 1.5, "2", True])
def test_nobody_at_most_is_refused(most):
    with pytest.raises(ValueError, match=f"subjects at most must be 1 or more, not {most!r}"):
        Localizer(ENGINE)(discs(POINTS), most=most)


def test_many_boxes_go_to_the_engine_in_batches():
    sizes = []
    engine = Engine(
        "counting", SPEC, lambda x: sizes.append(len(x)) or np.zeros((len(x), 32, 32, 3), np.float32)
    )
    image, boxes = discs(POINTS), [[x % 300, x % 200, 40, 40] for x in range(2016)]
    found = Localizer(engine)(image, boxes)
    assert [each.box.tolist() for each in found] == boxes
    assert sum(sizes) == 2016 and max(sizes) <= 64


def test_bytes_and_pil_images_give_the_same(tmp_path):
    pil = pytest.importorskip("PIL.Image")
    images.write(tmp_path / "a.png", discs(POINTS))
    local = Localizer(ENGINE)
    (path,) = local(tmp_path / "a.png", BOX)
    for image in (
        (tmp_path / "a.png").read_bytes(),
        pil.fromarray(discs(POINTS)),
        pil.open(tmp_path / "a.png"),
    ):
        (found,) = local(image, BOX)
        assert np.array_equal(found.points, path.points)
    assert len(local([discs(POINTS), (tmp_path / "a.png").read_bytes()], [BOX, BOX])) == 2
    with pytest.raises(ValueError, match=r"not NoneType$"):
        local(None)


def test_without_boxes_the_detector_is_asked_first():
    spec = Spec("face", scheme="ibug68", input_size=SIZE, box_side="mean")
    localizer = Localizer(
        Engine("blank", spec, lambda x: np.zeros((len(x), 32, 32, 68), np.float32)), detector="opencv"
    )
    (found,) = localizer(images.sample("face"))
    assert found.found == "detector" and found.detector == "opencv"
    assert 170 < found.box[0] < 200 and 70 < found.box[2] < 110


@pytest.mark.parametrize(
    ("box", "said"),
    [
        ([10, 10, np.nan, 20], "finite"),
        ([10, 10, np.inf, 20], "finite"),
        ([10, 10, 0, 20], "empty"),
        ([10, 10, 20, -5], "empty"),
        ([10, 10, 20], "four"),
        (["a", 1, 2, 3], "four"),
        ([0, 0, 1e9, 1e9], "larger than any image"),
        ([-5e8, -5e8, 1e9, 1e9], "larger than any image"),
        ([10, 10, 5, 1e300], "larger than any image"),
        ([10, 10, 1e-300, 1e-300], "empty"),
        ([400, 10, 20, 20], "outside"),
        ([10, -30, 20, 20], "outside"),
        ([[10, 10, 50, 50], [10, 10, 0, 0]], "empty"),
        ([[10, 10, 50, 50], [10, 10]], "four"),
        (5, "four"),
    ],
)
def test_bad_boxes_are_refused_in_one_line(localizer, box, said):
    with pytest.raises(ValueError, match=said) as error:
        localizer(discs(POINTS), box)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "image", [np.zeros((0, 5, 3), np.uint8), np.zeros((5, 5, 3), np.int32), np.full((9, 9, 3), 200.0)]
)
def test_bad_arrays_are_refused(localizer, image):
    with pytest.raises(ValueError, match="image"):
        localizer(image, BOX)


def blank(inputs):
    return np.zeros((len(inputs), SIZE // 4, SIZE // 4, 3), np.float32)


def test_one_pixel_gives_a_result():
    (found,) = Localizer(Engine("blank", SPEC, blank))(np.zeros((1, 1, 3), np.uint8))
    assert np.isfinite(found.points).all() and found.found == "image"


def test_a_huge_image_costs_little_more_than_itself(localizer):
    """12000 x 9000: what is made on the way is the crop's size with a box, and one copy of the image without."""
    image = np.zeros((9000, 12000, 3), np.uint8)
    image[4000:4300, 6000:6400] = discs(POINTS)
    box = [6090, 4060, 200, 180]
    tracemalloc.start()
    try:
        (found,) = localizer(image, box)
        with_box = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        Localizer(Engine("blank", SPEC, blank))(image)
        without = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert np.abs(found.points - POINTS - [6000, 4000]).max() <= tolerance(box)
    assert with_box < 20e6
    assert without < 1.2 * image.nbytes


def test_a_panorama_longer_than_opencv_warps(localizer):
    image = np.zeros((300, 40000, 3), np.uint8)
    image[:, 36000:36400] = discs(POINTS)
    box = [36090, 60, 200, 180]
    assert np.abs(localizer(image, box)[0].points - POINTS - [36000, 0]).max() <= tolerance(box)


PARTS = Spec("parts", task="parts", scheme="parts7", input_size=SIZE, box_side="mean", padding=1.5)


def colours_to_classes(inputs):
    """Logits of class 1 + c where colour c is strong, of the background elsewhere; averaged over map cells."""
    cells = inputs.reshape(len(inputs), SIZE // 4, 4, SIZE // 4, 4, 3).mean(axis=(2, 4))
    logits = np.zeros((*cells.shape[:3], 7), np.float32)
    logits[..., 0] = 0.5
    logits[..., 1:4] = cells
    return logits


def two_parts():
    image = np.zeros((300, 400, 3), np.uint8)
    image[100:180, 120:200, 0] = 255
    image[100:180, 200:280, 1] = 255
    return image


@pytest.mark.parametrize("box", [[100, 90, 200, 100], [60, 40, 300, 200], [-50, -100, 480, 500]])
@pytest.mark.parametrize("flip", [False, True])
def test_parts_come_back_to_image_pixels(box, flip):
    (found,) = Localizer(Engine("colours", PARTS, colours_to_classes), flip=flip)(two_parts(), box)
    assert isinstance(found, Parts)
    expected = np.zeros((300, 400), np.uint8)
    expected[100:180, 120:200], expected[100:180, 200:280] = 1, 2
    assert found.mask.shape == expected.shape and found.mask.dtype == np.uint8
    # Wrong at most within two pixels of the crop of an edge.
    reach = int(np.ceil(2 * PARTS.padding * (box[2] + box[3]) / 2 / SIZE))
    around = np.ones((2 * reach + 1, 2 * reach + 1))
    far = cv2.dilate(expected, around) == cv2.erode(expected, around)
    assert 0.5 < far.mean() < 1
    assert np.array_equal(found.mask[far], expected[far])


def test_parts_outside_the_crop_are_background():
    image = np.full((300, 400, 3), (255, 0, 0), np.uint8)
    (found,) = Localizer(Engine("colours", PARTS, colours_to_classes))(image, [150, 100, 60, 60])
    y, x = np.nonzero(found.mask)
    # centre 180, 130, side 90
    assert (x.min(), x.max(), y.min(), y.max()) == (135, 224, 85, 174)


def test_parts_of_a_large_face_are_the_small_ones_enlarged():
    localizer = Localizer(Engine("colours", PARTS, colours_to_classes))
    (small,) = localizer(two_parts(), [100, 90, 200, 100])
    large_image = cv2.resize(two_parts(), None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
    (large,) = localizer(large_image, [400, 360, 800, 400])
    enlarged = cv2.resize(small.mask, None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
    assert (large.mask != enlarged).mean() < 0.01


def test_results_draw_themselves():
    (landmarks,) = Localizer(ENGINE)(discs(POINTS), BOX)
    picture = landmarks.draw(np.zeros((300, 400, 3), np.uint8), threshold=0)
    x, y = POINTS[0].round().astype(int)
    assert picture[y, x].any()
    (parts,) = Localizer(Engine("colours", PARTS, colours_to_classes))(two_parts(), [100, 90, 200, 100])
    assert (parts.draw(np.zeros((300, 400, 3), np.uint8)).any(axis=2) == (parts.mask > 0)).all()


def test_the_package_offers_it():
    assert bnn_landmarks.Localizer is Localizer and bnn_landmarks.Landmarks is Landmarks
    assert bnn_landmarks.Parts is Parts
    assert dataclasses.is_dataclass(Landmarks)
