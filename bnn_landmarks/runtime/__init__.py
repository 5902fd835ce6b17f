"""The package's own runtime in C++: its library, and the delegate by which stock LiteRT runs an exported LCE file.

The engine that needs no LiteRT is `bnn_landmarks.runtime.engine`. The delegate:

    from bnn_landmarks import runtime
    interpreter = runtime.interpreter("pose.tflite", num_threads=2)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()

The delegate needs ai-edge-litert (or TensorFlow, whose tf.lite serves as well) and the shared library that the
package's build compiles. TensorFlow is not imported unless it has to stand in for ai-edge-litert. See docs/runtime.md.
"""

import ctypes
import importlib
import os
import pathlib
from typing import Any

_HERE = pathlib.Path(__file__).resolve().parent
_LIBRARIES = ("libbnn_landmarks_runtime.so", "libbnn_landmarks_runtime.dylib")


class RuntimeUnavailable(ImportError):
    """The library, or an interpreter for its delegate, is not there or does not run here; the message says why."""


class Damaged(ValueError):
    """The bytes of a model are no whole `.tflite` file; no engine runs it."""


def refused(problem: str) -> ValueError:
    """The error of a model that the library refuses, saying why."""
    kind = Damaged if problem.startswith("the file is damaged") else ValueError
    return kind(f"the model can't be run: {problem}")


def library_path() -> pathlib.Path | None:
    """The shared library's path, or None where the installation has none.

    $BNN_LANDMARKS_RUNTIME names another library to use instead.
    """
    named = os.environ.get("BNN_LANDMARKS_RUNTIME")
    candidates = [pathlib.Path(named)] if named else [_HERE / name for name in _LIBRARIES]
    return next((path for path in candidates if path.is_file()), None)


def kernels() -> str:
    """The name of the kernels that this processor gets: avx512, avx2, dotprod, neon or portable."""
    function = library().bnn_landmarks_kernels
    function.restype = ctypes.c_char_p
    return function().decode()


def load_delegate(num_threads: int = 1) -> Any:
    """The delegate, for `experimental_delegates` of an interpreter of one's own.

    Args:
        num_threads: threads for the ops that the delegate takes; 0 for the interpreter's own number.

    Raises:
        RuntimeUnavailable: no library, no interpreter, or kernels that don't run here.
    """
    return _load_delegate(_tflite(), num_threads)


def interpreter(model: str | os.PathLike | bytes, num_threads: int = 1) -> Any:
    """An allocated interpreter, with the delegate, for a .tflite file.

    Args:
        model: the file's path, or its bytes.
        num_threads: threads, for the delegate and for the interpreter's own ops.

    Raises:
        RuntimeUnavailable: no library, no interpreter, or kernels that don't run here.
        ValueError: the model is damaged, or holds what the delegate can't run; the message says what.
        FileNotFoundError: there is no such file.
    """
    tflite = _tflite()
    delegate = _load_delegate(tflite, num_threads)
    _last_error()
    content = read_model(model)
    check_model(content)
    try:
        made = tflite.Interpreter(
            model_content=content, experimental_delegates=[delegate], num_threads=num_threads
        )
        made.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        reason = _last_error() or _one_line(error)
        raise ValueError(f"the model can't be run: {reason}") from error
    return made


def read_model(model):
    """A model's bytes, given as such or as a path; FileNotFoundError where there is no such file."""
    if isinstance(model, bytes | bytearray | memoryview):
        return bytes(model)
    if not pathlib.Path(model).is_file():
        raise FileNotFoundError(f"there is no model {model}")
    return pathlib.Path(model).read_bytes()


class _Tflite:
    """What is used of ai_edge_litert.interpreter or of tf.lite."""

    def __init__(self, interpreter, load_delegate):
        self.Interpreter = interpreter
        self.load_delegate = load_delegate


def _tflite():
    try:
        litert = importlib.import_module("ai_edge_litert.interpreter")
        return _Tflite(litert.Interpreter, litert.load_delegate)
    except ImportError:
        pass
    try:
        lite = importlib.import_module("tensorflow").lite
        return _Tflite(lite.Interpreter, lite.experimental.load_delegate)
    except ImportError:
        raise RuntimeUnavailable(
            "neither ai-edge-litert nor TensorFlow is installed: pip install bnn-landmarks[runtime]"
        ) from None


def library():
    """The loaded shared library (`ctypes.CDLL`)."""
    path = library_path()
    if path is None:
        raise RuntimeUnavailable(_missing())
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise RuntimeUnavailable(f"{path} can't be loaded: {error}") from error


def _missing():
    """Why there is no library, and what to do."""
    named, root = os.environ.get("BNN_LANDMARKS_RUNTIME"), _HERE.parents[1]
    if named:
        return f"$BNN_LANDMARKS_RUNTIME names {named}, and there is no such file"
    if (root / "setup.cfg").is_file():
        return (
            f"this is the package of the checkout {root}, which has no compiled runtime: run there "
            "python -m bnn_landmarks.runtime.build, or work in another folder to use the installed package"
        )
    return "this installation has no compiled runtime: install a C++ compiler and reinstall bnn-landmarks"


def _load_delegate(tflite, num_threads):
    if isinstance(num_threads, bool) or not isinstance(num_threads, int) or num_threads < 0:
        raise ValueError(f"num_threads must be a whole number from 0, not {num_threads!r}")
    library()
    options = {
        "num_threads": str(num_threads),
        **({"profile": "1"} if os.environ.get("BNN_LANDMARKS_PROFILE") else {}),
    }
    try:
        return tflite.load_delegate(str(library_path()), options)
    except (OSError, RuntimeError, ValueError) as error:
        raise RuntimeUnavailable(f"the delegate can't be loaded: {_one_line(error)}") from error


def check_model(content):
    """Refuse bytes before an interpreter reads them: LiteRT crashes on some that its own checks let through.

    Raises:
        RuntimeUnavailable: no library. Damaged: they are no whole file. ValueError: an operator that nothing here runs.
    """
    function = library().bnn_landmarks_check_model
    function.restype = ctypes.c_char_p
    function.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    problem = function(content, len(content)).decode()
    if problem:
        raise refused(problem)


def _last_error():
    """What the delegate refused since this was last asked on this thread, or an empty string."""
    function = library().bnn_landmarks_last_error
    function.restype = ctypes.c_char_p
    return function().decode()


def _one_line(error):
    return " ".join(str(error).split())
