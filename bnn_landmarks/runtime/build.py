"""Compile the runtime's shared library with the platform's own C++ compiler, and nothing else.

    python -m bnn_landmarks.runtime.build            # into bnn_landmarks/runtime/, from a checkout

setup.py calls this too, by its path, so it imports nothing of the package. `CMakeLists.txt` builds the same library
for those who build with CMake (Android).
"""

import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

SOURCES = pathlib.Path(__file__).resolve().parent / "csrc"
LIBRARY = "libbnn_landmarks_runtime.dylib" if sys.platform == "darwin" else "libbnn_landmarks_runtime.so"

# -ffp-contract=off: a fused multiply-add rounds once where LCE rounds twice, and the outputs are to be equal.
FLAGS = [
    "-std=c++17",
    "-O3",
    "-DNDEBUG",
    "-fPIC",
    "-fvisibility=hidden",
    "-ffp-contract=off",
    "-Wall",
    "-Wextra",
]

# Sources that may use more of the processor than the rest; the library asks the processor before it calls them.
PROCESSOR_FLAGS = {
    "kernels_avx2.cc": ["-mavx2", "-mfma"],
    "kernels_avx512.cc": ["-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512vpopcntdq", "-mavx512vnni"],
}


class BuildError(Exception):
    """The library could not be built; the message says why."""


def compiler():
    """The C++ compiler's command as a list: $CXX, or the first of c++, g++ and clang++ that is there.

    Raises:
        BuildError: there is none.
    """
    named = os.environ.get("CXX")
    if named:
        return shlex.split(named)
    for name in ("c++", "g++", "clang++"):
        if shutil.which(name):
            return [name]
    raise BuildError("no C++ compiler was found (c++, g++ or clang++; or set CXX)")


def is_x86(command):
    """Whether a compiler makes x86-64 code, cross compilers included."""
    try:
        macros = subprocess.run(
            [*command, "-dM", "-E", "-x", "c++", os.devnull], capture_output=True, text=True
        )
    except OSError as error:
        raise BuildError(f"{command[0]} does not run: {error}") from error
    return "__x86_64__" in macros.stdout


def compile_sources(command, directory, flags=()):
    """Compile the runtime's sources by the compiler `command` into `directory`; the paths of the objects."""
    x86 = is_x86(command)
    objects = []
    for source in sorted(SOURCES.glob("*.cc")):
        objects.append(os.path.join(directory, source.stem + ".o"))
        special = PROCESSOR_FLAGS.get(source.name, []) if x86 else []
        run([*command, *FLAGS, *special, *flags, "-c", str(source), "-o", objects[-1]])
    return objects


def build(directory, flags=()):
    """Compile the library into `directory`.

    Args:
        directory: where the library goes; made if it is not there.
        flags: more compiler and linker flags.

    Returns:
        The library's path.

    Raises:
        BuildError: no compiler, or it failed.
    """
    if os.name != "posix":
        raise BuildError(f"the runtime is not built on {sys.platform}")
    command = compiler()
    target = pathlib.Path(directory) / LIBRARY
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        objects = compile_sources(command, scratch, flags)
        libraries = [] if sys.platform == "darwin" else ["-ldl", "-lpthread"]
        linked = os.path.join(scratch, LIBRARY)
        run([*command, "-shared", *flags, *objects, "-o", linked, *libraries])
        os.replace(linked, target)
    return target


def run(command):
    """Run a compiler; a BuildError with its first error where it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        raise BuildError(f"{command[0]} does not run: {error}") from error
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        reason = next((line for line in lines if "error" in line), lines[-1] if lines else "no message")
        raise BuildError(f"{command[0]} failed: {reason}")


if __name__ == "__main__":
    try:
        print(build(pathlib.Path(__file__).resolve().parent))
    except BuildError as problem:
        sys.exit(f"bnn_landmarks.runtime.build: {problem}")
