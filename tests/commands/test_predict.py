import json
import os
import sys

import cv2
import numpy as np
import pytest
from sight import ENGINE, discs

from bnn_landmarks import cli
from bnn_landmarks.geometry import images
from bnn_landmarks.inference import detect, localizer
from bnn_landmarks.inference.engines import Engine
from bnn_landmarks.spec import Spec

POINTS = np.array([[120.0, 90.0], [260.0, 150.0], [200.0, 210.0]])
BOX = "90,60,200,180"


@pytest.fixture
def predict(monkeypatch, capfd, tmp_path):
    """Run `bnn-landmarks predict ARGUMENTS --output out` -> status, stdout, stderr. The network is the engine that
    sees; what it was opened with is `predict.opened`."""
    opened = []
    monkeypatch.setattr(localizer, "open_engine", lambda *arguments: opened.append(arguments) or ENGINE)

    def run(*arguments, output=tmp_path / "out"):
        argv = ["bnn-landmarks", "predict", *map(str, arguments), "--output", str(output)]
        monkeypatch.setattr(sys, "argv", argv)
        try:
            cli.main()
            status = 0
        except SystemExit as end:
            status = end.code or 0
        return status, *capfd.readouterr()

    run.opened = opened
    return run


@pytest.fixture
def photo(tmp_path):
    images.write(tmp_path / "discs.png", discs(POINTS))
    return tmp_path / "discs.png"


def written(directory):
    return sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []


def test_overlay_and_json_of_a_photograph(predict, photo, tmp_path):
    status, out, _ = predict(photo, "--box", BOX, "--threshold", 0)
    assert status == 0
    assert "box given" in out and "discs.overlay.jpg" in out and "engine sight" in out
    assert written(tmp_path / "out") == ["discs.json", "discs.overlay.jpg"]
    record = json.loads((tmp_path / "out" / "discs.json").read_text())
    assert record["names"] == ["left", "right", "middle"] and record["engine"] == "sight"
    assert (record["width"], record["height"]) == (400, 300)
    (subject,) = record["subjects"]
    assert np.abs(np.array(subject["points"]) - POINTS).max() < 3
    assert (
        subject["box"] == [90, 60, 200, 180] and subject["found"] == "given" and len(subject["scores"]) == 3
    )
    overlay = images.read(tmp_path / "out" / "discs.overlay.jpg").astype(int)
    assert overlay.shape == (300, 400, 3)
    x, y = POINTS[0].astype(int)
    assert overlay[y, x, 1] > overlay[y, x, 0] + 40  # a green dot on the white disc


def test_several_boxes_are_several_subjects(predict, photo, tmp_path):
    status, _, _ = predict(photo, "--box", BOX, "--box", "100,60,190,190")
    assert status == 0
    assert len(json.loads((tmp_path / "out" / "discs.json").read_text())["subjects"]) == 2


def test_without_a_box_it_says_that_the_whole_image_was_used(predict, tmp_path):
    images.write(tmp_path / "discs.png", discs(POINTS, radius=14))
    status, out, _ = predict(tmp_path / "discs.png")
    assert status == 0 and "whole image" in out
    (subject,) = json.loads((tmp_path / "out" / "discs.json").read_text())["subjects"]
    assert subject["found"] == "image"


def test_model_engine_and_threads_reach_the_engine(predict, photo):
    predict(photo, "--box", BOX, "--model", "face_aflw", "--engine", "lce", "--threads", 2)
    predict(photo, "--box", BOX)
    assert predict.opened == [("face_aflw", "lce", 2), ("pose", "auto", 1)]


def test_directories_are_walked_and_names_do_not_collide(predict, tmp_path):
    album = tmp_path / "album"
    album.mkdir()
    for name in ("b.png", "a.JPG", "a.png"):
        (album / name).write_bytes(b"")
        images.write(album / name, discs(POINTS, radius=14))
    (album / "notes.txt").write_text("not a photograph")
    status, out, err = predict(album)
    assert status == 0 and "file" in err  # the progress bar's unit
    assert len([line for line in out.splitlines() if "->" in line]) == 3
    assert [n for n in written(tmp_path / "out") if n.endswith("json")] == ["a-2.json", "a.json", "b.json"]


def test_a_bad_photograph_among_many_is_one_line_and_the_rest_is_done(predict, photo, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no photograph")
    images.write(tmp_path / "last.png", discs(POINTS, radius=14))
    status, _, err = predict(bad, tmp_path / "missing.jpg", tmp_path / "last.png")
    assert status == 1
    lines = [line for line in err.splitlines() if line.startswith("bnn-landmarks: ")]
    assert len(lines) == 2
    assert "bad.jpg is not an image" in lines[0] and "no image at" in lines[1] and "missing.jpg" in lines[1]
    assert written(tmp_path / "out") == ["last.json", "last.overlay.jpg"]


def test_the_sample_fits_the_network(predict, monkeypatch, tmp_path):
    monkeypatch.setattr(detect, "PEOPLE_SCHEMES", ("discs",))
    monkeypatch.setattr(localizer.detect, "detect", lambda image, scheme: np.zeros((0, 4)))
    blank = Engine("blank", ENGINE.spec, lambda x: np.zeros((len(x), 32, 32, 3), np.float32))
    monkeypatch.setattr(localizer, "open_engine", lambda *arguments: blank)
    status, out, _ = predict("--sample")
    assert status == 0 and "box that comes with the sample" in out
    monkeypatch.setattr(detect, "PEOPLE_SCHEMES", ())
    assert predict("--sample")[0] == 0
    assert [n for n in written(tmp_path / "out") if n.endswith("json")] == ["face.json", "person.json"]


def test_parts_of_several_faces_are_one_mask(predict, monkeypatch, tmp_path):
    spec = Spec("parts", task="parts", scheme="parts7", input_size=64, box_side="mean", padding=1.5)

    def red_is_skin(inputs):
        cells = inputs.reshape(len(inputs), 16, 4, 16, 4, 3).mean(axis=(2, 4))[..., 0]
        logits = np.zeros((*cells.shape, 7), np.float32)
        logits[..., 0], logits[..., 1] = 0.5, cells
        return logits

    engine = Engine("red", spec, red_is_skin)
    monkeypatch.setattr(localizer, "open_engine", lambda *arguments: engine)
    picture = np.zeros((200, 300, 3), np.uint8)
    picture[50:110, 40:100, 0] = picture[80:140, 180:240, 0] = 200
    images.write(tmp_path / "faces.png", picture)
    status, out, _ = predict(tmp_path / "faces.png", "--box", "40,50,60,60", "--box", "180,80,60,60")
    assert status == 0 and "2 subjects" in out
    assert written(tmp_path / "out") == ["faces.json", "faces.mask.png", "faces.overlay.jpg"]
    mask = cv2.imread(str(tmp_path / "out" / "faces.mask.png"), cv2.IMREAD_UNCHANGED)
    assert (mask != (picture[..., 0] > 0)).mean() < 0.02
    record = json.loads((tmp_path / "out" / "faces.json").read_text())
    assert (
        record["mask"] == "faces.mask.png" and record["names"][1] == "skin" and len(record["subjects"]) == 2
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "nothing to look at"),
        (["PHOTO", "--box", "1,2,3"], "four"),
        (["PHOTO", "--box", "1,2,nan,4"], "finite"),
        (["PHOTO", "--box", "1,2,0,4"], "empty"),
        (["PHOTO", "--box", "a,b,c,d"], "four numbers"),
        (["PHOTO", "--box", "900,900,20,20"], "outside"),
        (["PHOTO", "PHOTO", "--box", BOX], "one photograph"),
        (["EMPTY"], "no image and no video"),
        (["PHOTO", "--camera", "97"], "camera 97"),
    ],
)
def test_bad_arguments_are_one_line_and_write_nothing(predict, photo, tmp_path, arguments, said):
    (tmp_path / "empty").mkdir()
    places = {"PHOTO": photo, "EMPTY": tmp_path / "empty"}
    status, _, err = predict(*[places.get(a, a) for a in arguments])
    lines = [line for line in err.splitlines() if line.startswith("bnn-landmarks:")]
    assert status == 1
    assert len(lines) == 1 and said in lines[0]
    assert "Traceback" not in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "poze"], "pose"),
        (["--model", "nowhere.tflite"], "nowhere.tflite"),
    ],
)
def test_networks_that_are_not_there_are_one_line(photo, tmp_path, monkeypatch, capfd, arguments, said):
    argv = ["bnn-landmarks", "predict", str(photo), *arguments, "--output", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", argv)
    with pytest.raises(SystemExit) as end:
        cli.main()
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("bnn-landmarks:")]
    assert end.value.code == 1 and len(lines) == 1 and said in lines[0]
    assert not (tmp_path / "out").exists()


def test_engines_are_a_choice(predict, photo):
    status, _, err = predict(photo, "--engine", "karas")
    assert status == 2 and "'karas' is not one of 'auto', 'runtime'" in err


def test_a_directory_that_cannot_be_written_is_one_line(predict, photo, tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "discs.json").mkdir()
    status, _, err = predict(photo, "--box", BOX, output=tmp_path / "taken")
    assert status == 1 and "bnn-landmarks: " in err and "Traceback" not in err
    assert not [name for name in os.listdir(tmp_path / "taken") if name.startswith(".")]


@pytest.mark.slow
def test_a_photograph_of_a_hundred_million_pixels(predict, tmp_path):
    image = np.zeros((9000, 12000, 3), np.uint8)
    image[4000:4300, 6000:6400] = discs(POINTS)
    images.write(tmp_path / "huge.jpg", image)
    status, _, _ = predict(tmp_path / "huge.jpg", "--box", "6090,4060,200,180")
    assert status == 0
    (subject,) = json.loads((tmp_path / "out" / "huge.json").read_text())["subjects"]
    assert np.abs(np.array(subject["points"]) - POINTS - [6000, 4000]).max() < 3
