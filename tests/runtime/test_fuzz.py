"""Damaged files: no crash, no hang, an error or a result each."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from damaged_graphs import damaged, frame
from random_cases import block_case, conv_case, float_case
from run_lce import by_runtime

from bnn_landmarks import runtime

pytestmark = pytest.mark.usefixtures("library")

SANITIZED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-O1")


def run_damaged(door, tmp_path, seed, count):
    paths = []
    cases = [block_case(3), block_case(11), conv_case(0)]
    for case in [*cases, float_case(1)] if door == "engine" else cases:
        paths.append(tmp_path / f"{case.name}.tflite")
        paths[-1].write_bytes(case.content())
    program = pathlib.Path(__file__).with_name("fuzz_files.py")
    command = [sys.executable, str(program), door, str(seed), str(count), *map(str, paths)]
    checkout = str(
        pathlib.Path(runtime.__file__).parents[2]
    )  # for tests from a checkout that is not installed
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([checkout, os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("door", ["delegate", "engine"])
def test_damaged_files(door, tmp_path):
    assert "of 60" in run_damaged(door, tmp_path, 1, 60)


@pytest.mark.slow
@pytest.mark.parametrize("door", ["delegate", "engine"])
def test_ten_thousand_damaged_files(door, tmp_path):
    print(run_damaged(door, tmp_path, 2, 10_000))


@pytest.mark.slow
def test_the_engine_under_address_sanitizer(program, tmp_path):
    """Damaged files through its own reader."""
    engine = str(program("run_engine", "g++", SANITIZED))
    for i, content in enumerate((block_case(3).content(), conv_case(0).content(), float_case(1).content())):
        path = tmp_path / str(i)
        path.write_bytes(content)
        done = subprocess.run([engine, "fuzz", path, str(i), "3400"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
        assert int(done.stdout.split()[0]) > 100, done.stdout


@pytest.fixture
def damaged_graphs(tmp_path):
    """make(count) -> the path of so many, of blocks, single convolutions and float operators, in one file."""

    def make(count):
        originals = [
            case.content()
            for case in (block_case(3), block_case(11), conv_case(0), *map(float_case, range(4)))
        ]
        files = (damaged(originals[i % len(originals)], np.random.default_rng([3, i])) for i in range(count))
        path = tmp_path / "graphs"
        path.write_bytes(frame(files))
        return path

    return make


@pytest.mark.slow
def test_ten_thousand_damaged_graphs(program, damaged_graphs):
    engine = str(program("run_engine", "g++", SANITIZED))
    done = subprocess.run([engine, "files", damaged_graphs(10_000)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    ran, _, refused, _ = done.stdout.split()
    assert int(ran) > 300 and int(refused) > 1000, done.stdout


@pytest.mark.slow
def test_damaged_graphs_in_threads_under_thread_sanitizer(program, damaged_graphs):
    engine = str(program("run_engine", "g++", ("-fsanitize=thread", "-O1")))
    done = subprocess.run([engine, "files", damaged_graphs(500), "3"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
def test_the_delegate_itself_under_address_sanitizer(program, tmp_path):
    """Damage to options, shapes and wiring that TFLite would not let through, straight to the delegate."""
    host = str(program("host", "g++", SANITIZED))
    for seed in range(5):
        case = block_case(seed) if seed % 2 else conv_case(seed)
        path = tmp_path / case.name
        path.write_bytes(case.file.case(case.outputs, case.inputs, by_runtime(case.content(), case.inputs)))
        assert subprocess.run([host, "case", path]).returncode == 0
        done = subprocess.run([host, "mutate", str(seed), "2000", path], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
