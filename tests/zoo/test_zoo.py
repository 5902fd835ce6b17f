"""Every entry builds, says what it is, and never passes random weights off as trained ones."""

import dataclasses

import numpy as np
import pytest
from click.testing import CliRunner

from bnn_landmarks import zoo
from bnn_landmarks.commands import info
from bnn_landmarks.commands import list as listing
from bnn_landmarks.network import weights

TRAINED = ["pose", "face_aflw", "face_300wlp", "face_parts"]


@pytest.fixture
def planted(monkeypatch, tmp_path, tiny_model):
    """A zoo with one more entry, `tiny`, the only one that is trained."""
    for name, shipped in zoo.ENTRIES.items():
        monkeypatch.setitem(zoo.ENTRIES, name, dataclasses.replace(shipped, weights=None, sha256=None))
    sha256 = weights.save(tiny_model, tmp_path / "tiny.npz")
    entry = zoo.entries.Entry(
        spec=tiny_model.spec,
        title="16 joints, badly",
        purpose="this test",
        paper="none",
        trained_on=(("mpii", "train"),),
        weights="tiny.npz",
        sha256=sha256,
    )
    monkeypatch.setitem(zoo.ENTRIES, "tiny", entry)
    monkeypatch.setattr(zoo, "WEIGHTS", tmp_path)
    return entry


@pytest.fixture
def ready(monkeypatch, tiny_model):
    """Loading finds its network already built."""
    monkeypatch.setattr("bnn_landmarks.network.build.build", lambda spec: tiny_model)


def test_names():
    smaller = {*(f"{name}_128" for name in TRAINED), "pose_small", "face_300wlp_small"}
    assert set(zoo.names()) == {*TRAINED, *smaller, "face_pifa", "finder"}
    by_task = [name for task in ("landmarks", "parts", "boxes") for name in zoo.names(task)]
    assert sorted(by_task) == sorted(zoo.names())
    assert zoo.names("boxes") == ["finder"]
    assert "face_parts" in zoo.names("parts")
    with pytest.raises(ValueError, match="tasks are landmarks, parts"):
        zoo.names("pose")


@pytest.mark.parametrize(
    "name", [n if n == "face_parts_128" else pytest.param(n, marks=pytest.mark.slow) for n in zoo.names()]
)
def test_every_entry_builds_untrained(name):
    model = zoo.load(name, weights=None)
    spec = zoo.ENTRIES[name].spec
    assert model.spec == spec and spec.name == name
    assert model.input_shape == (None, spec.input_size, spec.input_size, 3)
    assert model.output_shape == (None, spec.map_size, spec.map_size, spec.outputs)


@pytest.mark.parametrize("name", TRAINED)
def test_every_task_has_a_network_at_the_papers_size_and_a_small_one(name):
    large, small = zoo.entry(name), zoo.entry(f"{name}_128")
    assert (large.spec.input_size, small.spec.input_size) == (256, 128)
    assert large.weights and small.weights
    same = {"name": "", "input_size": 128, "sigma": 1.0}
    assert dataclasses.replace(large.spec, **same) == dataclasses.replace(small.spec, **same)


@pytest.mark.parametrize("name", ["pose", "face_300wlp"])
def test_the_smallest_of_a_task_has_half_the_channels_and_half_the_bytes(name):
    half, small = zoo.entry(f"{name}_128"), zoo.entry(f"{name}_small")
    same = {"name": "", "channels": 1}
    assert dataclasses.replace(half.spec, **same) == dataclasses.replace(small.spec, **same)
    assert (half.spec.channels, small.spec.channels) == (256, 128)
    half, small = ((zoo.WEIGHTS / f"{each.name}.tflite").stat().st_size for each in (half, small))
    assert small < half / 2


QUICK = ("pose_small", "finder", "face_pifa")


@pytest.mark.parametrize(
    "name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in zoo.names()]
)
def test_trained_weights_or_a_plain_word(name):
    entry = zoo.ENTRIES[name]
    if entry.weights is None:
        with pytest.raises(ValueError, match=f"{name} has no trained weights yet.*bnn-landmarks train"):
            zoo.load(name)
        return
    assert (zoo.WEIGHTS / entry.weights).stat().st_size <= 1.5e6
    assert zoo.load(name).spec == entry.spec


def test_unknown_name_lists_the_close_ones():
    with pytest.raises(ValueError, match="did you mean face_aflw"):
        zoo.load("face_alfw")
    with pytest.raises(ValueError, match="the entries are pose, pose_128, pose_small, face_aflw"):
        zoo.card("zzz")


def test_load_pretrained(planted, tiny_model, rng):
    images = rng.random((1, 64, 64, 3), dtype=np.float32)
    assert np.array_equal(zoo.load("tiny")(images), tiny_model(images))


def test_a_changed_weights_file_is_refused(planted):
    path = zoo.WEIGHTS / "tiny.npz"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ValueError, match="SHA-256"):
        zoo.load("tiny")


def test_entry_and_file_must_agree(planted, ready, monkeypatch):
    other = dataclasses.replace(planted, spec=dataclasses.replace(planted.spec, padding=2.0))
    monkeypatch.setitem(zoo.ENTRIES, "tiny", other)
    with pytest.raises(ValueError, match="is not that of the entry tiny"):
        zoo.load("tiny")


def test_weights_of_the_users_own(planted, ready):
    assert zoo.load("tiny", zoo.WEIGHTS / "tiny.npz").spec == planted.spec
    with pytest.raises(ValueError, match="holds the network 'tiny', not 'pose'"):
        zoo.load("pose", zoo.WEIGHTS / "tiny.npz")
    with pytest.raises(FileNotFoundError, match="no weights file"):
        zoo.load("pose", "nowhere.npz")


def test_card_is_data(planted):
    card = zoo.card("tiny")
    assert card["trained"] and card["bytes"] == (zoo.WEIGHTS / "tiny.npz").stat().st_size
    assert card["sha256"] == planted.sha256
    assert card["landmarks"][0] == "r_ankle" and len(card["landmarks"]) == 16
    assert "non-commercial" in card["trained_on"][0]["terms"]
    assert not zoo.card("face_pifa")["trained"] and "not at hand" in zoo.card("face_pifa")["untrained"]


def test_list_and_info_say_what_is_trained(planted):
    table = CliRunner().invoke(listing.command, catch_exceptions=False).output.splitlines()
    rows = {line.split()[0]: line for line in table}
    assert "no weights yet" in rows["face_pifa"] and "34 (pifa34)" in rows["face_pifa"]
    assert "no weights yet" not in rows["tiny"] and "64x64" in rows["tiny"]
    parts = CliRunner().invoke(listing.command, ["--task", "parts"]).output
    assert "face_parts" in parts and "tiny" not in parts
    text = CliRunner().invoke(info.command, ["tiny"], catch_exceptions=False).output
    assert planted.sha256 in text and "r_ankle, r_knee" in text and "non-commercial" in text


def test_info_shows_the_stored_card(planted, monkeypatch, tmp_path):
    monkeypatch.setattr(zoo, "CARDS", tmp_path)
    (tmp_path / "tiny.md").write_text("# the card\n")
    assert "# the card" in CliRunner().invoke(info.command, ["tiny"]).output
