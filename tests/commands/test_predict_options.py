"""What `predict` looks at and what it writes: boxes from files, detectors, formats, how many people and frames."""

import csv
import json
import pathlib
import sys

import cv2
import numpy as np
import pytest
from blobs import ENGINE, Looks, frame

from bnn_landmarks import cli
from bnn_landmarks.geometry import images
from bnn_landmarks.inference import detectors, localizer, predictions, results, video

BOXES = [[40, 60, 40, 90], [250, 80, 40, 90]]
ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def predict(monkeypatch, capfd, tmp_path):
    """Run `bnn-landmarks predict ARGUMENTS` in a folder of its own with the network that sees rectangles and, where
    none is named, a detector that does -> status, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(localizer, "open_engine", lambda *arguments: ENGINE)
    choose = detectors.choose
    monkeypatch.setattr(
        detectors, "choose", lambda given, *more: choose(Looks() if given == "auto" else given, *more)
    )

    def run(*arguments):
        monkeypatch.setattr(
            sys, "argv", ["bnn-landmarks", "predict", *map(str, arguments), "--output", "out"]
        )
        try:
            cli.main()
            status = 0
        except SystemExit as end:
            status = end.code or 0
        return status, *capfd.readouterr()

    images.write(tmp_path / "two.png", frame(BOXES))
    return run


@pytest.fixture
def clip(predict, tmp_path):
    with video.writer(tmp_path / "walk.mp4", 20) as add:
        for step in range(20):
            add(frame([[40 + 3 * step, 60, 40, 90], [250 - 2 * step, 80, 40, 90]]))
    return "walk.mp4"


def record(name):
    return json.loads(pathlib.Path("out", f"{name}.json").read_text())


def rows(name):
    with open(f"out/{name}.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_the_detector_and_its_score_are_told(predict):
    status, out, _ = predict("two.png")
    assert status == 0 and "2 subjects, box detected by Looks" in out
    told = record("two")
    assert (told["format"], told["version"], told["refine"]) == (results.FORMAT, results.VERSION, 1)
    assert [each["found"] for each in told["subjects"]] == ["detector"] * 2
    assert [each["detector"] for each in told["subjects"]] == ["Looks"] * 2
    assert [each["box_score"] for each in told["subjects"]] == [0.9, 0.5]
    assert all(0.5 < each["presence"] <= 1 and each["track"] is None for each in told["subjects"])


def test_at_most_so_many_people(predict, clip):
    assert predict("two.png", clip, "--max-people", 1)[0] == 0
    assert [each["box_score"] for each in record("two")["subjects"]] == [0.9]
    assert all(len(frame["subjects"]) == 1 for frame in record("walk")["frames"])


@pytest.mark.parametrize("kind", ["results", "annotations", "table"])
def test_boxes_from_a_file(predict, tmp_path, kind):
    if kind == "table":
        (tmp_path / "boxes.csv").write_text(
            "\ufefffile,x,y,width,height,score\nphotos/two.png,40,60,40,90,0.2\ntwo.png,250,80,40,90,0.7\n"
        )
    elif kind == "results":
        given = [
            {"image_id": 139, "category_id": 1, "bbox": box, "score": s}
            for box, s in zip(BOXES, (0.2, 0.7), strict=True)
        ]
        (tmp_path / "boxes.json").write_text(json.dumps(given))
        (tmp_path / "two.png").rename(tmp_path / "000000000139.png")
    else:
        given = {
            "images": [{"id": 5, "file_name": "photos/two.png"}],
            "annotations": [{"image_id": 5, "bbox": box} for box in BOXES],
        }
        (tmp_path / "boxes.json").write_text(json.dumps(given))
    name = "000000000139" if kind == "results" else "two"
    status, out, _ = predict(f"{name}.png", "--boxes", f"boxes.{'csv' if kind == 'table' else 'json'}")
    assert status == 0 and "2 subjects, box given by boxes." in out
    told = record(name)["subjects"]
    assert all(each["found"] == "given" for each in told)
    scored = kind != "annotations"
    assert [each["box"][0] for each in told] == ([250, 40] if scored else [40, 250]), "the best first"
    assert [each["box_score"] for each in told] == ([0.7, 0.2] if scored else [None, None])


def test_a_file_of_boxes_begins_a_video(predict, clip, tmp_path):
    (tmp_path / "boxes.csv").write_text("file,x,y,width,height\nwalk.mp4,40,60,40,90\n")
    assert predict(clip, "--boxes", "boxes.csv")[0] == 0
    assert all([each["track"] for each in frame["subjects"]] == [1] for frame in record("walk")["frames"])


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("boxes.csv", "file,x,y\ntwo.png,1,2\n", "boxes.csv has no column width"),
        ("boxes.csv", "file,x,y,width,height\n", "holds no box"),
        ("boxes.csv", "file,x,y,width,height\nother.png,1,2,3,4\n", "has no box for two.png"),
        ("boxes.json", "[{", "is not JSON"),
        ("boxes.json", '[{"image_id": 1}]', "entry 1 has no bbox"),
        ("boxes.json", "3", "is no file of boxes"),
        ("boxes.json", '[{"image_id": "two", "bbox": [1, 2, 0, 4]}]', "is empty"),
        ("boxes.json", '[{"image_id": "two", "bbox": [900, 2, 4, 4]}]', "lies outside the image"),
    ],
)
def test_a_bad_file_of_boxes_is_one_line(predict, tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    status, _, error = predict("two.png", "--boxes", name)
    assert status == 1 and said in error and len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--boxes", "nowhere.json"], "no file of boxes at nowhere.json"),
        (["--category", "dog"], "--category chooses boxes of --boxes FILE"),
        (["--boxes", "two.png", "--box", "1,2,3,4"], "--box or --boxes, not both"),
        (["--detector", "yolo"], "unknown detector 'yolo'"),
        (["--format", "xml"], "unknown format 'xml'"),
    ],
)
def test_bad_options_are_one_line_and_write_nothing(predict, arguments, said):
    status, _, error = predict("two.png", *arguments)
    assert status == 1 and said in error and len(error.splitlines()) == 1
    assert not pathlib.Path("out").exists()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("--refine", -1), ("--least-presence", 1.5), ("--least-presence", "nan"), ("--max-people", 0)),
        *(("--every", 0), ("--fps", 0), ("--fps", "inf"), ("--threshold", -1)),
    ],
)
def test_numbers_out_of_their_range_are_refused_by_option(predict, option, value):
    status, _, error = predict("two.png", option, value)
    assert status == 2 and f"Invalid value for '{option}'" in error
    assert not pathlib.Path("out").exists()


def test_a_table_of_a_photograph(predict):
    assert predict("two.png", "--format", "csv")[0] == 0
    assert not pathlib.Path("out/two.json").exists()
    first, second = rows("two")
    assert list(first)[:12] == ["file", *results.COLUMNS]
    assert (
        first["file"] == "two.png" and first["frame"] == first["track"] == "" and first["detector"] == "Looks"
    )
    assert float(first["top_left_x"]) == pytest.approx(40, abs=4)
    assert float(second["bottom_right_y"]) == pytest.approx(170, abs=4)
    assert 0 < float(first["top_left_score"]) <= 1


def test_a_table_has_its_columns_where_nobody_is(predict, tmp_path):
    images.write(tmp_path / "nobody.png", np.zeros((64, 64, 3), np.uint8))
    predict("two.png", "nobody.png", "--format", "csv")
    heads = [pathlib.Path("out", name).read_text().splitlines()[0] for name in ("two.csv", "nobody.csv")]
    assert heads[0] == heads[1] and "top_left_x" in heads[0]


def test_a_table_and_cocos_results_of_a_video(predict, clip):
    assert predict(clip, "--format", "csv", "--format", "coco", "--format", "json")[0] == 0
    told = rows("walk")
    assert {row["track"] for row in told} == {"1", "2"} and told[-1]["frame"] == "19"
    assert float(told[-1]["time"]) == pytest.approx(0.95)
    coco = json.loads(pathlib.Path("out/walk.coco.json").read_text())
    assert len(coco) == 40 and {each["track_id"] for each in coco} == {1, 2}
    first = record("walk")["frames"][0]["subjects"][0]
    assert coco[0]["bbox"] == first["box"] and coco[0]["keypoints"][:2] == first["points"][0]
    assert len(coco[0]["keypoints"]) == 3 * 4 and 0 < coco[0]["score"] <= 1 and coco[0]["category_id"] == 1


def test_cocos_results_name_the_image_as_coco_does(predict, tmp_path):
    (tmp_path / "two.png").rename(tmp_path / "000000000139.png")
    assert predict("000000000139.png", "--format", "coco")[0] == 0
    coco = json.loads(pathlib.Path("out/000000000139.coco.json").read_text())
    assert [each["image_id"] for each in coco] == [139, 139]


@pytest.mark.parametrize(
    ("arguments", "numbers"),
    [(["--every", 4], range(0, 20, 4)), (["--fps", 5], range(0, 20, 4)), ([], range(20))],
)
def test_fewer_frames(predict, clip, arguments, numbers):
    assert predict(clip, *arguments)[0] == 0
    told = record("walk")
    assert [frame["frame"] for frame in told["frames"]] == list(numbers)
    assert [frame["time"] for frame in told["frames"]] == pytest.approx([n / 20 for n in numbers])
    assert told["frames_per_second"] == pytest.approx(20 / (numbers[1] - numbers[0]))
    assert len(list(video.Video("out/walk.overlay.mp4"))) == len(numbers)
    assert {each["track"] for frame in told["frames"] for each in frame["subjects"]} == {1, 2}


@pytest.mark.parametrize("arguments", [["--every", 1000], ["--fps", 0.1], ["--fps", 0.001]])
def test_few_frames_of_a_whole_video_are_no_damage(predict, clip, arguments):
    status, out, _ = predict(clip, *arguments)
    assert status == 0 and "walk.mp4: 1 frame, 2 subjects" in out
    assert len(list(video.Video("out/walk.overlay.mp4"))) == 1


class Cut:
    """A `cv2.VideoCapture` that has 8 frames. (No subclass: OpenCV's type frees those wrongly.)"""

    def __init__(self, *arguments, opened=cv2.VideoCapture):
        self.capture, self.left = opened(*arguments), 8

    def __getattr__(self, name):
        return getattr(self.capture, name)

    def read(self):
        self.left -= 1
        return self.capture.read() if self.left >= 0 else (False, None)


def test_a_video_that_ends_early_says_what_its_header_tells(predict, clip, monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", Cut)
    assert "2 frames (its header tells 20, and 8 could be read)" in predict(clip, "--every", 4)[1]


class Frames:
    """A video of black frames at these times."""

    seconds = 0.04

    def __init__(self, times):
        self.times = times

    def __iter__(self):
        for time in self.times:
            self.time = time
            yield np.zeros((8, 8, 3), np.uint8)


@pytest.mark.parametrize(
    "times", [np.arange(300) / 30, np.round(np.arange(300) / 29.97, 3), np.arange(250) / 25]
)
@pytest.mark.parametrize("rate", [1, 10, 12, 15, 20, 24, 25, 29, 30, 60])
def test_no_more_frames_per_second_than_asked_for(times, rate):
    looked = [number for number, *_ in predictions.taken(Frames(times), predictions.How(rate=rate))]
    wanted = min(len(times), rate * (times[-1] + times[1]))
    assert wanted - 1.5 <= len(looked) <= wanted + 1


def test_after_a_gap_there_is_no_burst():
    times = (0, 0.04, 5.0, 5.04, 5.08, 5.1, 5.14)
    taken = list(predictions.taken(Frames(times), predictions.How(rate=10)))
    assert [number for number, *_ in taken] == [0, 2, 5]
    assert [seconds for _, _, seconds, _ in taken] == pytest.approx([0.04, 5.0, 0.1])


def test_no_stamp_unless_asked(predict, clip):
    assert predict(clip)[0] == 0
    assert next(iter(video.Video("out/walk.overlay.mp4")))[:20, :60].max() < 20
    assert predict(clip, "--stamp")[0] == 0
    assert next(iter(video.Video("out/walk.overlay.mp4")))[:20, :60].max() > 150


def test_nobody_is_no_subject(predict, tmp_path):
    images.write(tmp_path / "empty.png", frame([]))
    assert predict("empty.png")[0] == 0  # a scheme of one's own: nobody knows how sure is sure enough
    assert len(record("empty")["subjects"]) == 1
    status, told, _ = predict("empty.png", "--least-presence", "0.5")
    assert status == 0 and "nobody found" in told and record("empty")["subjects"] == []


def test_overlays_of_small_pictures_are_enlarged(tmp_path):
    picture = frame([[8, 8, 12, 20]], (40, 60))
    (found,) = localizer.Localizer(ENGINE)(picture, [8, 8, 12, 20])
    shown = predictions.overlaid(picture, [found])
    assert shown.shape == (200, 300, 3)
    plain = cv2.resize(picture, None, fx=5, fy=5, interpolation=cv2.INTER_CUBIC)
    changed = np.argwhere((shown != plain).any(axis=2))
    points = 5 * (found.points + 0.5) - 0.5
    assert all(np.abs(changed - [y, x]).sum(axis=1).min() < 6 for x, y in points)
    assert predictions.overlaid(frame([[40, 60, 40, 90]]), []).shape == (240, 400, 3)


def test_the_documented_fields_are_those_that_are_written(predict, clip):
    """Every key of the JSON stands in docs/predictions.md, and no other."""
    assert predict("two.png", clip)[0] == 0
    text = (ROOT / "docs" / "predictions.md").read_text()
    documented = {line.split("`")[1] for line in text.splitlines() if line.startswith("| `")}
    photo, film = record("two"), record("walk")
    written = {*photo, *film, *photo["subjects"][0], *film["frames"][0], *film["frames"][0]["subjects"][0]}
    assert documented == written | {"mask"}
    assert f"version {results.VERSION}" in text
