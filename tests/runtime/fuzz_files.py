"""Damage .tflite files, load and run each in a child process: no crash, no hang, an error or a result each.

    python fuzz_files.py DOOR SEED COUNT FILE...         # DOOR: delegate or engine

A program of its own, so that the processes that it forks are small: TensorFlow is not in them.
"""

import collections
import os
import pathlib
import signal
import sys

import numpy as np

from bnn_landmarks import runtime
from bnn_landmarks.runtime.engine import Network

RESULT, ERROR = 0, 1 << 8  # wait statuses

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


def by_delegate(content):
    interpreter = runtime.interpreter(content)
    for details in interpreter.get_input_details():
        interpreter.set_tensor(details["index"], np.zeros(details["shape"], details["dtype"]))
    interpreter.invoke()


def by_engine(content):
    network = Network(content)
    network.run([np.zeros(shape, dtype) for shape, dtype in network.inputs])


def load_and_run(content, run):
    """In a child process: its exit status, 0 a result, 1 a clear error, else what must not be."""
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        status = 2
        try:
            run(content)
            status = 0
        except (RuntimeError, ValueError) as error:  # a RuntimeError is invoke's
            status = 1 if str(error) and "\n" not in str(error) else 2
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1]


def main(door, seed, count, *paths):
    run = {"delegate": by_delegate, "engine": by_engine}[door]
    originals = [pathlib.Path(path).read_bytes() for path in paths]
    for content in originals:
        if load_and_run(content, run) != RESULT:
            sys.exit("an undamaged file does not run")
    statuses = collections.Counter()
    for i in range(int(count)):
        rng = np.random.default_rng([int(seed), i])
        status = load_and_run(damage(originals[i % len(originals)], rng), run)
        statuses[status] += 1
        if status not in (RESULT, ERROR):
            print(f"seed {seed}, file {i}: wait status {status}", flush=True)
    print(f"{statuses[RESULT]} ran, {statuses[ERROR]} gave an error, of {count}")
    return 0 if statuses[RESULT] + statuses[ERROR] == int(count) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
