"""Compile the engine to WebAssembly by ziglang's clang, a wheel: no other toolchain is needed.

    python -m bnn_landmarks.runtime.build_web DIRECTORY

writes `engine.wasm` (SIMD of 128 bits), `engine_relaxed.wasm` (relaxed SIMD too, for browsers that have it), and both
once more with threads, for pages that may share memory between workers. What they export and import is in
docs/runtime.md.
"""

import dataclasses
import importlib
import os
import pathlib
import subprocess
import sys
import tempfile

from bnn_landmarks import extras
from bnn_landmarks.runtime import build


@dataclasses.dataclass(frozen=True)
class Module:
    """relaxed: its kernels use relaxed SIMD; the rest, ziglang's C++ library above all, does not. threads: its memory
    is given to it, and is shared."""

    relaxed: bool = False
    threads: bool = False

    @property
    def target(self):
        """The compiler's options for all that is in it."""
        features = "generic+simd128+exception_handling" + ("+atomics+bulk_memory" if self.threads else "")
        return ["-target", "wasm32-wasi", f"-mcpu={features}", "-fwasm-exceptions"]

    @property
    def link(self):
        """The linker's options for its memory."""
        if not self.threads:
            return [f"--max-memory={1 << 30}"]
        # What a browser reserves at once, so less of it; the page makes the memory, of FIRST_PAGES and MOST_PAGES.
        sizes = [f"--initial-memory={FIRST_PAGES << 16}", f"--max-memory={MOST_PAGES << 16}"]
        return ["--shared-memory", "--import-memory", *sizes, "--export=bnn_work", "--export=__stack_pointer"]


MODULES = {
    "engine.wasm": Module(),
    "engine_relaxed.wasm": Module(relaxed=True),
    "engine_threads.wasm": Module(threads=True),
    "engine_relaxed_threads.wasm": Module(relaxed=True, threads=True),
}
FIRST_PAGES, MOST_PAGES = 32, 4096  # of 64 KiB, where there are threads

# LiteRT's door and what looks at its binary interface.
_NOT_FOR_THE_WEB = {"abi_check.cc", "delegate.cc"}

_EXPORTS = """
    bnn_open bnn_close bnn_input_count bnn_output_count bnn_input bnn_output bnn_context_new bnn_context_free bnn_run
    bnn_run_uint8 bnn_run_float bnn_error bnn_kernels bnn_context_bytes bnn_model_bytes bnn_profile malloc free
""".split()

# What runs once, or for a moment, is small rather than fast. (ziglang makes -Os of -Oz.)
_SMALL = ["-Os", "-Xclang", "-Oz", "-Xclang", "-fmerge-functions"]
_FLAGS = [
    "-std=c++17",
    "-DNDEBUG",
    "-fno-rtti",
    "-fvisibility=hidden",
    "-ffp-contract=off",
    "-Wall",
    "-Wextra",
]
_LINK = ["--export-memory", "--stack-first", "--entry=_initialize", "--gc-sections", "--strip-all"]
_LINK += ["-z", f"stack-size={1 << 20}"]

# The wheel's C++ library is built without exceptions; these of its sources make them.
_EXCEPTIONS = {
    "libcxxabi/src/cxa_exception.cpp": [
        "-std=c++20",
        "-D_LIBCPP_ENABLE_CXX17_REMOVED_UNEXPECTED_FUNCTIONS",
        "-D_LIBCXXABI_HAS_NO_THREADS",
        "-D_LIBCXXABI_BUILDING_LIBRARY",
        "-DLIBCXX_BUILDING_LIBCXXABI",
    ],
    "libunwind/src/Unwind-wasm.c": ["-D_LIBUNWIND_HAS_NO_THREADS", "-D_LIBUNWIND_HIDE_SYMBOLS", "-w"],
}
_EXCEPTIONS["libcxxabi/src/cxa_personality.cpp"] = _EXCEPTIONS["libcxxabi/src/cxa_exception.cpp"]
_EXCEPTION_INCLUDES = [
    "libcxxabi/include",
    "libcxxabi/src",
    "libcxx/src",
    "libunwind/include",
    "libunwind/src",
]


def ziglang():
    """The folder of the ziglang wheel.

    Raises:
        ImportError: it is not installed.
    """
    with extras.needed_for("the engine for browsers"):
        return pathlib.Path(importlib.import_module("ziglang").__file__).parent


def build_module(name, directory):
    """Compile one of `MODULES` into `directory`, which is made if it is not there; its path.

    Raises:
        ImportError: ziglang is not installed.
        build.BuildError: it failed.
    """
    library = ziglang() / "lib"
    module = MODULES[name]
    plus_plus = [sys.executable, "-m", "ziglang", "c++", *module.target]
    plain = [sys.executable, "-m", "ziglang", "cc", *module.target]
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        objects = []

        def compile_source(command, source, flags):
            objects.append(os.path.join(scratch, source.stem + ".o"))
            build.run([*command, *flags, "-c", str(source), "-o", objects[-1]])

        for source in sorted(build.SOURCES.glob("*.cc")):
            if source.name not in _NOT_FOR_THE_WEB:
                kernels = ["-O3", *(["-mrelaxed-simd"] if module.relaxed else [])]
                how = kernels if source.name == "kernels_wasm.cc" else _SMALL
                compile_source(plus_plus, source, [*_FLAGS, *how])
        includes = [f"-I{library / path}" for path in _EXCEPTION_INCLUDES]
        for path, flags in _EXCEPTIONS.items():
            command = plain if path.endswith(".c") else plus_plus
            compile_source(command, library / path, [*_SMALL, *includes, *flags])
        linked = os.path.join(scratch, name)
        exports = [f"--export={function}" for function in _EXPORTS]
        libraries = _libraries(plus_plus, objects[0], scratch)
        linker = [sys.executable, "-m", "ziglang", "wasm-ld", *_LINK, *module.link]
        build.run([*linker, *exports, *objects, *libraries, "-o", linked])
        os.chmod(linked, 0o644)  # no program of this machine
        os.replace(linked, directory / name)
    return directory / name


def _libraries(compiler, linked, scratch):
    """The C++ library's files, which ziglang makes and names to its linker. It names them before our objects, so that
    what both define would be there twice: hence we link by ourselves.

    Raises:
        build.BuildError: ziglang names none.
    """
    command = [*compiler, "-mexec-model=reactor", linked, "-o", os.path.join(scratch, "probe.wasm")]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "ZIG_VERBOSE_LINK": "1"}
    )
    lines = [line.split() for line in done.stderr.splitlines() if line.startswith("wasm-ld")]
    files = [word for line in lines for word in line if word.endswith((".a", "crt1-reactor.o"))]
    if not files:
        raise build.BuildError(f"ziglang names no C++ library: {done.stderr.strip()[-300:]}")
    return files


def main(arguments):
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.exit("bnn_landmarks.runtime.build_web: one argument is wanted, the directory to write to")
    try:
        for name in MODULES:
            print(build_module(name, arguments[0]))
    except (ImportError, build.BuildError, OSError) as problem:
        sys.exit(f"bnn_landmarks.runtime.build_web: {problem}")


if __name__ == "__main__":
    main(sys.argv[1:])
