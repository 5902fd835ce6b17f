"""The AVX-512 kernels, their instructions emulated by SIMDe, give the bits that the kernels of this machine give.

Needs Debian's package: apt-get install libsimde-dev
"""

import os
import pathlib
import platform
import re
import subprocess

import pytest
from random_cases import all_cases
from run_lce import by_runtime

from bnn_landmarks.runtime import build

SIMDE = pathlib.Path("/usr/include/simde/x86/avx512.h")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("library"),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the AVX-512 kernels are x86-64's"),
    pytest.mark.skipif(not SIMDE.exists(), reason="SIMDe is not installed (apt-get install libsimde-dev)"),
]


def emulated_host(directory):
    """host.cc with the AVX-512 kernels on emulated instructions, offered whatever the processor says."""
    here = pathlib.Path(__file__).parent
    kernels = directory / "kernels_avx512.cc"
    source = (build.SOURCES / "kernels_avx512.cc").read_text()
    kernels.write_text(source.replace("#include <immintrin.h>", '#include "avx512_by_simde.h"'))
    choice = directory / "cpu.cc"
    source = (build.SOURCES / "cpu.cc").read_text()
    choice.write_text(re.sub(r"\{&kAvx512Kernels,[^}]*\}", "{&kAvx512Kernels, true}", source))
    rest = [p for p in build.SOURCES.glob("*.cc") if p.name not in (kernels.name, choice.name)]
    program = directory / "host"
    flags = [
        "-std=c++17",
        "-O1",
        "-w",
        "-mavx2",
        "-mfma",
        "-ffp-contract=off",
        "-I",
        str(build.SOURCES),
        "-I",
        str(here),
    ]
    sources = [*map(str, rest), str(kernels), str(choice), str(here / "host.cc")]
    build.run([*build.compiler(), *flags, *sources, "-o", str(program), "-ldl", "-lpthread"])
    return program


def test_cases_from_this_machine(tmp_path):
    paths = []
    for case in all_cases(200, seed=60_000):
        outputs = by_runtime(case.content(), case.inputs)
        paths.append(tmp_path / case.name)
        paths[-1].write_bytes(case.file.case(case.outputs, case.inputs, outputs))
    command = [str(emulated_host(tmp_path)), "case", *map(str, paths)]
    environment = {**os.environ, "BNN_LANDMARKS_KERNELS": "avx512"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
