"""The runtime's library for its tests: built where it is missing or older than its sources."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from native import build_program

from bnn_landmarks import runtime
from bnn_landmarks.runtime import build


@pytest.fixture(scope="session")
def library():
    """The library's path; skips where it can't be built."""
    path = runtime.library_path()
    newest = max(source.stat().st_mtime for source in build.SOURCES.iterdir())
    if path is None or path.stat().st_mtime < newest:
        try:
            path = build.build(pathlib.Path(runtime.__file__).parent)
        except build.BuildError as error:
            pytest.skip(f"the runtime can't be built here: {error}")
    return path


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    """Compiles a program of the tests with the runtime inside: program(name, compiler, flags) -> its path."""
    made = {}

    def make(name, command, flags=()):
        key = (name, command, flags)
        if key not in made:
            made[key] = build_program(name, command, tmp_path_factory.mktemp(name), flags)
        return made[key]

    return make
