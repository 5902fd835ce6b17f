"""Count the ARM instructions of one inference by the engine, by function and by step, under emulation.

    python benchmarks/arm_instructions.py [pose] [--steps]

All of it, from the pixels to the maps, through the C interface: built by Debian's cross compiler and run under
qemu-user with a plugin that counts (`qemu_count.c`). Instructions, not cycles. The emulated processor has the dot
product; BNN_LANDMARKS_KERNELS=neon counts without. Needs Debian's packages g++-aarch64-linux-gnu and qemu-user.
"""

import argparse
import bisect
import collections
import pathlib
import re
import subprocess
import tempfile

from bnn_landmarks import zoo
from bnn_landmarks.runtime import build

HERE = pathlib.Path(__file__).parent
COMPILER = "aarch64-linux-gnu-g++"
SYSROOT = "/usr/aarch64-linux-gnu"
BASES = (0x5500000000, 0x4000000000)  # where qemu-user puts a position-independent program


def build_program(directory):
    """count_run with the engine inside, and the plugin: their paths."""
    program, plugin = directory / "count_run", directory / "count.so"
    objects = build.compile_sources([COMPILER], directory)
    source = ["-I", str(build.SOURCES), str(HERE / "count_run.cc")]
    build.run([COMPILER, *build.FLAGS, *source, *objects, "-o", str(program), "-ldl", "-lpthread"])
    build.run(["cc", "-O2", "-shared", "-fPIC", str(HERE / "qemu_count.c"), "-o", str(plugin)])
    return program, plugin


def symbols(program):
    """The program's functions, (address, name), in order."""
    listed = subprocess.run(
        ["aarch64-linux-gnu-nm", "-Cn", str(program)], capture_output=True, text=True, check=True
    )
    lines = [line.split(None, 2) for line in listed.stdout.splitlines()]
    return [(int(line[0], 16), line[2]) for line in lines if len(line) == 3 and line[1] in "tTwW"]


def count(program, plugin, model):
    """[(step, {function: instructions})] of the second run, in order; "between" is what lies between the steps."""
    emulator = ["qemu-aarch64", "-L", SYSROOT, "-plugin", str(plugin)]
    done = subprocess.run([*emulator, str(program), str(model)], capture_output=True, text=True)
    spans = [span.splitlines() for span in done.stderr.split("clock\n")[:-1]]
    if done.returncode or not spans:
        raise SystemExit(f"the network did not run: {done.stderr[-300:].strip()}")
    names = [line.split("ms", 1)[1].strip() for line in done.stdout.splitlines()]
    functions = symbols(program)
    counted = []
    for index, span in enumerate(spans[-2 * len(names) - 1 :]):
        step = names[index // 2] if index % 2 else "between"
        counted.append((step, by_function(span, functions)))
    return counted


def by_function(lines, functions):
    """{function: instructions} of lines "address instructions"."""
    starts, total = [start for start, _ in functions], collections.Counter()
    for address, instructions in (line.split() for line in lines):
        offsets = [int(address, 16) - base for base in BASES]
        inside = [offset for offset in offsets if starts[0] <= offset < starts[-1] + 4096]
        name = functions[bisect.bisect_right(starts, inside[0]) - 1][1] if inside else "libraries"
        name = re.sub(r"\(anonymous namespace\)::|^void |\bbnn::|\(.*", "", name)
        total[name] += int(instructions)
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("entry", nargs="?", default="pose", help="an entry of the zoo (pose)")
    parser.add_argument("--steps", action="store_true", help="by step, too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        program, plugin = build_program(pathlib.Path(directory))
        counted = count(program, plugin, zoo.WEIGHTS / f"{arguments.entry}.tflite")
    total = sum((functions for _, functions in counted), collections.Counter())
    print(f"{sum(total.values()) / 1e6:8.2f} M  in all")
    for name, instructions in total.most_common(15):
        print(f"{instructions / 1e6:8.2f} M  {name}")
    if not arguments.steps:
        return
    for step, functions in counted:
        if step == "between":
            continue
        parts = ", ".join(f"{name} {n / 1e6:.2f}" for name, n in functions.most_common(4))
        print(f"{sum(functions.values()) / 1e6:8.2f} M  {step}: {parts}")


if __name__ == "__main__":
    main()
