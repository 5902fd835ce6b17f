"""`bnn-landmarks evaluate`: what is in the output's folder, with and without --robustness."""

import json

import click.testing
import numpy as np
import pytest

from bnn_landmarks.commands import evaluate
from bnn_landmarks.datasets.sample import Sample
from bnn_landmarks.evaluation import examples, robustness, scoring, steadiness
from bnn_landmarks.inference.engines import Engine
from bnn_landmarks.inference.localizer import Localizer
from bnn_landmarks.schemes import SCHEMES
from bnn_landmarks.spec import Spec

SPEC = Spec("faces", scheme="aflw21", input_size=32)


class Split(list):
    scheme = SCHEMES["aflw21"]


@pytest.fixture
def small(monkeypatch):
    """One face in a grey picture, and a network that finds every landmark in the middle."""
    points = np.random.default_rng(0).uniform(20, 40, (21, 2)).astype(np.float32)
    box = np.array([20, 20, 20, 20], np.float32)
    split = Split([Sample("a.jpg", np.full((60, 60, 3), 120, np.uint8), points, np.full(21, 2), box)])
    maps = np.zeros((8, 8, 21), np.float32)
    maps[4, 4] = 9
    localizer = Localizer(Engine("lce", SPEC, lambda inputs: np.repeat(maps[None], len(inputs), axis=0)))
    monkeypatch.setattr(examples, "open_split", lambda *_: (split, "mine", "val"))
    monkeypatch.setattr(scoring, "open_network", lambda *_: (localizer, None, None))


def test_a_record_does_not_tell_where_folders_lie():
    given = [
        "evaluate",
        "pose",
        "mpii/val",
        "--data",
        "/home/me/data",
        "--engine",
        "lce",
        "--output=/tmp/a b",
    ]
    assert (
        evaluate.told(given) == "bnn-landmarks evaluate pose mpii/val --data DATA --engine lce --output out"
    )


@pytest.mark.parametrize("asked", [False, True])
def test_changed_conditions_are_measured_when_asked_for(small, tmp_path, asked):
    arguments = ["faces", "mine/val", "--output", str(tmp_path / "out"), *(["--robustness"] if asked else [])]
    result = click.testing.CliRunner().invoke(evaluate.command, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    record = json.loads((tmp_path / "out" / "record.json").read_text())
    for line in ("| half resolution |", "| noise of 1 grey level |"):
        assert (line in result.output) == asked
    if not asked:
        assert record["robustness"] is None and record["steadiness"] is None
        return
    scores = record["robustness"]["scores"]
    assert list(scores) == ["unchanged", *robustness.CHANGES]
    assert scores["unchanged"] == record["metrics"]["NME"]["all images"]
    moved = record["steadiness"]["movement"]
    assert list(moved) == [*steadiness.DISTURBANCES, steadiness.VIDEO, steadiness.FILTERED]
    assert moved["noise of 3 grey levels"] == {"rms": 0.0, "p95": 0.0, "count": 21}
    # The network says the same place of the crop: 0.5 crop pixels, of a 26 pixels wide crop at 32, over 20 pixels.
    side = SPEC.padding * 20
    assert moved["crop shifted by half a pixel"]["rms"] == pytest.approx(100 * 0.5 * side / 32 / 20, abs=1e-3)
    for file in ("images.csv", "curves.png", "worst.jpg", "comparison.md"):
        assert (tmp_path / "out" / file).is_file()


def test_boxes_are_scored_under_changed_conditions_and_have_no_steadiness(small, monkeypatch, tmp_path):
    spec = Spec("finder", task="boxes", scheme="subjects", input_size=32, padding=1.0, score="sigmoid")
    maps = np.full((8, 8, spec.outputs), -9, np.float32)
    localizer = Localizer(Engine("lce", spec, lambda inputs: np.repeat(maps[None], len(inputs), axis=0)))
    monkeypatch.setattr(scoring, "open_network", lambda *_: (localizer, None, None))
    arguments = ["finder", "mine/val", "--output", str(tmp_path / "out"), "--robustness"]
    result = click.testing.CliRunner().invoke(evaluate.command, arguments, catch_exceptions=False)
    record = json.loads((tmp_path / "out" / "record.json").read_text())
    assert result.exit_code == 0 and "| half resolution |" in result.output
    assert list(record["robustness"]["scores"]) == ["unchanged", *robustness.CHANGES]
    assert record["steadiness"] is None


@pytest.mark.parametrize(
    "record",
    [
        {"metrics": {}},
        {"metrics": {}, "spec": SPEC.to_dict()},
        {"metrics": [], "spec": None},
        {"metrics": {"NME": 5}, "spec": SPEC.to_dict(), "bytes": 1},
    ],
)
def test_a_record_that_is_none_is_told_before_the_evaluation(small, tmp_path, record):
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "faces.old.json").write_text(json.dumps(record))
    arguments = ["faces", "mine/val", "--output", str(tmp_path / "out"), "--cards", str(tmp_path / "cards")]
    with pytest.raises(ValueError, match=r"faces\.old\.json is no evaluation record") as error:
        click.testing.CliRunner().invoke(evaluate.command, arguments, catch_exceptions=False)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists() and len(list((tmp_path / "cards").iterdir())) == 1
