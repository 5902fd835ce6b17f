"""Damaged files: no crash, no hang, an error or a result each."""

import collections
import os
import signal
import subprocess

import numpy as np
import pytest
from random_cases import block_case, conv_case
from run_lce import by_runtime

from bnn_landmarks import runtime

pytestmark = pytest.mark.usefixtures("library")

NUMBERS = [
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    16,
    31,
    32,
    127,
    128,
    255,
    256,
    1000,
    65535,
    65536,
    2**31 - 1,
    2**31,
    2**32 - 1,
]
SECONDS = 60  # what loading and running a small file may take on a busy machine


def damage(content, rng):
    """One of: bytes changed, the end cut off, bits flipped in the structure, numbers put for others, pieces moved."""
    damaged = bytearray(content)
    kind = rng.integers(5)
    for _ in range(rng.integers(1, 6)):
        at = int(rng.integers(len(damaged)))
        if kind == 0:
            damaged[at] = rng.integers(256)
        elif kind == 1:
            damaged[len(damaged) - 1 - at // 8] ^= 1 << int(rng.integers(8))
        elif kind == 2:
            at = at // 4 * 4
            damaged[at : at + 4] = int(rng.choice(NUMBERS)).to_bytes(4, "little")
        elif kind == 3:
            other, size = int(rng.integers(len(damaged))), int(rng.integers(1, 64))
            damaged[at : at + size] = damaged[other : other + size]
    if kind == 4:
        del damaged[int(rng.integers(len(damaged))) :]
    return bytes(damaged)


def load_and_run(content):
    """In a child process: its exit status, 0 a result, 1 a clear error, else what must not be."""
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        status = 2
        try:
            interpreter = runtime.interpreter(content)
            for details in interpreter.get_input_details():
                interpreter.set_tensor(details["index"], np.zeros(details["shape"], details["dtype"]))
            interpreter.invoke()
            status = 0
        except (RuntimeError, ValueError) as error:  # invoke's own are RuntimeErrors too
            status = 1 if str(error) else 2
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1]


def run_damaged(count, seed):
    originals = [block_case(3).content(), block_case(11).content(), conv_case(0).content()]
    for content in originals:
        assert load_and_run(content) == 0
    results = collections.Counter()
    for i in range(count):
        rng = np.random.default_rng([seed, i])
        status = load_and_run(damage(originals[i % len(originals)], rng))
        results[status] += 1
        assert status in (0, 1 << 8), f"seed {seed}, file {i}: wait status {status}"
    return results


def test_damaged_files():
    results = run_damaged(60, seed=1)
    assert results[0] and results[1 << 8]


@pytest.mark.slow
def test_ten_thousand_damaged_files():
    print(run_damaged(10_000, seed=2))


@pytest.mark.slow
def test_the_delegate_itself_under_address_sanitizer(host, tmp_path):
    """Damage to options, shapes and wiring that TFLite would not let through, straight to the delegate."""
    program = str(host("g++", ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-O1")))
    for seed in range(5):
        case = block_case(seed) if seed % 2 else conv_case(seed)
        path = tmp_path / case.name
        path.write_bytes(case.file.case(case.outputs, case.inputs, by_runtime(case.content(), case.inputs)))
        assert subprocess.run([program, "case", path]).returncode == 0
        done = subprocess.run([program, "mutate", str(seed), "2000", path], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
