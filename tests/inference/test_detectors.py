"""Who finds the subjects: the finder, OpenCV, or any function; what it says is checked and stays with the results."""

import cv2
import numpy as np
import pytest
from sight import ENGINE, discs

from bnn_landmarks.geometry import boxes, crops
from bnn_landmarks.inference import detect, detectors, localizer
from bnn_landmarks.inference.engines import Engine
from bnn_landmarks.inference.finder import Finder
from bnn_landmarks.inference.localizer import Localizer
from bnn_landmarks.schemes import SCHEMES
from bnn_landmarks.spec import Spec

POINTS = np.array([[120.0, 90.0], [260.5, 150.25], [200.0, 210.0]])
BOX = [90.0, 60.0, 200.0, 180.0]
SPEC = Spec("finder", task="boxes", scheme="subjects", input_size=64, padding=1.0, score="sigmoid")


def knowing(people=(), faces=()):
    """A network that knows the boxes in its square."""

    def run(images):
        maps = []
        for kind in (people, faces):
            target = boxes.encode([kind], np.ones((1, 16, 16)), 16)
            logits = np.where(target[..., :1] > 0.999, 4, -6)
            maps.append(np.concatenate([logits, target[..., 2:-1]], axis=-1))
        return np.repeat(np.concatenate(maps, axis=-1)[None], len(images), axis=0).astype(np.float32)

    return Engine("knowing", SPEC, run)


def test_the_finders_boxes_are_the_images():
    shape = (120, 200, 3)
    matrix = boxes.letterbox(shape, 64)
    box = np.array([40.0, 20.0, 60.0, 80.0])
    low, high = crops.transform(box[:2], matrix), crops.transform(box[:2] + box[2:], matrix)
    engine = knowing(people=[np.concatenate([low, high - low])])
    found, scores = Finder("person", engine)(np.zeros(shape, np.uint8))
    np.testing.assert_allclose(found, [box], atol=0.01)
    assert scores.dtype == np.float32 and scores[0] == pytest.approx(1 / (1 + np.exp(-4)))
    assert Finder("face", engine)(np.zeros(shape[:2], np.float32))[0].shape == (0, 4)
    assert len(Finder("person", engine, threshold=0.99)(np.zeros(shape, np.uint8))[0]) == 0


def test_a_box_beside_the_picture_is_none():
    """In the black beside it: nothing of it is left when it is cut at the image's border."""
    found, _ = Finder("person", knowing(people=[[10.0, 2.0, 20.0, 8.0]]))(np.zeros((40, 200, 3), np.uint8))
    assert len(found) == 0


def test_a_finder_of_other_things_is_refused():
    with pytest.raises(ValueError, match="finder finds person and face, not boxes of 'dog'"):
        Finder("dog", knowing())
    with pytest.raises(ValueError, match="discs finds landmarks, not boxes of 'person'"):
        Finder("person", ENGINE)


def test_any_function_is_a_detector():
    def mine(image):
        assert image.dtype == np.uint8 and image.shape == (300, 400, 3)
        return [BOX]

    (found,) = Localizer(ENGINE, detector=mine, refine=0)(discs(POINTS))
    assert (found.found, found.detector, found.box_score) == ("detector", "mine", None)
    assert found.box.tolist() == BOX and np.abs(found.points - POINTS).max() < 4


def test_scores_order_the_boxes_and_stay_with_them():
    class Mine:
        name = "yolo"

        def __call__(self, image):
            return np.array([[80.0, 50.0, 210.0, 190.0], BOX]), np.array([0.3, 0.8])

    found = Localizer(ENGINE, detector=Mine(), refine=0)(discs(POINTS))
    assert [(each.detector, each.box_score, each.box.tolist()) for each in found] == [
        ("yolo", 0.8, BOX),
        ("yolo", 0.3, [80.0, 50.0, 210.0, 190.0]),
    ]


@pytest.mark.parametrize("nothing", [[], np.zeros((0, 4)), (np.zeros((0, 4)), np.zeros(0)), ([], [])])
def test_a_detector_may_find_nothing(nothing):
    (found,) = Localizer(ENGINE, detector=lambda image: nothing)(discs(POINTS, radius=14))
    assert found.found == "image" and found.detector is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (None, "of numbers, not None"),
        ([1, 2, 3, 4], r"not \[4\]"),
        ([[1, 2, 3]], r"not \[1, 3\]"),
        (([BOX, BOX], [0.5]), r"boxes \[2, 4\] and 1 scores"),
        ([[1, 2, 0, 4]], "is empty"),
        (([BOX], [float("nan")]), "scores must be finite"),
        ("boxes", "of numbers"),
    ],
)
def test_what_a_detector_says_is_checked(wrong, said):
    with pytest.raises(ValueError, match=said):
        Localizer(ENGINE, detector=lambda image: wrong)(discs(POINTS))


@pytest.mark.parametrize(("score", "sure"), [(0.9, True), (0.3, True), (0.2, False)])
def test_a_guess_is_taken_where_there_is_nobody_for_sure(monkeypatch, score, sure):
    """Of boxes below what the detector calls sure only one, and only if the landmarks are there."""

    def find(image):
        return np.array([BOX, [80.0, 50.0, 210.0, 190.0]]), np.array([score, 0.15])

    detector = detectors.Detector("mine", find, sure=0.3)
    monkeypatch.setattr(detectors, "choose", lambda *arguments: detector)
    somebody = Localizer(ENGINE, least_presence=0.3)
    (found,) = somebody(discs(POINTS))
    assert (found.found, found.detector, found.box_score) == ("detector", "mine", score)
    blind = Engine("blind", ENGINE.spec, lambda x: np.zeros((len(x), 32, 32, 3), np.float32))
    unseen = Localizer(blind, least_presence=0.3)
    if sure:
        assert len(unseen(discs(POINTS))) == 1
    else:
        with pytest.warns(UserWarning, match="nobody found"):
            assert unseen(discs(POINTS)) == []


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_of_guesses_the_one_with_somebody_in_it_is_taken(monkeypatch, place):
    """Wherever it is among the first, by the detector's scores."""
    nowhere = [[300.0, 10.0, 60.0, 60.0], [10.0, 220.0, 60.0, 60.0], [320.0, 220.0, 60.0, 60.0]]
    boxes = [*nowhere[:place], BOX, *nowhere[place:]]
    scores = np.array([0.29, 0.28, 0.27, 0.26])
    guessing = detectors.Detector("mine", lambda image: (np.array(boxes), scores), sure=0.3)
    monkeypatch.setattr(detectors, "choose", lambda *arguments: guessing)
    nothing = np.zeros((32, 32, 3), np.float32)

    def run(inputs):
        return np.stack([ENGINE.run(each[None])[0] if each.any() else nothing for each in inputs])

    image = discs(POINTS)
    look = Localizer(Engine("seeing", ENGINE.spec, run), least_presence=0.3)
    looked = []
    monkeypatch.setattr(look, "look", lambda *what: looked.extend(what[1]) or Localizer.look(look, *what))
    if place < localizer.GUESSES:
        (found,) = look(image)
        assert found.found == "detector" and found.box_score == scores[place]
        assert np.abs(found.points - POINTS).max() < 4
    else:
        assert all(each.found == "image" for each in look(image))
    assert (place > 0) == any(each.box.tolist() in nowhere for each in looked), (
        "looked when the first is good"
    )


def test_where_a_detector_that_guesses_has_no_guess_the_whole_image_is_asked(monkeypatch):
    nothing = detectors.Detector("mine", lambda image: (np.zeros((0, 4)), np.zeros(0)), sure=0.3)
    monkeypatch.setattr(detectors, "choose", lambda *arguments: nothing)
    with pytest.warns(UserWarning, match="the whole image was used"):
        (found,) = Localizer(ENGINE, least_presence=0.3)(discs(POINTS, radius=14))
    assert found.found == "image"
    blind = Engine("blind", ENGINE.spec, lambda x: np.zeros((len(x), 32, 32, 3), np.float32))
    with pytest.warns(UserWarning, match="nobody found"):
        assert Localizer(blind, least_presence=0.3)(discs(POINTS)) == []


def test_boxes_of_a_detector_outside_the_image_are_left_out():
    found = Localizer(ENGINE, detector=lambda image: [BOX, [500, 10, 20, 20]], refine=0)(discs(POINTS))
    assert [each.box.tolist() for each in found] == [BOX]


def test_detectors_by_name(monkeypatch):
    assert detectors.choose("opencv", SCHEMES["mpii16"]).name == "opencv"
    assert detectors.choose("auto", ENGINE.spec.landmark_scheme()) is None
    for wrong in ("yolo", 3, None):
        with pytest.raises(ValueError, match=r"unknown detector .*auto, finder, opencv"):
            Localizer(ENGINE, detector=wrong)
    monkeypatch.delattr(cv2, "CascadeClassifier")
    with pytest.raises(ImportError, match="no detector of faces any more"):
        detectors.choose("opencv", SCHEMES["ibug68"])


def test_auto_is_the_finder_where_it_has_weights(monkeypatch):
    monkeypatch.setattr(detectors, "Finder", lambda kind, **how: Finder(kind, knowing()))
    for trained, name in ((True, "finder"), (False, "opencv")):
        monkeypatch.setattr(detectors, "_is_trained", lambda trained=trained: trained)
        assert detectors.choose("auto", SCHEMES["mpii16"]).name == name
    assert detectors.choose("finder", SCHEMES["ibug68"]).name == "finder"


def test_kinds():
    assert detectors.kind_of(SCHEMES["lsp14"]) == "person" and detectors.kind_of(SCHEMES["parts7"]) == "face"
    assert detectors.kind_of(ENGINE.spec.landmark_scheme()) is None


def test_opencvs_boxes_have_no_score():
    picture = np.zeros((100, 100, 3), np.uint8)
    found, scores = detectors.choose("opencv", SCHEMES["mpii16"]).find(picture)
    assert found.shape == (0, 4) and scores is None
    assert len(detect.people(picture)) == 0
