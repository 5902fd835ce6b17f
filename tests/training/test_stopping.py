"""Ctrl-C and SIGTERM: the step under way ends, its checkpoint is there, the run goes on as if nothing had happened."""

import os
import pathlib
import signal
import sys
import threading

import pytest
import tensorflow as tf
from crosses import assert_same, tiny

from bnn_landmarks import cli, recipes
from bnn_landmarks.training import model, monitor, stopping, trainer

pytestmark = pytest.mark.usefixtures("small_network", "usual_signals")


@pytest.fixture
def usual_signals():
    """As in a terminal: whatever starts the tests in the background may have them ignored."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def press(number=signal.SIGINT):
    os.kill(os.getpid(), number)


def checkpoint(run):
    return pathlib.Path(tf.train.latest_checkpoint(run / "checkpoints")).name


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        from crosses import build_instead, small

        build_instead(small, patch)
        return trainer.train(tiny(), data, tmp_path_factory.mktemp("whole") / "run", validate_samples=8)


def test_a_stopped_run_goes_on(data, tmp_path, monkeypatch, capfd, whole):
    step, number = 4, signal.SIGTERM
    begin = monitor.Monitor.on_train_batch_begin

    def pressed(self, batch, logs=None):
        begin(self, batch, logs)
        if model.steps_done(self.model) == step - 1:
            press(number)

    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with monkeypatch.context() as patch, pytest.raises(stopping.Stopped, match="--resume") as stopped:
        patch.setattr(monitor.Monitor, "on_train_batch_begin", pressed)
        trainer.train(tiny(), data, tmp_path / "run", validate_samples=8)
    assert f"step {step} of 6" in str(stopped.value) and stopped.value.number == number
    assert checkpoint(tmp_path / "run") == f"ckpt-{step}"
    assert "stopping after this step" in capfd.readouterr().err
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert_same(trainer.train(tiny(), data, tmp_path / "run", resume=True, validate_samples=8), whole)


def test_ctrl_c_while_the_first_step_is_traced(data, tmp_path, monkeypatch, whole):
    made = model.landmark_loss

    def pressed_in_tracing(*arguments):
        loss = made(*arguments)

        def traced(*tensors):
            press()
            return loss(*tensors)

        return traced

    with monkeypatch.context() as patch, pytest.raises(stopping.Stopped, match="step 1 of 6"):
        patch.setattr(model, "landmark_loss", pressed_in_tracing)
        trainer.train(tiny(), data, tmp_path / "run", validate_samples=8)
    assert checkpoint(tmp_path / "run") == "ckpt-1"
    assert_same(trainer.train(tiny(), data, tmp_path / "run", resume=True, validate_samples=8), whole)


def test_the_second_one_stops_at_once():
    with pytest.raises(KeyboardInterrupt) as end, stopping.stop_requests() as request:
        press()
        assert request() == signal.SIGINT
        press()
    assert not isinstance(end.value, stopping.Stopped)


def test_what_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stopping.stop_requests() as request:
            press()
            assert request() is None
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_another_thread_signals_are_left_alone():
    told = []

    def run():
        with stopping.stop_requests() as request:
            told.append(request())

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert told == [None] and signal.getsignal(signal.SIGINT) is before


def test_the_command_ends_in_one_line(data, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(recipes, "load", lambda name: tiny())
    begin = monitor.Monitor.on_train_begin
    monkeypatch.setattr(monitor.Monitor, "on_train_begin", lambda self, logs=None: (begin(self), press()))
    arguments = ["train", "tiny", "--data", str(data), "--output", str(tmp_path / "run")]
    monkeypatch.setattr(sys, "argv", ["bnn-landmarks", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    err = capfd.readouterr().err
    assert end.value.code == 130 and "Traceback" not in err
    (line,) = [line for line in err.splitlines() if line.startswith("bnn-landmarks:")]
    assert "step 1 of 6" in line and line.endswith("go on with --resume")
