"""Each pass of the planner, on a graph of a few nodes (plan_passes.cc)."""

import pathlib
import re
import subprocess

import pytest

SOURCE = pathlib.Path(__file__).with_name("plan_passes.cc")
NAMES = re.findall(r'^    \{"(\w+)", \w+\},$', SOURCE.read_text(), flags=re.M)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("name", NAMES)
def test_pass(name, program):
    done = subprocess.run([program("plan_passes", "g++", ("-O1",)), name], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_all_are_listed():
    assert len(NAMES) >= 8
