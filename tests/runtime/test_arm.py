"""The NEON kernels, cross-built and run under emulation, give the bits that the kernels of this machine give.

Needs Debian's packages: apt-get install g++-aarch64-linux-gnu qemu-user-static
"""

import os
import shutil
import subprocess

import numpy as np
import pytest
from lce_files import LceFile, with_outputs
from photographs import on_photographs
from random_cases import all_cases
from run_lce import by_engine, by_lce, by_runtime

from bnn_landmarks import zoo

COMPILER = "aarch64-linux-gnu-g++"
EMULATOR = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("library"),
    pytest.mark.skipif(
        not (shutil.which(COMPILER) and EMULATOR),
        reason=f"{COMPILER} and qemu-aarch64 are not installed",
    ),
]


KERNELS = ["neon", "dotprod"]  # the emulated processor runs both


def test_cases_from_this_machine(program, tmp_path):
    paths = []
    for case in all_cases(200, seed=40_000):
        outputs = by_runtime(case.content(), case.inputs)
        paths.append(tmp_path / case.name)
        paths[-1].write_bytes(case.file.case(case.outputs, case.inputs, outputs))
    for kernels in KERNELS:
        emulate(program("host", COMPILER), "case", *paths, kernels=kernels)


@pytest.mark.parametrize("name", [name for name in zoo.names() if zoo.entry(name).weights])
def test_zoo_entries(name, program, tmp_path):
    """The shipped files on the shipped photographs: all that lies between the first convolution and the last, which are
    float and XNNPACK's, gives the bits of LCE's interpreter."""
    content, batches = on_photographs(name)
    file, outputs = LceFile.between_float_convolutions(content)
    seen = with_outputs(content, [*file.inputs, *outputs])
    paths = []
    for kind, batch in batches.items():
        values = by_lce(seen, [batch])
        assert all(value.std() > 0 for value in values)
        paths.append(tmp_path / kind)
        paths[-1].write_bytes(file.case(outputs, values[: len(file.inputs)], values[len(file.inputs) :]))
    for kernels in KERNELS:
        emulate(program("host", COMPILER), "case", *paths, kernels=kernels)


@pytest.mark.parametrize("name", ["pose", "pose_128", "face_parts_128"])
def test_the_engine_gives_the_whole_map(name, program, tmp_path):
    """From the pixels to the maps, float convolutions too: the bits of this machine's kernels."""
    content, batches = on_photographs(name)
    (tmp_path / "model").write_bytes(content)
    for batch in batches.values():
        (tmp_path / "input").write_bytes(batch.tobytes())
        (wanted,) = by_engine(content, [batch])
        for kernels in KERNELS:
            paths = [tmp_path / part for part in ("model", "input", "output")]
            emulate(program("run_engine", COMPILER), *paths, kernels=kernels)
            got = np.frombuffer((tmp_path / "output").read_bytes(), np.float32).reshape(wanted.shape)
            np.testing.assert_array_equal(got, wanted, err_msg=kernels)


def emulate(*command, kernels):
    environment = {**os.environ, "BNN_LANDMARKS_KERNELS": kernels}
    emulated = [EMULATOR, "-L", "/usr/aarch64-linux-gnu", *map(str, command)]
    done = subprocess.run(emulated, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, f"{kernels}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
