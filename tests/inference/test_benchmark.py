"""The benchmark: every engine is run and told of; what it measures is not looked at here."""

import json

import pytest
import tiny_files
from click.testing import CliRunner

from bnn_landmarks.commands.benchmark import command
from bnn_landmarks.inference import benchmark


@pytest.fixture
def lce_file(tiny_model):
    return tiny_files.lce_file(tiny_model)


def test_every_engine_runs_as_often_as_asked(lce_file):
    timings = benchmark.compare(lce_file, ("lce-indirect", "lce-reference"), rounds=3)
    assert [timing.engine for timing in timings] == ["lce-indirect", "lce-reference"]
    for timing in timings:
        assert len(timing.milliseconds) == 3
        assert timing.file_bytes == lce_file.stat().st_size
        assert timing.peak_mb > 10


def test_an_engine_that_can_not_run_the_file_says_why(lce_file):
    found = benchmark.compare(lce_file, ("lce-default", "tflite"), rounds=1)
    assert found[0].milliseconds
    assert "holds binary operators" in found[1].error
    lines = benchmark.table(found, 1)
    assert any("tflite" in line and "not here" in line for line in lines)
    assert f"{1:8.2f}" in lines[2]  # the first engine is the measure


def test_unknown_engine_is_named(lce_file):
    with pytest.raises(ValueError, match="unknown engine 'lcd'"):
        benchmark.compare(lce_file, ("lcd",))


def test_no_engine_at_all_is_an_error(lce_file):
    with pytest.raises(ValueError, match="no engine can run"):
        benchmark.compare(lce_file, ("tflite",))


def test_command_writes_record_and_plot(lce_file, tmp_path):
    out = tmp_path / "bench"
    arguments = [
        str(lce_file),
        "--engines",
        "lce-default,lce-reference",
        "--rounds",
        "2",
        "--output",
        str(out),
    ]
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    found = json.loads((out / "benchmark.json").read_text())
    assert [len(timing["milliseconds"]) for timing in found["timings"]] == [2, 2]
    assert (out / "benchmark.png").read_bytes().startswith(b"\x89PNG")


def test_peak_memory_is_the_engines_own_not_this_process_s(lce_file):
    """The runtime needs no TensorFlow, which this process has loaded."""
    import resource
    import sys

    (timing,) = benchmark.compare(lce_file, ("runtime", "lce-default"), rounds=1)[:1]
    if timing.error or sys.platform != "linux":
        pytest.skip(f"no runtime here: {timing.error}")
    assert timing.peak_mb < resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10 / 2
