"""What a user can cause ends as ARCHITECTURE.md's section on errors says: every command in a line and a status that is
not 0, every public function in ImportError, FileNotFoundError or ValueError with a one-line message."""

import importlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

import bnn_landmarks
from bnn_landmarks import cli, crops, datasets, detect, draw, heatmaps, images, recipes, runtime, video, zoo
from bnn_landmarks.inference import benchmark, exported
from bnn_landmarks.inference.engines import open_engine
from bnn_landmarks.network import weights
from bnn_landmarks.schemes import SCHEMES, convert
from bnn_landmarks.spec import Spec
from bnn_landmarks.training.recipe import override, parse

PHOTO = str(images.sample("person"))
GREY = np.zeros((20, 30, 3), np.uint8)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder of things that are not what they are taken for."""
    folder = tmp_path_factory.mktemp("contract")
    (folder / "empty").mkdir()
    (folder / "text.jpg").write_text("no photograph")
    (folder / "text.mp4").write_text("no video")
    (folder / "text.npz").write_text("no weights")
    (folder / "text.json").write_text("{")
    (folder / "text.py").write_text("recipe = (\n")
    (folder / "alone.tflite").write_bytes(b"TFL3")
    (folder / "damaged.tflite").write_bytes(b"TFL3")
    (folder / "damaged.json").write_text("[]")
    (folder / "half.npz").write_bytes((zoo.WEIGHTS / "pose_128.npz").read_bytes()[:5000])
    (folder / "set" / "annotations").mkdir(parents=True)
    (folder / "set" / "annotations" / "train.json").write_text("[1, 2")
    (folder / "records").mkdir()
    (folder / "records" / "a.json").write_text("not JSON")
    (folder / "others").mkdir()
    (folder / "others" / "a.json").write_text("{}")
    (folder / "others" / "a.b.json").write_text("[]")
    (folder / "deep.json").write_text("[" * 100_000)
    exported.write(exported.Exported(b"TFL3" * 9, zoo.entry("pose").spec), folder / "broken.tflite")
    return folder


COMMANDS = [
    ("", "no command 'predcit'; did you mean predict?", ["predcit"]),
    ("list", "not one of 'landmarks'", ["--task", "faces"]),
    ("list", "No such option", ["--tusk", "parts"]),
    ("info", "did you mean pose", ["poze"]),
    ("info", "Missing argument", []),
    ("predict", "nothing to look at", []),
    ("predict", "no image at", ["none.jpg"]),
    ("predict", "text.jpg", ["PLACE/text.jpg"]),
    ("predict", "text.mp4", ["PLACE/text.mp4"]),
    ("predict", "PLACE/empty", ["PLACE/empty"]),
    ("predict", "four", [PHOTO, "--box", "1,2,3"]),
    ("predict", "outside", [PHOTO, "--model", "pose_128", "--box", "9000,9000,5,5"]),
    ("predict", "not one of 'auto'", [PHOTO, "--engine", "karas"]),
    ("predict", "not a valid", [PHOTO, "--threads", "two"]),
    ("predict", "'--threads': 0 is not in the range", [PHOTO, "--threads", "0"]),
    ("predict", "'--threads': 100000 is not in the range", [PHOTO, "--threads", "100000"]),
    ("predict", "'--threshold': nan is no number", [PHOTO, "--threshold", "nan"]),
    ("predict", "'--threshold': 20.0 is not in the range", [PHOTO, "--threshold", "20"]),
    ("predict", "no file or folder at nowhere", ["nowhere"]),
    ("predict", "--model finder finds boxes", [PHOTO, "--model", "finder", "--output", "PLACE/new"]),
    ("predict", "PLACE/text.jpg is not a folder", [PHOTO, "--output", "PLACE/text.jpg/new"]),
    ("predict", "can't write to /dev/full", [PHOTO, "--output", "/dev/full"]),
    ("predict", "can't write to /proc/new: /proc takes no file", [PHOTO, "--output", "/proc/new"]),
    ("predict", "outside", [PHOTO, "--model", "pose_128", "--box", "9000,9000,5,5", "--output", "PLACE/a/b"]),
    ("predict", "did you mean pose", [PHOTO, "--model", "poze"]),
    ("predict", "none.tflite", [PHOTO, "--model", "none.tflite"]),
    ("predict", "alone.json", [PHOTO, "--model", "PLACE/alone.tflite"]),
    ("predict", "damaged.json is not the record", [PHOTO, "--model", "PLACE/damaged.tflite"]),
    (
        "predict",
        "broken.tflite: the model can't be run: the file is damaged",
        [PHOTO, "--model", "PLACE/broken.tflite"],
    ),
    ("predict", "nested too deeply", [PHOTO, "--boxes", "PLACE/deep.json"]),
    ("predict", "no packed network", [PHOTO, "--model", "PLACE/half.npz"]),
    ("predict", "is a file", [PHOTO, "--model", "pose_128", "--output", "PLACE/text.jpg"]),
    ("demo", "there is no directory", ["--output", "PLACE/none/page"]),
    ("demo", "can't write to /proc: /proc takes no file", ["--output", "/proc/page"]),
    ("demo", "is there already", ["--output", "PLACE/records"]),
    ("demo", "serves nothing", ["--output", "PLACE/page", "--no-browser"]),
    ("demo", "not in the range", ["--port", "70000"]),
    ("data list", "did you mean mpii", ["mpi"]),
    ("data prepare", "Missing option '--from'", ["mpii"]),
    ("data prepare", "is not a folder of it", ["mpii", "--from", "PLACE/none"]),
    ("data prepare", "data list mpii says what it must hold", ["mpii", "--from", "PLACE/empty"]),
    ("data show", "no data set 'none'", ["none", "--output", "PLACE/sheet.png"]),
    ("data show", "train.json", ["PLACE/set", "--output", "PLACE/sheet.png"]),
    ("data show", "PLACE/empty", ["PLACE/empty", "--output", "PLACE/sheet.png"]),
    ("data show", "a contact sheet is a .png", ["PLACE/set", "--output", "PLACE/sheet.gif"]),
    ("data check", "does not exist", ["none"]),
    ("data clean", "none", ["none", "--predictions", "PLACE/text.json", "--output", "PLACE/clean.json"]),
    ("train", "--data is missing", ["pose", "--output", "PLACE/run"]),
    ("train", "does not exist", ["pose", "--data", "PLACE/none", "--output", "PLACE/run"]),
    ("train", "did you mean pose", ["poes", "--data", "PLACE", "--output", "PLACE/run"]),
    ("train", "line 1: SyntaxError", ["PLACE/text.py", "--data", "PLACE", "--output", "PLACE/run"]),
    ("train", "no data set", ["pose", "--data", "PLACE", "--output", "PLACE/run"]),
    ("train", "train.json", ["landmarks", "--data", "PLACE/set", "--output", "PLACE/run"]),
    ("train", "whole number", ["pose", "--data", "PLACE", "--output", "PLACE/run", "--set", "samples=abc"]),
    (
        "train",
        "activation?",
        ["pose", "--data", "PLACE", "--output", "PLACE/r", "--set", "spec.options.activaton=1"],
    ),
    ("train", "is not a folder", ["pose", "--data", "PLACE", "--output", "PLACE/text.jpg/new"]),
    ("train", "'--checkpoint-minutes': inf is no number", ["pose", "--checkpoint-minutes", "inf"]),
    ("train", "key=value", ["pose", "--data", "PLACE", "--output", "PLACE/run", "--set", "samples"]),
    ("train", "not one of 'auto'", ["pose", "--data", "PLACE", "--output", "PLACE/run", "--kernels", "gpu"]),
    ("export", "give MODEL or --weights", []),
    ("export", "did you mean pose", ["poze", "--output", "PLACE/a.tflite"]),
    ("export", "no trained weights yet", ["face_pifa", "--output", "PLACE/a.tflite"]),
    ("export", "no weights file", ["--weights", "PLACE/none.npz", "--output", "PLACE/a.tflite"]),
    ("export", "no packed network", ["--weights", "PLACE/text.npz", "--output", "PLACE/a.tflite"]),
    ("export", "there is no directory PLACE/text.jpg", ["pose", "--output", "PLACE/text.jpg/a.tflite"]),
    ("export", "can't write to /proc", ["pose", "--output", "/proc/a.tflite"]),
    ("export", "not one of 'float32'", ["pose", "--input", "int8"]),
    ("evaluate", "Missing option '--output'", ["pose", "PLACE/set"]),
    ("evaluate", "no data set", ["pose", "PLACE/none/val", "--output", "PLACE/out"]),
    ("evaluate", "train.json", ["pose", "PLACE/set/train", "--output", "PLACE/out"]),
    ("evaluate", "is not a folder", ["pose", "PLACE/set/train", "--output", "PLACE/text.jpg/new"]),
    ("tables", "--table", ["--tabel", "1"]),
    ("tables", "not a valid integer", ["--table", "one"]),
    ("tables", "a.json", ["--table", "7", "--records", "PLACE/records"]),
    ("tables", "is no evaluation record", ["--table", "7", "--records", "PLACE/others"]),
    ("tables", "99", ["--table", "99"]),
    ("benchmark", "unknown engine 'karas'", ["pose", "--engines", "karas"]),
    ("benchmark", "unknown engine ''; the engines are", ["pose", "--engines", ""]),
    ("benchmark", "did you mean pose", ["poze"]),
    ("benchmark", "'--rounds': 0 is not in the range", ["pose", "--rounds", "0"]),
    ("benchmark", "'--threads': 0 is not in the range", ["pose", "--threads", "0"]),
    ("benchmark", "can't write to /dev/full", ["pose", "--output", "/dev/full"]),
]


@pytest.mark.parametrize(("command", "said", "arguments"), COMMANDS)
def test_a_command_says_it_in_a_line(monkeypatch, capfd, tmp_path, place, command, said, arguments):
    monkeypatch.chdir(tmp_path)
    before = sorted(place.rglob("*"))
    arguments = [argument.replace("PLACE", str(place)) for argument in arguments]
    monkeypatch.setattr(sys, "argv", ["bnn-landmarks", *command.split(), *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    told = capfd.readouterr().err
    assert end.value.code not in (0, None)
    assert "Traceback" not in told
    lines = [line for line in told.splitlines() if line.startswith("bnn-landmarks: ")]
    assert len(lines) == (end.value.code == 1)
    assert said.replace("PLACE", str(place)) in told.splitlines()[-1]
    assert sorted(place.rglob("*")) == before, "something half-written is left"


def test_every_command_is_in_the_table():
    assert {command.split()[0] for command, _, _ in COMMANDS if command} == set(cli.COMMANDS)
    from bnn_landmarks.commands import data

    told = {command for command, _, _ in COMMANDS}
    assert {f"data {name}" for name in data.command.commands} <= told


FUNCTIONS = [
    (FileNotFoundError, "no image at", lambda p: images.read("none.jpg")),
    (ValueError, "not an image", lambda p: images.read(p / "text.jpg")),
    (ValueError, "not an image", lambda p: images.decode(b"", "nothing")),
    (FileNotFoundError, "no directory", lambda p: images.write(p / "none" / "a.png", GREY)),
    (ValueError, "no image format", lambda p: images.write(p / "a.xyz", GREY)),
    (ValueError, "an image is", lambda p: images.as_rgb(np.zeros((2, 3, 5)))),
    (ValueError, "0 to 1", lambda p: images.as_rgb(np.full((2, 3), 7.0))),
    (ValueError, "no sample", lambda p: images.sample("dog")),
    (ValueError, "four numbers", lambda p: crops.square("abcd")),
    (ValueError, "finite", lambda p: crops.square([0, 0, np.nan, 1])),
    (ValueError, "empty", lambda p: crops.square([0, 0, 0, 1])),
    (ValueError, "size", lambda p: draw.parts(GREY, np.zeros((3, 3), int))),
    (ValueError, "at least one picture", lambda p: draw.sheet([])),
    (ValueError, "an image is", lambda p: detect.detect(np.zeros((4, 4, 9)), SCHEMES["mpii16"])),
    (FileNotFoundError, "none.mp4", lambda p: video.Video("none.mp4")),
    (ValueError, "text.mp4", lambda p: list(video.Video(p / "text.mp4"))),
    (ValueError, "did you mean pose", lambda p: zoo.load("poze")),
    (ValueError, "no trained weights yet", lambda p: zoo.load("face_pifa")),
    (FileNotFoundError, "no weights file", lambda p: zoo.load("pose", p / "none.npz")),
    (ValueError, "no packed network", lambda p: zoo.load("pose", p / "half.npz")),
    (ValueError, "weights are 'pretrained', None or", lambda p: zoo.load("pose", 5)),
    (ValueError, "no entry", lambda p: zoo.load(["pose"])),
    (ValueError, "not 'pose'", lambda p: zoo.load("pose", zoo.WEIGHTS / "pose_128.npz")),
    (ValueError, "unknown task", lambda p: zoo.names("faces")),
    (ValueError, "did you mean", lambda p: zoo.card("pose128")),
    (ValueError, "a.b.json is no evaluation record", lambda p: zoo.records("a", p / "others")),
    (ValueError, "unknown engine", lambda p: bnn_landmarks.Localizer("pose", "karas")),
    (ValueError, "num_threads", lambda p: bnn_landmarks.Localizer("pose", num_threads=1.5)),
    (ValueError, "num_threads", lambda p: open_engine("pose", num_threads="2")),
    (ValueError, "is no network", lambda p: bnn_landmarks.Localizer(p / "text.jpg")),
    (ValueError, "a network is", lambda p: bnn_landmarks.Localizer(5)),
    (FileNotFoundError, "alone.json", lambda p: bnn_landmarks.Localizer(p / "alone.tflite")),
    (FileNotFoundError, "none.tflite", lambda p: runtime.interpreter(p / "none.tflite")),
    (ValueError, "num_threads", lambda p: runtime.interpreter(p / "alone.tflite", num_threads=-1)),
    (ValueError, "did you mean pose", lambda p: recipes.load("poes")),
    (FileNotFoundError, "no recipe file", lambda p: recipes.load(p / "none.py")),
    (ValueError, "SyntaxError", lambda p: recipes.load(p / "text.py")),
    (ValueError, "whole number", lambda p: override(recipes.load("pose"), dict([parse("samples=abc")]))),
    (FileNotFoundError, "no data set", lambda p: datasets.open("none", "train", p)),
    (ValueError, "train.json", lambda p: datasets.open(p / "set", "train")),
    (ValueError, "did you mean mpii", lambda p: datasets.builder_class("mpi")),
    (ValueError, "task must be one of landmarks", lambda p: Spec.from_dict({"name": "x", "task": "partz"})),
    (ValueError, "made of named fields, not of None", lambda p: Spec.from_dict(None)),
    (ValueError, "unknown landmark scheme", lambda p: Spec("x", scheme="dog")),
    (ValueError, "no conversion", lambda p: convert(np.zeros((68, 2)), np.ones(68), "ibug68", "mpii16")),
    (ValueError, "no packed network", lambda p: weights.read(p / "text.npz")),
    (ValueError, "SHA-256", lambda p: weights.read(zoo.WEIGHTS / "pose.npz", "0" * 64)),
    (ValueError, "score", lambda p: heatmaps.decode(np.zeros((4, 4, 2)), 4, "softmx")),
]


@pytest.mark.parametrize(("kind", "said", "call"), FUNCTIONS)
def test_a_function_raises_what_it_must(place, kind, said, call):
    with pytest.raises(kind) as raised:
        call(place)
    message = str(raised.value)
    assert said in message and "\n" not in message


@pytest.fixture(scope="module")
def localizer():
    return bnn_landmarks.Localizer("pose_128")


@pytest.mark.parametrize(
    ("kind", "said", "arguments"),
    [
        (FileNotFoundError, "no image at", ["none.jpg"]),
        (ValueError, "an image is", [np.zeros((4, 4, 7), np.uint8)]),
        (ValueError, "uint8", [np.zeros((4, 4, 3), np.int64)]),
        (ValueError, "four", [PHOTO, [1, 2, 3]]),
        (ValueError, "four", [PHOTO, ["a", "b", "c", "d"]]),
        (ValueError, "empty", [PHOTO, [0, 0, 10, -10]]),
        (ValueError, "outside", [PHOTO, [10_000, 0, 10, 10]]),
        (ValueError, "as many", [[PHOTO, PHOTO], [[0, 0, 9, 9]]]),
    ],
)
def test_a_localizer_refuses(localizer, kind, said, arguments):
    with pytest.raises(kind) as raised:
        localizer(*arguments)
    assert said in str(raised.value) and "\n" not in str(raised.value)


BASE_ONLY = """
import importlib, json, os, pathlib, sys
BASE = {"bnn_landmarks", "export", "click", "cv2", "numpy", "tqdm"}
class Missing:
    def find_spec(self, name, path=None, target=None):
        if "." not in name and name not in sys.stdlib_module_names and name not in BASE:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from bnn_landmarks import runtime
runtime.library_path = lambda: None
"""
EVERY_COMMAND = """
from bnn_landmarks import cli, zoo
told = []
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["bnn-landmarks", *arguments]
    try:
        cli.main()
    except SystemExit as end:
        told.append(end.code)
try:
    zoo.load("pose")
except ImportError as error:
    print(error, file=sys.stderr)
print("CODES", told)
"""


def test_without_the_extras_each_command_runs_or_says_what_brings_them(tmp_path):
    """There are only the base installation's libraries, and no compiled runtime."""
    works = [["train", "--list"], ["list"], ["info", "pose"]]
    fails = [
        ["predict", "--sample", "--engine", engine, "--output", "out"]
        for engine in ("auto", "runtime", "lce", "keras")
    ]
    fails += [["tables"], ["data", "list"], ["export", "pose"], ["benchmark", "pose"]]
    fails += [
        ["train", "pose", "--data", ".", "--output", "run"],
        ["evaluate", "pose", "x", "--output", "out"],
    ]
    arguments = [sys.executable, "-c", BASE_ONLY + EVERY_COMMAND, json.dumps(works + fails)]
    done = subprocess.run(arguments, capture_output=True, text=True, cwd=tmp_path)
    assert "Traceback" not in done.stderr
    assert done.stdout.splitlines()[-1] == f"CODES {[0] * len(works) + [1] * len(fails)}"
    lines = done.stderr.splitlines()
    assert len(lines) == len(fails) + 1
    for line in lines:
        assert "pip install 'bnn-landmarks[" in line or "bnn_landmarks.runtime.build" in line, line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("module", ["export.lce", "export.tflite", "bnn_landmarks.network.weights"])
def test_without_the_extra_a_program_says_what_brings_it(tmp_path, module):
    code = f"{BASE_ONLY}import runpy; runpy.run_module({module!r}, run_name='__main__')"
    shutil.copy(zoo.WEIGHTS / "pose_128.npz", tmp_path / "pose.npz")
    arguments = ["pose.npz", "out.npz"] if module.endswith("weights") else ["--model", "pose"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "pip install 'bnn-landmarks[train]'" in line
    assert [path.name for path in tmp_path.iterdir()] == ["pose.npz"]


def test_a_camera_that_is_not_there_is_one_line(tmp_path):
    code = "from bnn_landmarks import cli; cli.main()"
    arguments = ["predict", "--model", "pose_128", "--camera", "97", "--output", "out"]
    environment = {**os.environ, "DISPLAY": ":0"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
    )
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1 and "camera 97 can't be opened: is it there" in line
    assert not list(tmp_path.iterdir())


def test_what_the_data_sets_need_is_told_without_scipy(monkeypatch):
    for name in ("scipy", "scipy.io", "scipy.io.matlab"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "bnn_landmarks.datasets.matfiles", raising=False)
    importlib.import_module("bnn_landmarks.datasets.matfiles")


@pytest.mark.parametrize("name", [name for name in zoo.names() if zoo.entry(name).weights])
def test_the_list_leads_with_the_score_that_readme_leads_with(name):
    from bnn_landmarks.commands.list import score

    readme = (pathlib.Path(__file__).parents[1] / "README.md").read_text()
    (row,) = (line for line in readme.splitlines() if line.startswith(f"| `{name}` |"))
    led = re.search(r"([\d.]+) \([\d.]+ to", row)[1]
    assert f" {led} (" in score(zoo.card(name))


def test_the_benchmark_says_what_brings_an_engine(monkeypatch):
    def missing(source, variant, directory):
        raise ModuleNotFoundError("No module named 'larq'", name="larq")

    monkeypatch.setattr(benchmark, "_file", missing)
    with pytest.raises(ValueError, match=r"engine keras needs larq.* pip install 'bnn-landmarks\[train\]'"):
        benchmark.compare("pose_128", ("keras",))


def test_no_engine_to_time_is_said():
    with pytest.raises(ValueError, match=r"^there is no engine to time; the engines are runtime, "):
        benchmark.compare("pose_128", ())


def test_a_checkout_without_its_runtime_says_so_first(monkeypatch):
    monkeypatch.setattr(runtime, "library_path", lambda: None)
    monkeypatch.delenv("BNN_LANDMARKS_RUNTIME", raising=False)
    with pytest.raises(ImportError, match=r"^this is the package of the checkout .* has no compiled runtime"):
        runtime.library()
    monkeypatch.setenv("BNN_LANDMARKS_RUNTIME", "none.so")
    with pytest.raises(ImportError, match=r"names none.so, and there is no such file"):
        runtime.library()
