"""Count the ARM instructions of the runtime's part of the default network, by function, under emulation.

    python benchmarks/arm_instructions.py [--size 256]

All that lies between the first convolution and the last, which are float and XNNPACK's, built by Debian's cross
compiler and run under qemu-user with a plugin that counts: what two inferences take beyond one. Instructions, not
cycles. Needs Debian's packages g++-aarch64-linux-gnu and qemu-user.
"""

import argparse
import bisect
import collections
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np

import bnn_landmarks  # noqa: F401  selects Keras 2 before TensorFlow is imported
from bnn_landmarks import zoo
from bnn_landmarks.network.build import build
from bnn_landmarks.training.recipe import override
from export import lce

ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "runtime"))

from lce_files import LceFile  # noqa: E402
from native import build_program  # noqa: E402

SYSROOT = "/usr/aarch64-linux-gnu"
BASES = (0x5500000000, 0x4000000000)  # where qemu-user puts a position-independent program


def write_case(path, size):
    """`pose`, its input of this size: the runtime's part of it, with an input, as host.cc reads it."""
    model = build(override(zoo.entry("pose").spec, {"input_size": size}))
    model.set_weights(zoo.load("pose").get_weights())
    file, outputs = LceFile.between_float_convolutions(lce.convert(model))
    rng = np.random.default_rng(0)
    inputs = [np.abs(rng.normal(size=file.shape(t))).astype(np.float32) for t in file.inputs]
    path.write_bytes(file.case(outputs, inputs, [np.zeros(file.shape(t), np.float32) for t in outputs]))


def symbols(program):
    """The program's functions, (address, name), in order."""
    listed = subprocess.run(
        ["aarch64-linux-gnu-nm", "-Cn", str(program)], capture_output=True, text=True, check=True
    )
    lines = [line.split(None, 2) for line in listed.stdout.splitlines()]
    return [(int(line[0], 16), line[2]) for line in lines if len(line) == 3 and line[1] in "tTwW"]


def count(program, plugin, case, times):
    """{function: instructions} of so many inferences."""
    emulator = ["qemu-aarch64", "-L", SYSROOT, "-plugin", str(plugin)]
    command = [*emulator, str(program), "repeat", str(times), str(case)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(
            f"the network did not run: {re.sub('(?m)^[0-9a-f]+ [0-9]+$', '', done.stderr).strip()}"
        )
    functions, total = symbols(program), collections.Counter()
    starts = [start for start, _ in functions]
    for address, instructions in re.findall(r"^([0-9a-f]+) (\d+)$", done.stderr, re.MULTILINE):
        offsets = [int(address, 16) - base for base in BASES]
        inside = [offset for offset in offsets if starts[0] <= offset < starts[-1] + 4096]
        name = functions[bisect.bisect_right(starts, inside[0]) - 1][1] if inside else "libraries"
        total[re.sub(r"\(anonymous namespace\)::|^void |[<(].*", "", name)] += int(instructions)
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=256)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        program = build_program("host", "aarch64-linux-gnu-g++", directory)
        plugin, case = directory / "count.so", directory / "network.case"
        source = str(ROOT / "benchmarks" / "qemu_count.c")
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", source, "-o", str(plugin)], check=True)
        write_case(case, arguments.size)
        once, twice = (count(program, plugin, case, times) for times in (1, 2))
    found = twice - once
    print(f"{sum(found.values()) / 1e6:8.1f} M  in all")
    for name, instructions in found.most_common(10):
        print(f"{instructions / 1e6:8.1f} M  {name}")


if __name__ == "__main__":
    main()
