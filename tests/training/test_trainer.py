"""The trainer: it learns, goes on from any kill as if nothing had happened, and stops with a reason."""

import dataclasses
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
import tensorflow as tf
from coco_folders import write_record
from crosses import assert_same, build_instead, log, tiny
from faces import seen

from bnn_landmarks.geometry import parts
from bnn_landmarks.network import weights
from bnn_landmarks.network.layers import Options, conv_unit
from bnn_landmarks.schemes import SCHEMES
from bnn_landmarks.spec import Spec
from bnn_landmarks.training import monitor, trainer
from bnn_landmarks.training.model import steps_done
from bnn_landmarks.training.recipe import override

ROOT = pathlib.Path(__file__).parents[2]
PYTHONPATH = os.pathsep.join(map(str, (ROOT, ROOT / "tests", ROOT / "tests" / "training")))

pytestmark = pytest.mark.usefixtures("small_network")

NO_RATE = 1e-30  # less than a float32 weight can move by


def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(data, tmp_path, monkeypatch):
    whole = trainer.train(tiny(), data, tmp_path / "whole", validate_samples=8)
    assert [row["samples"] for row in log(tmp_path / "whole")] == ["8", "16", "24"]
    assert {"loss", "crosses/val"} < set(log(tmp_path / "whole")[0])
    packed = weights.load(tmp_path / "whole" / "weights.npz")
    image = np.random.default_rng(1).random((1, 64, 64, 3), np.float32)
    np.testing.assert_array_equal(packed(image).numpy(), whole(image).numpy())
    assert (tmp_path / "whole" / "best.npz").is_file()
    assert list((tmp_path / "whole" / "tensorboard").glob("events*"))

    # Killed at step 5 of 6, after the checkpoint of step 4 and a validation the log has of it, or after that of step 5,
    # whose loss is in no row yet.
    class Killed(Exception):
        pass

    end = monitor.Monitor.on_train_batch_end

    def kill(self, batch, logs=None):
        end(self, batch, logs)
        if steps_done(self.model) == 5:
            raise Killed

    columns = ("samples", "loss", "crosses/val")
    for run, minutes in (("killed", 4.0), ("killed_later", 0.0)):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(monitor.Monitor, "on_train_batch_end", kill)
            trainer.train(tiny(), data, tmp_path / run, validate_samples=8, checkpoint_minutes=minutes)
        with pytest.raises(FileExistsError, match="--resume"):
            trainer.train(tiny(), data, tmp_path / run)
        assert_same(trainer.train(tiny(), data, tmp_path / run, resume=True, validate_samples=8), whole)
        rows = [[[row[c] for c in columns] for row in log(tmp_path / each)] for each in ("whole", run)]
        assert rows[0] == rows[1]


def test_a_branch_goes_on_as_its_trunk_would(data, tmp_path):
    held = {"schedule": "hold", "warmup": 0.0}
    whole = trainer.train(tiny(samples=16, **held), data, tmp_path / "whole")
    trainer.train(tiny(samples=8, **held), data, tmp_path / "trunk")
    kept = sorted(path.name for path in (tmp_path / "trunk" / "checkpoints").iterdir())
    branch = trainer.train(tiny(samples=8, **held), data, tmp_path / "branch", branch=tmp_path / "trunk")
    assert_same(branch, whole)
    assert sorted(path.name for path in (tmp_path / "trunk" / "checkpoints").iterdir()) == kept
    assert json.loads((tmp_path / "branch" / "recipe.json").read_text())["trunk"] == 8
    assert log(tmp_path / "branch")[-1]["samples"] == "16"
    # A branch that was killed at its end, or later, is resumed without being told again where it began.
    assert_same(trainer.train(tiny(samples=8, **held), data, tmp_path / "branch", resume=True), whole)


def test_weights_know_how_loose_the_boxes_were(data, tmp_path):
    """And a run of before there was such a thing is still a trunk to branch off."""
    held = {"schedule": "hold", "warmup": 0.0, "samples": 8}
    loose = {"augmentation.loose": 0.5, "augmentation.absent": 0.2}
    trained = trainer.train(tiny(loose, **held), data, tmp_path / "run")
    known = weights.read(tmp_path / "run" / "weights.npz")[0].loosest
    assert known == trained.spec.loosest == pytest.approx(64 / 32, rel=0.01)
    path = tmp_path / "run" / "recipe.json"
    record = json.loads(path.read_text())
    assert record["augmentation"]["loose"] == 0.5
    assert (
        weights.load_checkpoint(tmp_path / "run", latent=True).spec.loosest
        == record["spec"]["loosest"]
        == known
    )
    del record["spec"]["loosest"]
    path.write_text(json.dumps(record))
    branch = trainer.train(tiny(**held), data, tmp_path / "branch", branch=tmp_path / "run")
    assert branch.spec.loosest is None


@pytest.mark.parametrize(
    "change, arguments, message",
    [
        ({"batch_size": 8}, {}, "keeps its trunk's batch_size, which is 4, not 8"),
        ({"optimizer": "rmsprop"}, {}, "keeps its trunk's optimizer, which is adam, not rmsprop"),
        ({}, {"initial": "trunk"}, "no initial weights"),
    ],
)
def test_what_a_branch_refuses(data, tmp_path, change, arguments, message):
    trainer.train(tiny(samples=4), data, tmp_path / "trunk")
    given = {name: tmp_path / value for name, value in arguments.items()}
    with pytest.raises(ValueError, match=message):
        trainer.train(tiny(change), data, tmp_path / "branch", branch=tmp_path / "trunk", **given)
    assert not (tmp_path / "branch").exists()


def test_stages_start_from_one_another_and_a_resume_skips_what_is_done(data, tmp_path):
    stages = ({"samples": 8, "spec.input_size": 128}, {"samples": 8})
    recipe = tiny(stages=stages)
    trainer.train(recipe, data, tmp_path / "run")
    first = weights.read(tmp_path / "run" / "stage1" / "weights.npz")
    assert first[0].input_size == 128
    assert weights.read(tmp_path / "run" / "weights.npz")[0].input_size == 64
    # Without a step the second stage ends where the first one did.
    frozen = tiny(stages=(stages[0], {"samples": 8, "learning_rate": NO_RATE}), learning_rate=NO_RATE)
    trainer.train(frozen, data, tmp_path / "frozen")
    arrays = [weights.read(tmp_path / "frozen" / f"{at}weights.npz")[1] for at in ("stage1/", "")]
    np.testing.assert_array_equal(arrays[0]["head/kernel"], arrays[1]["head/kernel"])
    with pytest.raises(FileExistsError, match="--resume"):
        trainer.train(recipe, data, tmp_path / "run")
    (tmp_path / "run" / "weights.npz").unlink()
    written = (tmp_path / "run" / "stage1" / "weights.npz").stat().st_mtime_ns
    trainer.train(recipe, data, tmp_path / "run", resume=True)
    assert (tmp_path / "run" / "stage1" / "weights.npz").stat().st_mtime_ns == written


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_other_precisions_and_xla_train_and_leave_float32(data, tmp_path, precision):
    recipe = tiny(samples=8, precision=precision, jit_compile=True)
    trained = trainer.train(recipe, data, tmp_path / "run")
    assert tf.keras.mixed_precision.global_policy().name == "float32"
    assert {v.dtype for v in trained.variables} == {tf.float32}
    trainer.train(override(recipe, {"samples": 12}), data, tmp_path / "run", resume=True)


def test_the_moving_average_is_what_is_saved(data, tmp_path):
    plain = trainer.train(tiny(), data, tmp_path / "plain")
    averaged = trainer.train(tiny(average=0.5), data, tmp_path / "averaged")
    start = trainer.train(tiny(samples=4, learning_rate=NO_RATE), data, tmp_path / "start")
    for a, b, first in zip(
        averaged.trainable_weights, plain.trainable_weights, start.trainable_weights, strict=True
    ):
        moved, less = np.abs(b - first).sum(), np.abs(a - first).sum()
        assert 0 < less < moved
    assert_same(averaged, trainer.train(tiny(average=0.5), data, tmp_path / "averaged", resume=True))


def write_faces(folder, count):
    """A COCO-keypoints folder of dark faces of 68 points on light."""
    (folder / "images").mkdir(parents=True)
    images, annotations = [], []
    for i in range(count):
        points = seen(0, unit=24, middle=(30 + 2 * i, 28))
        picture = parts.draw(points, (72, 72))[..., None].repeat(3, axis=2) * 40
        cv2.imwrite(str(folder / "images" / f"{i}.png"), picture)
        images.append({"id": i, "file_name": f"{i}.png"})
        annotations.append({"image_id": i, "keypoints": np.c_[points, np.full(68, 2)].ravel().tolist()})
    category = {"name": "face", "keypoints": list(SCHEMES["ibug68"].names)}
    for split in ("train", "val"):
        write_record(folder / "annotations" / f"{split}.json", images, annotations, [category])
    return folder


PARTS = Spec("parts", task="parts", scheme="parts7", input_size=64, channels=32, box_side="mean")


def stacked_and_parts(data, folder):
    """Train a network of two stacks and one of facial parts: their logs' losses, first and last."""
    write_faces(data / "faces", 3)
    plan = tiny({"spec.stacks": 2}, samples=64, batch_size=4, learning_rate=0.01, warmup=0.0)
    faces = {"spec": PARTS, "loss": "parts", "train": (("faces", "train"),), "validate": (("faces", "val"),)}
    losses = []
    for name, recipe in (("stacked", plan), ("parts", dataclasses.replace(plan, **faces))):
        trained = trainer.train(recipe, data, folder / name, validate_samples=16)
        again = weights.load(folder / name / "weights.npz")
        image = np.random.default_rng(1).random((1, 64, 64, 3), np.float32)
        outputs = [model(image) if recipe.spec.stacks > 1 else [model(image)] for model in (trained, again)]
        assert len(outputs[0]) == recipe.spec.stacks
        for ours, theirs in zip(*outputs, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        rows = log(folder / name)
        assert len(rows) == 4 and all(float(row[f"{recipe.validate[0][0]}/val"]) >= 0 for row in rows)
        losses.append((float(rows[0]["loss"]), float(rows[-1]["loss"])))
    return losses


@pytest.mark.slow
def test_stacked_networks_and_facial_parts_learn(data, tmp_path):
    for first, last in stacked_and_parts(data, tmp_path):
        assert last < first


@pytest.mark.slow
def test_stacked_hourglasses_and_facial_parts_learn(data, tmp_path, monkeypatch):
    monkeypatch.undo()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "crosses").symlink_to(data / "crosses")
    for first, last in stacked_and_parts(tmp_path / "data", tmp_path):
        assert last < first


@pytest.mark.slow
def test_stages_lead_from_real_through_binary_activations_to_binary(data, tmp_path, monkeypatch):
    """Kernels go on by name, and the learned scales start at their mean size."""

    def small_of(spec):
        options = Options(**spec.options)
        images = tf.keras.Input((64, 64, 3))
        x = conv_unit(tf.keras.layers.AveragePooling2D(4)(images), 8, 3, options, "first")
        x = conv_unit(x, 8, 3, options, "second")
        maps = tf.keras.layers.Conv2D(spec.outputs, 1, name="head")(x)
        model = tf.keras.Model(images, maps)
        model.spec = spec
        return model

    build_instead(small_of, monkeypatch)
    options = {"activation": "prelu"}
    stages = (
        {"spec.options": {"binary": False}},
        {"spec.options": {"weights": "real", **options}},
        {"spec.options": options, "learning_rate": NO_RATE},
    )
    trainer.train(tiny(stages=stages, samples=12), data, tmp_path)
    real, step = (weights.read(tmp_path / name / "weights.npz") for name in ("stage1", "stage2"))
    assert real[1]["second/kernel"].dtype == step[1]["second/kernel"].dtype == np.float32
    moved = np.abs(real[1]["second/kernel"] - step[1]["second/kernel"])
    assert 0 < moved.max() < 0.1, "the second stage began where the first ended"
    kept = tf.train.latest_checkpoint(tmp_path / "checkpoints")
    last = small_of(dataclasses.replace(step[0], options=options))
    tf.train.Checkpoint(model=last).restore(kept).expect_partial()
    layer = last.get_layer("second")
    np.testing.assert_array_equal(layer.kernel, step[1]["second/kernel"])
    np.testing.assert_array_equal(last.get_layer("second_prelu").alpha, step[1]["second_prelu/alpha"])
    np.testing.assert_allclose(layer.multiplier(), np.abs(layer.kernel).mean(axis=(0, 1, 2)), rtol=1e-3)


PROGRAM = """
import sys
import bnn_landmarks
import tensorflow as tf
from bnn_landmarks.training.recipe import override
import pytest
from crosses import build_instead, small, tiny
from bnn_landmarks.training import trainer

build_instead(small, pytest.MonkeyPatch())
data, output, strategy = sys.argv[1:4]
if strategy == "killed":
    trainer.train(tiny(samples=400), data, output, resume=True, checkpoint_minutes=0, validate_samples=80)
else:
    strategy = trainer.make_strategy(strategy)
    trainer.train(tiny(samples=16), data, output, strategy=strategy, validate_samples=8)
"""


def start(data, output, strategy, **environment):
    arguments = [
        sys.executable,
        "-c",
        PROGRAM,
        str(data),
        str(output),
        strategy,
    ]
    environment = {**os.environ, "PYTHONPATH": PYTHONPATH, "TF_CPP_MIN_LOG_LEVEL": "3", **environment}
    return subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_with_the_weights_of_an_uninterrupted_run(data, tmp_path):
    """A checkpoint after every step, SIGKILL at random: while computing, writing or validating."""
    whole = start(data, tmp_path / "whole", "killed")
    rng = random.Random(0)
    for attempt in range(4):
        process = start(data, tmp_path / "run", "killed")
        while process.poll() is None and not _new_checkpoint(tmp_path / "run", attempt):
            time.sleep(0.05)
        time.sleep(rng.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
    process = start(data, tmp_path / "run", "killed")
    assert process.communicate()[0] is not None and process.returncode == 0
    assert whole.wait() == 0
    assert_same_state(tmp_path / "whole", tmp_path / "run", exactly=True)
    a, b = (weights.load(tmp_path / run / "weights.npz") for run in ("whole", "run"))
    assert_same(a, b)
    assert [r["samples"] for r in log(tmp_path / "run")] == ["80", "160", "240", "320", "400"]
    assert [r["crosses/val"] for r in log(tmp_path / "run")] == [
        r["crosses/val"] for r in log(tmp_path / "whole")
    ]


def _new_checkpoint(run, attempt):
    steps = [int(path.stem.split("-")[1]) for path in run.glob("checkpoints/ckpt-*.index")]
    return bool(steps) and max(steps) >= 15 * attempt + 10


def assert_same_state(one, two, exactly=False):
    """Weights, statistics and the optimizer's averages of gradients and squares agree, so the gradients did. The moving
    variance may differ by the correction n / (n - 1) that only the fused kernel makes."""
    a, b = (tf.train.load_checkpoint(tf.train.latest_checkpoint(run / "checkpoints")) for run in (one, two))
    names = [
        name
        for name in a.get_variable_to_shape_map()
        if not name.startswith(("_CHECKPOINTABLE", "save_counter"))
    ]
    assert len(names) > 20
    rtol, atol = (0, 0) if exactly else (2e-3, 1e-5)
    for name in names:
        np.testing.assert_allclose(a.get_tensor(name), b.get_tensor(name), rtol=rtol, atol=atol, err_msg=name)


@pytest.mark.slow
def test_two_workers_learn_what_one_does_with_the_joint_batch(data, tmp_path):
    ports = []
    for _ in range(2):
        with socket.socket() as probe:
            probe.bind(("localhost", 0))
            ports.append(probe.getsockname()[1])
    cluster = {"worker": [f"localhost:{port}" for port in ports]}
    workers = [
        start(
            data,
            tmp_path / "two",
            "multiworker",
            TF_CONFIG=json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}}),
        )
        for index in range(2)
    ]
    for worker in workers:
        text = worker.communicate()[0].decode()
        assert worker.returncode == 0, text[-3000:]
    one = start(data, tmp_path / "one", "none")
    assert one.communicate() and one.returncode == 0
    assert_same_state(tmp_path / "one", tmp_path / "two")
    losses = [[float(row["loss"]) for row in log(tmp_path / run)] for run in ("one", "two")]
    np.testing.assert_allclose(*losses, rtol=1e-3)


@pytest.mark.slow
def test_two_replicas_on_one_machine_learn_what_one_does_with_the_joint_batch(data, tmp_path):
    program = """
import sys
import bnn_landmarks
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
import pytest
from crosses import build_instead, small, tiny
from bnn_landmarks.training import trainer
build_instead(small, pytest.MonkeyPatch())
trainer.train(tiny(samples=16), *sys.argv[1:3], strategy=tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
"""
    arguments = [
        sys.executable,
        "-c",
        program,
        str(data),
        str(tmp_path / "two"),
    ]
    environment = {**os.environ, "PYTHONPATH": PYTHONPATH}
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    one = start(data, tmp_path / "one", "none")
    assert one.communicate() and one.returncode == 0
    assert_same_state(tmp_path / "one", tmp_path / "two")
