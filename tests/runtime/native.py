"""host.cc, compiled with the runtime inside."""

import pathlib

from bnn_landmarks.runtime import build


def build_host(command, directory, flags=()):
    """Compile the stand-in for TFLite by a compiler; the program's path.

    Raises:
        build.BuildError: it does not compile.
    """
    program = directory / "host"
    source = pathlib.Path(__file__).with_name("host.cc")
    objects = build.compile_sources([command], directory, flags)
    include = ["-I", str(build.SOURCES)]
    links = ["-o", str(program), "-ldl", "-lpthread"]
    build.run([command, *build.FLAGS, *flags, *include, str(source), *objects, *links])
    return program
