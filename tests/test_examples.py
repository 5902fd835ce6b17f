"""Every example runs, on the tiny network."""

import csv
import json
import pathlib
import re
import runpy
import shutil
import sys
import threading

import coco_folders
import cv2
import numpy as np
import pytest
import tiny_files

from bnn_landmarks.geometry import images
from bnn_landmarks.inference import detectors, localizer, video

EXAMPLES = pathlib.Path(__file__).parents[1] / "examples"
CAMERA_FRAMES = 30


@pytest.fixture(scope="module")
def network(tiny_model):
    return str(tiny_files.float_file(tiny_model))


@pytest.fixture
def run(monkeypatch, capsys):
    """Run an example with arguments -> what it printed. The network knows nothing: how unsure it is does not count."""
    monkeypatch.setitem(localizer.PRESENCE, "person", 0.0)
    monkeypatch.setattr(detectors, "_is_trained", lambda: False)

    def run(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return run


@pytest.fixture
def slow_tracker(monkeypatch):
    """A camera of `CAMERA_FRAMES` frames that show their number, and a tracker that is done with its first when the
    camera has given them all -> the seconds that the tracker was told."""
    ended, told = threading.Event(), []

    def camera(number):
        for k in range(CAMERA_FRAMES):
            yield np.full((8, 8, 3), k, np.uint8)
        ended.set()

    def track(frame, seconds):
        told.append(seconds)
        assert ended.wait(60)
        return []

    monkeypatch.setattr(video, "Video", camera)
    monkeypatch.setattr(video, "Tracker", lambda localizer: track)
    monkeypatch.setattr("bnn_landmarks.Localizer", lambda name: name)
    return told


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "photos").mkdir()
    for name in ("face", "person"):
        shutil.copy(images.sample(name), tmp_path / "photos")
    return tmp_path / "photos"


def test_photograph(run, network, tmp_path):
    out = run("photograph.py", "--model", network, "--output", tmp_path / "joints.jpg")
    assert "(image)" in out and "r_wrist" in out
    assert images.read(tmp_path / "joints.jpg").shape == (512, 512, 3)


def test_by_hand_gives_what_the_localizer_gives(run, network):
    from bnn_landmarks import Localizer

    box = [120, 40, 200, 420]
    out = run("by_hand.py", network, images.sample("person"), *box)
    (expected,) = Localizer(network)(images.sample("person"), box)
    printed = [[float(number) for number in line.split()[1:3]] for line in out.splitlines()]
    assert np.abs(np.array(printed) - expected.points).max() <= 0.06


def test_folder_to_csv(run, network, folder, tmp_path):
    run("folder_to_csv.py", folder, tmp_path / "landmarks.csv", "--model", network)
    rows = list(csv.DictReader((tmp_path / "landmarks.csv").open()))
    assert len(rows) == 2 * 16
    assert {row["photo"] for row in rows} == {"face.jpg", "person.jpg"}
    assert all(np.isfinite(float(row["x"])) for row in rows)


def test_folder_to_csv_without_a_folder(run, tmp_path):
    with pytest.raises(SystemExit, match=r"^folder_to_csv.py: there is no folder nodir$"):
        run("folder_to_csv.py", "nodir", tmp_path / "landmarks.csv")
    assert not list(tmp_path.iterdir())


def test_follow(run, network, tmp_path, rng):
    with video.writer(tmp_path / "clip.mp4", 10) as add:
        for _ in range(3):
            add(rng.integers(0, 256, (96, 128, 3), dtype=np.uint8))
    run("follow.py", tmp_path / "clip.mp4", tmp_path / "joints.mp4", "--model", network)
    assert len(list(video.Video(tmp_path / "joints.mp4"))) == 3


def test_the_webcam_of_the_docs_drops_frames_and_ends_with_its_camera(monkeypatch, slow_tracker):
    text = (EXAMPLES.parent / "docs" / "predictions.md").read_text()
    (code,) = (
        block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "video.Video(0)" in block
    )
    shown = []
    monkeypatch.setattr(cv2, "imshow", lambda title, frame: shown.append(int(frame[0, 0, 0])))
    monkeypatch.setattr(cv2, "waitKey", lambda delay: -1)
    exec(code, {})
    # All that came while it was busy with the first is dropped but the last.
    assert shown[-1] == CAMERA_FRAMES - 1 and len(shown) <= 2
    assert len(slow_tracker) == len(shown) and min(slow_tracker) > 0


def test_tour(network, monkeypatch):
    pytest.importorskip("matplotlib")
    notebook = json.loads((EXAMPLES / "tour.ipynb").read_text())
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert any('Localizer("pose")' in cell for cell in cells)
    names = {}
    for cell in cells:
        exec(cell.replace('Localizer("pose")', f"Localizer({network!r})"), names)
    assert names["maps"].shape == (16, 16, 16)
    assert all(cell.get("outputs") == [] for cell in notebook["cells"] if cell["cell_type"] == "code")


def test_fine_tune(run, monkeypatch, tiny_model, tmp_path):
    """The loss falls, what is saved is the network with the folder's landmarks, and opens as one."""
    from bnn_landmarks import Localizer, zoo
    from bnn_landmarks.network import weights

    weights.save(tiny_model, tmp_path / "tiny.npz")
    entry = zoo.entries.Entry(tiny_model.spec, "", "", "", "pose", weights="tiny.npz")
    monkeypatch.setitem(zoo.ENTRIES, "tiny", entry)
    monkeypatch.setattr(zoo, "WEIGHTS", tmp_path)
    coco_folders.write(tmp_path / "set")
    arguments = (tmp_path / "set", tmp_path / "mine.npz", "--model", "tiny", "--epochs", 5, "--batch-size", 2)
    out = run("fine_tune.py", *arguments)
    losses = [float(number) for number in re.findall(r"loss: ([\d.]+)", out)]
    assert len(losses) == 5 and min(losses[1:]) < losses[0]
    localizer = Localizer(tmp_path / "mine.npz", engine="keras")
    assert list(localizer.scheme.names) == coco_folders.BIRD["keypoints"]
    (found,) = localizer(tmp_path / "set" / "images" / "b1.png", [20, 20, 60, 40])
    assert np.isfinite(found.points).all()


def test_every_example_is_tested():
    tested = {"fine_tune.py", "photograph.py", "by_hand.py", "folder_to_csv.py", "follow.py", "tour.ipynb"}
    assert {path.name for path in EXAMPLES.iterdir() if path.is_file()} == tested
