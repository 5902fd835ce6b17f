"""Programs of the tests, compiled with the runtime inside."""

import pathlib

from bnn_landmarks.runtime import build


def build_program(name, command, directory, flags=()):
    """Compile NAME.cc (host, run_engine, plan_passes) by a compiler; the program's path.

    Raises:
        build.BuildError: it does not compile.
    """
    program = directory / name
    source = pathlib.Path(__file__).with_name(f"{name}.cc")
    objects = build.compile_sources([command], directory, flags)
    include = ["-I", str(build.SOURCES)]
    links = ["-o", str(program), "-ldl", "-lpthread"]
    build.run([command, *build.FLAGS, *flags, *include, str(source), *objects, *links])
    return program
