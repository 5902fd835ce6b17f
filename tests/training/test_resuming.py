"""What a run is not gone on with, and never written over: each is refused in one line before any work."""

import json

import pytest
import tensorflow as tf
from coco_folders import write_record
from crosses import small, tiny

from bnn_landmarks.network import weights
from bnn_landmarks.training import initial, trainer

pytestmark = pytest.mark.usefixtures("small_network")
LOG = "time,samples,loss,crosses/val\n12:00:00,8,0.1,50\n"


@pytest.fixture
def run(tmp_path):
    """A run with two checkpoints, of a network that was never trained."""
    path = tmp_path / "run"
    (path / "checkpoints").mkdir(parents=True)
    (path / "recipe.json").write_text(json.dumps(tiny().to_dict()))
    (path / "log.csv").write_text(LOG)
    manager = tf.train.CheckpointManager(
        tf.train.Checkpoint(model=small(tiny().spec)), path / "checkpoints", None
    )
    for number in (1, 2):
        manager.save(number)
    return path


def refused(call, *arguments, **more):
    with pytest.raises((ValueError, OSError)) as error:
        call(*arguments, **more)
    assert "\n" not in str(error.value)
    return str(error.value)


def contents(run):
    return {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


def without_checkpoints(run):
    for path in (run / "checkpoints").iterdir():
        path.unlink()


def without_list(run):
    (run / "checkpoints" / "checkpoint").unlink()


def with_wrong_list(run):
    (run / "checkpoints" / "checkpoint").write_bytes(b"\xff\0")


@pytest.mark.parametrize("harm", [without_checkpoints, without_list, with_wrong_list])
def test_a_run_is_not_written_over(data, run, harm):
    harm(run)
    before = contents(run)
    assert "already holds a run" in refused(trainer.train, tiny(), data, run)
    assert contents(run) == before


@pytest.mark.parametrize(
    "change, said",
    [
        ({"batch_size": 8}, "was begun with batch_size 4, not 8"),
        ({"optimizer": "rmsprop"}, "was begun with optimizer adam, not rmsprop"),
        ({"spec.channels": 64}, "was begun with spec.channels 32, not 64"),
        (
            {"validate": (("crosses", "val"), ("crosses", "train"))},
            "has the columns time, samples, loss, crosses/val",
        ),
    ],
)
def test_a_run_goes_on_with_its_own_recipe(data, run, change, said):
    before = contents(run)
    assert said in refused(trainer.train, tiny(change), data, run, resume=True)
    assert contents(run) == before


@pytest.mark.parametrize("text", [None, "", "[]", '{"batch_size": 4}'])
def test_a_damaged_recipe_is_named(data, run, tmp_path, text):
    (run / "recipe.json").unlink()
    if text is not None:
        (run / "recipe.json").write_text(text)
    for more in ({"resume": True}, {"branch": run}):
        output = tmp_path / "branch" if "branch" in more else run
        assert "recipe.json" in refused(trainer.train, tiny(), data, output, **more)
    assert not (tmp_path / "branch").exists()


def test_without_a_checkpoint_a_run_is_not_begun_anew(data, run):
    without_checkpoints(run)
    before = contents(run)
    assert "no whole checkpoint to go on from" in refused(trainer.train, tiny(), data, run, resume=True)
    assert contents(run) == before


def test_a_path_that_tensorflow_takes_for_a_pattern_is_refused(data, run):
    odd = run.rename(run.with_name("run[1]"))
    assert "rename the directory" in refused(trainer.train, tiny(), data, odd, resume=True)
    assert "rename the directory" in refused(weights.load_checkpoint, odd)


@pytest.mark.parametrize("suffix", ["index", "data-00000-of-00001"])
def test_a_cut_checkpoint_is_one_line(data, run, suffix):
    path = run / "checkpoints" / f"ckpt-2.{suffix}"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    model, last = small(tiny().spec), run / "checkpoints" / "ckpt-2"
    for said in (
        refused(trainer.train, tiny(), data, run, resume=True, kernels="tensorflow"),
        refused(weights.load_checkpoint, run),
        refused(initial.start_from, model, run),
        refused(initial.start_from, model, last),
    ):
        assert f"{last} is damaged; the one before it is {run / 'checkpoints' / 'ckpt-1'}" in said
    last.with_suffix(".index").unlink()
    weights.load_checkpoint(run)


def test_a_list_of_checkpoints_that_is_no_text_begins_anew(run):
    with_wrong_list(run)
    manager = trainer._manager(tf.train.Checkpoint(model=small(tiny().spec)), run / "checkpoints")
    assert manager.save(3) and manager.latest_checkpoint.endswith("ckpt-3")


def test_an_empty_split_to_validate_on_is_refused_at_the_start(data, tmp_path):
    folder = tmp_path / "data" / "crosses"
    folder.parent.mkdir()
    folder.symlink_to(data / "crosses")
    record = json.loads((folder / "annotations" / "train.json").read_text())
    write_record(tmp_path / "data" / "none" / "annotations" / "val.json", [], [], record["categories"])
    recipe = tiny(validate=(("none", "val"),))
    assert "nothing to validate on: none/val" in refused(
        trainer.train, recipe, folder.parent, tmp_path / "run"
    )
    assert not (tmp_path / "run").exists()
