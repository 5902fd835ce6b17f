"""A run's last checkpoint is found without patterns; one that is damaged is named in a line."""

import json

import pytest
import tensorflow as tf

from bnn_landmarks.network import checkpoints
from bnn_landmarks.spec import Spec

STATE = 'model_checkpoint_path: "ckpt-4"\nall_model_checkpoint_paths: "ckpt-4"\n'


def write_run(run, state=STATE, files=("ckpt-4.index", "ckpt-10.index", "ckpt-10.data-00000-of-00001")):
    (run / "checkpoints").mkdir(parents=True)
    for name in files:
        (run / "checkpoints" / name).touch()
    if state is not None:
        (run / "checkpoints" / "checkpoint").write_bytes(state.encode("latin-1"))
    return run


@pytest.mark.parametrize(
    "state, number",
    [
        (STATE, 4),
        (STATE.replace("ckpt-4", "/else/where/ckpt-4"), 4),
        (STATE.replace("ckpt-4", "ckpt-12"), 10),
        (None, 10),
        ("", 10),
        ("\xff\0\xfe", 10),
        ("model: nonsense", 10),
    ],
)
def test_the_last_checkpoint(tmp_path, state, number):
    run = write_run(tmp_path / "run[1]", state)
    assert checkpoints.latest(run) == str(run / "checkpoints" / f"ckpt-{number}")


def test_without_an_index_there_is_no_checkpoint_but_still_a_run(tmp_path):
    run = write_run(tmp_path / "run", files=("ckpt-4.data-00000-of-00001", "losses.json"))
    assert checkpoints.latest(run) is None and checkpoints.holds_run(run)
    begun = write_run(tmp_path / "begun", files=("losses.json",))
    (begun / "recipe.json").touch()
    assert not checkpoints.holds_run(begun)
    for name in ("log.csv", "weights.npz"):
        (begun / name).touch()
        assert checkpoints.holds_run(begun)
        (begun / name).unlink()
    assert (
        not checkpoints.holds_run(tmp_path / "nowhere") and checkpoints.latest(tmp_path / "nowhere") is None
    )


@pytest.mark.parametrize("suffix", ["index", "data-00000-of-00001"])
def test_a_cut_checkpoint_is_named_with_the_one_before(tmp_path, suffix):
    checkpoint = tf.train.Checkpoint(v=tf.Variable(tf.ones(100)))
    for number in (1, 2):
        checkpoint.write(str(tmp_path / f"ckpt-{number}"))
    for number, said in ((2, "ckpt-2 is damaged; the one before it is "), (1, "ckpt-1 is damaged")):
        path = tmp_path / f"ckpt-{number}"
        file = path.with_name(f"{path.name}.{suffix}")
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        with pytest.raises(ValueError) as refused, checkpoints.reading(path):
            checkpoint.read(str(path))
        assert said in str(refused.value) and "\n" not in str(refused.value)
        assert (str(tmp_path / "ckpt-1") in str(refused.value)) and ("ckpt-0" not in str(refused.value))


@pytest.mark.parametrize("name", ["a[1]", "a*", "what?"])
def test_a_path_that_is_a_pattern_is_refused(tmp_path, name):
    with (
        pytest.raises(ValueError, match="rename the directory"),
        checkpoints.reading(tmp_path / name / "ckpt-1"),
    ):
        pytest.fail("it was read")


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "is not JSON"),
        ('{"spec": ', "is not JSON"),
        ("[]", "has no spec"),
        ("null", "has no spec"),
        ('{"spec": {}, "optimizer": "adam"}', "has no batch_size"),
        ('{"spec": null, "optimizer": "adam", "batch_size": 4}', "made of named fields"),
        ('{"spec": {}, "optimizer": "adam", "batch_size": 4}', "needs the field 'name'"),
    ],
)
def test_a_damaged_recipe_is_named(tmp_path, text, said):
    (tmp_path / "recipe.json").write_text(text)
    with pytest.raises(ValueError) as refused:
        checkpoints.read_recipe(tmp_path, ("spec", "batch_size"))
    assert str(tmp_path / "recipe.json") in str(refused.value) and said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_recipe_is_read_as_it_is(tmp_path):
    record = {"spec": Spec("x").to_dict(), "optimizer": "adam", "batch_size": 4}
    with pytest.raises(FileNotFoundError, match=r"no recipe\.json"):
        checkpoints.read_recipe(tmp_path)
    (tmp_path / "recipe.json").write_text(json.dumps(record))
    assert checkpoints.read_recipe(tmp_path) == record
