"""The runtime's library for its tests: built where it is missing or older than its sources."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

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
def host(tmp_path_factory):
    """Compiles the stand-in for TFLite (host.cc) with the runtime inside: host(compiler, flags) -> its path."""
    made = {}

    def make(command, flags=()):
        key = (command, flags)
        if key not in made:
            directory = tmp_path_factory.mktemp("host")
            objects = build.compile_sources([command], directory, flags)
            source = pathlib.Path(__file__).with_name("host.cc")
            program = directory / "host"
            include = ["-I", str(build.SOURCES)]
            build.run(
                [
                    command,
                    *build.FLAGS,
                    *flags,
                    *include,
                    str(source),
                    *objects,
                    "-o",
                    str(program),
                    "-ldl",
                    "-lpthread",
                ]
            )
            made[key] = program
        return made[key]

    return make
