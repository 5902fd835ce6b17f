"""What a run writes: nothing after a loss that is not finite, one line on a full disk, the log and the pictures."""

import resource

import numpy as np
import pytest
from crosses import tiny

from bnn_landmarks import datasets
from bnn_landmarks.inference.engines import open_engine
from bnn_landmarks.inference.localizer import Localizer
from bnn_landmarks.training import monitor, trainer

pytestmark = pytest.mark.usefixtures("small_network")
HEADER, ROW = "time,samples,loss,crosses/val\n", "12:00:00,8,0.125,50.0\n"


def test_it_stops_on_a_loss_that_is_not_finite_and_keeps_the_good_checkpoint(data, tmp_path):
    recipe = tiny({"spec.score": "sigmoid"}, learning_rate=1e30, warmup=0.0, optimizer="rmsprop", loss="l2")
    with pytest.raises(ValueError, match=r"not finite|loss is (nan|inf)"):
        trainer.train(recipe, data, tmp_path / "run", checkpoint_minutes=0)
    assert not (tmp_path / "run" / "weights.npz").exists()


def test_a_full_disk_is_one_line_and_the_run_goes_on(data, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, hard))  # less than a checkpoint
    try:
        with pytest.raises(OSError, match=r"can't write to .*--resume"):
            trainer.train(tiny(samples=8), data, tmp_path / "run", checkpoint_minutes=0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    trainer.train(tiny(samples=8), data, tmp_path / "run", resume=True)
    assert (tmp_path / "run" / "weights.npz").is_file()


def test_the_log_is_cut_back_to_the_step_that_a_run_goes_on_from(tmp_path):
    log, columns = tmp_path / "log.csv", monitor.columns(["crosses/val"])
    assert monitor._trim_log(log, 8, columns) == []
    for samples in (8, 16, 24):
        monitor._append(log, dict(zip(columns, ("12:00:00", samples, 1 / samples, 50.0), strict=True)))
    assert [row["samples"] for row in monitor._trim_log(log, 16, columns)] == ["8", "16"]
    assert log.read_text().splitlines() == [HEADER.strip(), ROW.strip(), "12:00:00,16,0.0625,50.0"]


@pytest.mark.parametrize(
    "text, left",
    [
        (HEADER + ROW + "12:01", HEADER + ROW),
        (HEADER + ROW + ROW.strip(), HEADER + ROW),
        (HEADER[:8], HEADER),
        ("", ""),
    ],
)
def test_a_log_that_was_cut_loses_its_last_row_and_has_a_header(tmp_path, text, left):
    log, columns = tmp_path / "log.csv", monitor.columns(["crosses/val"])
    log.write_text(text)
    rows = monitor._trim_log(log, 8, columns)
    assert log.read_text() == left and len(rows) == (ROW in left)
    monitor._append(log, dict(zip(columns, ("12:00:00", 8, 0.125, 50.0), strict=True)))
    assert log.read_text() == (left or HEADER) + ROW


@pytest.mark.parametrize(
    "text, said",
    [
        (HEADER + "12:00:00,8\n" + ROW, "line 2 is no row of a log"),
        (HEADER + ROW + "12:00:00,many,1,2\n", "line 3 is no row of a log"),
        (HEADER + "12:00:00,8,0.1,50,60\n", "line 2 is no row"),
        (HEADER + "\n", "line 2 is no row"),
        (
            "time,samples,loss\n",
            "has the columns time, samples, loss, not time, samples, loss, crosses/val: ",
        ),
        ("\0\0\n", "log.csv has the columns"),
    ],
)
def test_a_log_that_a_run_can_not_go_on_with_is_named(tmp_path, text, said):
    log = tmp_path / "log.csv"
    log.write_text(text)
    with pytest.raises(ValueError) as refused:
        monitor.read_log(log, monitor.columns(["crosses/val"]))
    assert str(log) in str(refused.value) and said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_losses_are_kept_for_the_checkpoint_before_as_well(tmp_path):
    path = tmp_path / "checkpoints" / "losses.json"
    for step, losses in ((2, [0.5]), (4, [0.4, 0.3]), (6, [0.2])):
        monitor._keep_losses(path, step, losses)
    assert [monitor._read_losses(path, step) for step in (2, 4, 6)] == [[], [0.4, 0.3], [0.2]]


@pytest.mark.parametrize("text", ["", "[]", "null", '{"2": [0.5', '{"2": 5}', '{"2": [null]}'])
def test_damaged_losses_are_none_and_a_line(tmp_path, caplog, text):
    path = tmp_path / "losses.json"
    path.write_text(text)
    assert monitor._read_losses(path, 2) == []
    assert caplog.text.count(f"{path} is damaged") == 1
    monitor._keep_losses(path, 4, [0.4])
    assert monitor._read_losses(path, 4) == [0.4]


def test_pictures_show_each_crop_with_what_the_network_finds(data, tmp_path):
    trained = trainer.train(tiny(samples=8), data, tmp_path / "run")
    validation = monitor.Validation(datasets.open("crosses", "val", data), trained.spec)
    localizer = Localizer(open_engine(trained, "keras"))
    picture = monitor.overlays(localizer, validation.examples)
    assert picture.dtype == np.uint8 and picture.shape[0] >= 64 and picture.shape[1] >= 3 * 64
    assert (picture[:64, :64] != validation.examples[0].patch).any()
