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


def test_it_stops_on_a_loss_that_is_not_finite_and_keeps_the_good_checkpoint(data, tmp_path):
    recipe = tiny(learning_rate=1e30, warmup=0.0, optimizer="rmsprop", loss="l2")
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
    log = tmp_path / "log.csv"
    assert monitor._trim_log(log, 8) == []
    for samples in (8, 16, 24):
        monitor._append(log, {"samples": samples, "loss": 1 / samples})
    assert [row["samples"] for row in monitor._trim_log(log, 16)] == ["8", "16"]
    assert log.read_text().splitlines() == ["samples,loss", "8,0.125", "16,0.0625"]


def test_losses_are_kept_for_the_checkpoint_before_as_well(tmp_path):
    path = tmp_path / "checkpoints" / "losses.json"
    for step, losses in ((2, [0.5]), (4, [0.4, 0.3]), (6, [0.2])):
        monitor._keep_losses(path, step, losses)
    assert [monitor._read_losses(path, step) for step in (2, 4, 6)] == [[], [0.4, 0.3], [0.2]]


def test_pictures_show_each_crop_with_what_the_network_finds(data, tmp_path):
    trained = trainer.train(tiny(samples=8), data, tmp_path / "run")
    validation = monitor.Validation(datasets.open("crosses", "val", data), trained.spec)
    localizer = Localizer(open_engine(trained, "keras"))
    picture = monitor.overlays(localizer, validation.examples)
    assert picture.dtype == np.uint8 and picture.shape[0] >= 64 and picture.shape[1] >= 3 * 64
    assert (picture[:64, :64] != validation.examples[0].patch).any()
