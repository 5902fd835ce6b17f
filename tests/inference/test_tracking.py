"""Subjects keep their numbers, newcomers are found, who leaves is let go, who crosses comes out as who went in."""

import dataclasses

import numpy as np
import pytest
from blobs import ENGINE, SIZE, SPEC, Looks, frame

from bnn_landmarks.geometry import heatmaps
from bnn_landmarks.inference.engines import Engine
from bnn_landmarks.inference.localizer import Localizer
from bnn_landmarks.inference.tracking import Tracker

RATE = 25
SIDES = np.array([40, 90])


@pytest.fixture
def looks():
    return Looks()


@pytest.fixture
def track(looks):
    return Tracker(Localizer(ENGINE, detector=looks), smooth=False)


def walk(starts, speeds, count):
    """Boxes [count, N, 4] of subjects that walk straight on, speeds in pixels per frame."""
    steps = np.arange(count)[:, None, None] * np.asarray(speeds, float)
    places = np.asarray(starts, float) + steps
    return np.concatenate([places, np.broadcast_to(SIDES, places.shape)], axis=2)


def play(track, film, rate=RATE):
    """Per frame {number: middle of its landmarks}."""
    return [
        {result.track: result.points.mean(axis=0) for result in track(frame(boxes), 1 / rate)}
        for boxes in film
    ]


def middle(box):
    return box[:2] + box[2:] / 2


def test_everybody_is_found_at_once_and_keeps_the_number(track):
    film = walk([[20, 60], [300, 80]], [[3, 0], [-2, 1]], 40)
    for shown, boxes in zip(play(track, film), film, strict=True):
        assert set(shown) == {1, 2}
        by_place = sorted(shown.values(), key=lambda point: point[0])
        for found, box in zip(by_place, sorted(boxes, key=lambda box: box[0]), strict=True):
            assert np.abs(found - middle(box)).max() < 4
    numbers = {
        round(place[0] - middle(film[-1][0])[0]): number
        for number, place in play(track, film[-1:])[0].items()
    }
    assert set(numbers.values()) == {1, 2}


@pytest.mark.parametrize("rate", [10, 25, 60])
def test_a_newcomer_is_found_within_half_a_second(track, rate):
    alone, both = walk([[40, 60]], [[0, 0]], rate), walk([[40, 60], [250, 60]], [[0, 0], [1, 0]], rate)
    assert all(set(shown) == {1} for shown in play(track, alone, rate))
    came = [len(shown) for shown in play(track, both, rate)]
    assert 2 in came and came.index(2) / rate <= 0.5
    assert all(count == 2 for count in came[came.index(2) :])


@pytest.mark.parametrize("rate", [10, 25, 60])
def test_who_is_gone_leaves_within_a_second_and_no_other_gets_the_number(track, rate):
    both, alone = walk([[40, 60], [250, 60]], [[0, 0], [0, 0]], rate), walk([[40, 60]], [[0, 0]], 2 * rate)
    play(track, both, rate)
    assert [sorted(shown) for shown in play(track, alone, rate)][-1] == [1]
    assert [t.number for t in track.tracks] == [1]
    assert sorted(play(track, both, rate)[-1]) == [1, 3]


def test_who_walks_out_of_the_frame_leaves(track):
    film = walk([[40, 60], [330, 60]], [[0, 0], [4, 0]], 60)
    shown = play(track, film)
    assert sorted(shown[0]) == [1, 2] and sorted(shown[-1]) == [1]
    assert [t.number for t in track.tracks] == [1]


def test_a_number_outlasts_a_short_absence(track):
    there, nobody = walk([[100, 60]], [[0, 0]], 10), np.zeros((8, 0, 4))
    play(track, there)
    assert all(not shown for shown in play(track, nobody))
    assert sorted(play(track, there)[-1]) == [1]


@pytest.mark.parametrize("speed", [3, 5, 8])
@pytest.mark.parametrize("drop", [0, 8])
def test_two_who_cross_keep_their_numbers(track, speed, drop):
    count = round(250 / speed)
    film = walk([[20, 60], [290, 60 + drop]], [[speed, 0], [-speed, 0]], count)
    shown = play(track, film)
    first = min(shown[0], key=lambda number: shown[0][number][0])
    assert sorted(shown[0]) == sorted(shown[-1]) == [1, 2]
    last = max(shown[-1], key=lambda number: shown[-1][number][0])
    assert first == last, "who came from the left goes out on the right"


def test_one_who_passes_in_front_of_one_who_stands(track):
    film = walk([[170, 70], [20, 60]], [[0, 0], [5, 0]], 62)
    shown = play(track, film)
    stands = min(shown[0], key=lambda number: abs(shown[0][number][0] - 190))
    assert sorted(shown[-1]) == [1, 2]
    assert abs(shown[-1][stands][0] - 190) < 5


@pytest.mark.parametrize("confirmed", [True, False])
def test_a_ghost_that_no_detector_confirms_leaves(confirmed):
    """A network that sees somebody everywhere, though weakly, and a detector that finds somebody once, or always."""

    def weak(inputs):
        corners = [[30, 30], [98, 30], [30, 98], [98, 98]]
        maps = 4 * heatmaps.encode(corners, np.ones(4), SIZE // 4, sigma=1.0)
        return np.repeat(maps[None], len(inputs), axis=0)

    engine, empty, found = (
        Engine("weak", SPEC, weak),
        np.zeros((240, 400, 3), np.uint8),
        [[100.0, 60.0, 40.0, 90.0]],
    )
    presence = Localizer(engine)(empty, found)[0].presence
    localizer = Localizer(engine, detector=lambda image: np.array(found), least_presence=presence / 0.75)
    track = Tracker(localizer)
    assert [result.track for result in track(empty, 1 / RATE)] == [1]
    if not confirmed:
        found.clear()
    numbers = [[result.track for result in track(empty, 1 / RATE)] for _ in range(RATE)]
    assert (numbers[-1] == [1]) == confirmed


def test_the_detector_looks_a_few_times_a_second(track, looks):
    play(track, walk([[40, 60]], [[1, 0]], 50))
    assert 5 <= looks.times <= 8


def test_at_most_so_many(looks):
    track = Tracker(Localizer(ENGINE, detector=looks), most=1)
    film = walk([[20, 60], [300, 80]], [[1, 0], [-1, 0]], 20)
    assert all(len(shown) == 1 for shown in play(track, film))
    for most in (0, 1.5, "2"):
        with pytest.raises(ValueError, match="1 or more"):
            Tracker(Localizer(ENGINE, detector=looks), most=most)


def test_a_least_presence_that_is_none_is_refused(looks):
    for least in (2, "0.5", np.nan):
        with pytest.raises(ValueError, match="least presence is from 0 to 1"):
            Tracker(Localizer(ENGINE, detector=looks), least_presence=least)


def test_given_boxes_are_followed_and_nobody_else(track, looks):
    film = walk([[20, 60], [300, 80]], [[3, 0], [-2, 0]], 30)
    (result,) = track(frame(film[0]), 0.04, [20, 60, 40, 90])
    assert result.found == "given" and result.track == 1
    assert all(set(shown) == {1} for shown in play(track, film[1:]))
    assert looks.times == 0


def test_what_found_a_subject_stays_with_it(track):
    film = walk([[20, 60]], [[1, 0]], 12)
    first = track(frame(film[0]), 0.04)[0]
    assert (first.found, first.detector, first.box_score) == ("detector", "Looks", 0.9)
    later = track(frame(film[1]), 0.04)[0]
    assert (later.found, later.detector, later.track) == ("track", "Looks", 1)


def test_a_failing_presence_is_not_followed(looks):
    track = Tracker(
        Localizer(ENGINE, detector=lambda image: np.array([[100, 60, 40, 90.0]]), least_presence=0.2)
    )
    assert track(np.zeros((240, 400, 3), np.uint8), 0.04) == []
    assert track.tracks == []


def test_time_must_pass(track):
    for seconds in (0.0, None, "1", np.nan, np.inf):
        with pytest.raises(ValueError, match="must be positive"):
            track(frame([]), seconds)


def test_smoothed_landmarks_keep_up(looks):
    track = Tracker(Localizer(ENGINE, detector=looks))
    film = walk([[20, 60]], [[4, 0]], 60)
    shown = play(track, film)
    assert np.abs(shown[-1][1] - middle(film[-1][0])).max() < 12


def test_results_are_of_the_localizers_kind(track):
    (result,) = track(frame([[100, 60, 40, 90]]), 0.04)
    assert dataclasses.is_dataclass(result) and result.scheme.name == "corners"


def test_a_turn_of_the_phone(track):
    """The frame's sides change places, and with them where everybody is: all are there again within half a second,
    and nobody who is not."""
    play(track, walk([[40, 60], [250, 60]], [[1, 0], [1, 0]], RATE))
    turned = [[60, 100, 90, 40], [60, 310, 90, 40]]
    shown = [
        {result.track: result.points.mean(axis=0) for result in track(frame(turned, (400, 240)), 1 / RATE)}
        for _ in range(RATE)
    ]
    assert all(len(found) == 2 for found in shown[RATE // 2 :])
    for box in turned:
        assert min(np.abs(point - middle(np.array(box))).max() for point in shown[-1].values()) < 4
    assert len(track.tracks) == 2
