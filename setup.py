"""The one part of the build that setup.cfg can't say: the runtime's shared library.

It is compiled where there is a C++ compiler. Without one the installation still succeeds, and says what is missing.
"""

import importlib.util
import pathlib
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools before 70
    from wheel.bdist_wheel import bdist_wheel

RUNTIME = pathlib.Path(__file__).resolve().parent / "bnn_landmarks" / "runtime"


def _builder():
    spec = importlib.util.spec_from_file_location("runtime_build", RUNTIME / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class BuildRuntime(build_ext):
    """Compiles with bnn_landmarks/runtime/build.py; the library is no Python module and serves every Python."""

    def get_ext_filename(self, fullname):
        return str(pathlib.Path(*fullname.split(".")[:-1], _builder().LIBRARY))

    def build_extension(self, ext):
        builder = _builder()
        try:
            builder.build(pathlib.Path(self.get_ext_fullpath(ext.name)).parent)
        except builder.BuildError as error:
            print(
                f"bnn-landmarks: installing without its own runtime: {error}. Without it only the slower engines of "
                "the extra `train` predict: install a C++ compiler (g++ or clang) and reinstall.",
                file=sys.stderr,
            )

    def get_outputs(self):
        return [path for path in super().get_outputs() if pathlib.Path(path).exists()]


class PlatformWheel(bdist_wheel):
    """One wheel per platform, not one per Python version: the library does not use Python's interface."""

    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


setup(
    ext_modules=[Extension("bnn_landmarks.runtime.library", sources=[], optional=True)],
    cmdclass={"build_ext": BuildRuntime, "bdist_wheel": PlatformWheel},
)
