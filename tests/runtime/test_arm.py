"""The NEON kernels, cross-built and run under emulation, give the bits that the kernels of this machine give.

Needs Debian's packages: apt-get install g++-aarch64-linux-gnu qemu-user-static
"""

import shutil
import subprocess

import pytest
from random_cases import all_cases
from run_lce import by_runtime

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


def test_cases_from_this_machine(host, tmp_path):
    paths = []
    for case in all_cases(200, seed=40_000):
        outputs = by_runtime(case.content(), case.inputs)
        paths.append(tmp_path / case.name)
        paths[-1].write_bytes(case.file.case(case.outputs, case.inputs, outputs))
    command = [EMULATOR, "-L", "/usr/aarch64-linux-gnu", str(host(COMPILER)), "case", *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
