"""The engine in C++ (`csrc/bnn_engine.h`) from Python: an exported file run by this package alone.

from bnn_landmarks.runtime.engine import Network
network = Network("pose.tflite", num_threads=2)
(maps,) = network.run([images])
"""

import contextlib
import ctypes
import os
import sys
import threading

import numpy as np

from bnn_landmarks import runtime

MOST_THREADS = 64
_DTYPES = {0: np.float32, 2: np.int32, 3: np.uint8}


class _Form(ctypes.Structure):
    """`bnn_tensor`."""

    _fields_ = [
        ("type", ctypes.c_int32),
        ("rank", ctypes.c_int32),
        ("dims", ctypes.c_int32 * 4),
        ("bytes", ctypes.c_size_t),
    ]


class Network:
    """A network read from a `.tflite` file, its weights in memory once for all threads.

    Args:
        model: the file's path, or its bytes.
        num_threads: threads of one run, the caller's among them.

    Attributes:
        inputs, outputs: [(shape, dtype)] of each.

    Raises:
        runtime.RuntimeUnavailable: there is no compiled engine, or no kernels that run here.
        ValueError: the file is damaged, or needs what the engine does not have; a wrong number of threads.
        FileNotFoundError: there is no such file.
    """

    def __init__(self, model, num_threads=1):
        whole = isinstance(num_threads, int) and not isinstance(num_threads, bool)
        if not whole or not 1 <= num_threads <= MOST_THREADS:
            raise ValueError(
                f"num_threads must be a whole number from 1 to {MOST_THREADS}, not {num_threads!r}"
            )
        self.num_threads = num_threads
        self._library = _library()
        content = runtime.read_model(model)
        _check_kernels(self._library)
        self._model = self._library.bnn_open(content, len(content))
        if not self._model:
            raise runtime.refused(self._error())
        self.inputs = self._forms(self._library.bnn_input_count, self._library.bnn_input)
        self.outputs = self._forms(self._library.bnn_output_count, self._library.bnn_output)
        self._idle, self._lock = [], threading.Lock()
        self._profiled = bool(os.environ.get("BNN_LANDMARKS_PROFILE"))

    def run(self, inputs, num_threads=None):
        """Run the network once. Any number of threads may be in this call at the same time.

        Args:
            inputs: arrays of the shapes and dtypes that `inputs` says.
            num_threads: threads of this run, the network's own number if None.

        Returns:
            new arrays, as `outputs` says.

        Raises:
            ValueError: inputs of other shapes or dtypes.
        """
        if len(inputs) != len(self.inputs):
            raise ValueError(f"the network has {len(self.inputs)} inputs, not {len(inputs)}")
        arrays = []
        for array, (shape, dtype) in zip(inputs, self.inputs, strict=True):
            array = np.ascontiguousarray(array)
            if array.shape != shape or array.dtype != dtype:
                wanted = f"{np.dtype(dtype).name} {list(shape)}"
                raise ValueError(f"the network takes {wanted}, not {array.dtype.name} {list(array.shape)}")
            arrays.append(array)
        results = [np.empty(shape, dtype) for shape, dtype in self.outputs]
        with self._context(num_threads or self.num_threads) as context:
            if self._library.bnn_run(context, _pointers(arrays), _pointers(results)):
                raise RuntimeError(f"the network did not run: {self._error()}")
        return results

    def memory(self):
        """Bytes that the weights take, and those that each run at a time takes: (weights, run)."""
        with self._context(self.num_threads) as context:
            return self._library.bnn_model_bytes(self._model), self._library.bnn_context_bytes(context)

    @contextlib.contextmanager
    def _context(self, threads):
        """A context that nobody else uses: one that is idle, or a new one."""
        with self._lock:
            found = next((entry for entry in self._idle if entry[0] == threads), None)
            if found:
                self._idle.remove(found)
        context = found[1] if found else self._library.bnn_context_new(self._model, threads)
        if not context:
            raise MemoryError(f"the model can't be run: {self._error()}")
        if self._profiled and not found:
            self._library.bnn_profile(context)
        try:
            yield context
        finally:
            with self._lock:
                self._idle.append((threads, context))

    def _forms(self, count, describe):
        forms = []
        for index in range(count(self._model)):
            form = _Form()
            describe(self._model, index, ctypes.byref(form))
            forms.append((tuple(form.dims[: form.rank]), _DTYPES[form.type]))
        return forms

    def _error(self):
        return self._library.bnn_error().decode()

    def __del__(self):
        for _, context in getattr(self, "_idle", ()):
            if self._profiled and sys.stderr:
                print(self._library.bnn_profile(context).decode(), end="", file=sys.stderr)
            self._library.bnn_context_free(context)
        if getattr(self, "_model", None):
            self._library.bnn_close(self._model)


def _check_kernels(library):
    """RuntimeUnavailable where $BNN_LANDMARKS_KERNELS names kernels that don't run here."""
    name = library.bnn_kernels().decode()
    if " " in name:
        raise runtime.RuntimeUnavailable(name)


def _pointers(arrays):
    return (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))


def _library():
    """The shared library with the signatures of what is called here."""
    library = runtime.library()
    pointer, number, size, text = ctypes.c_void_p, ctypes.c_int32, ctypes.c_size_t, ctypes.c_char_p
    for name, result, *arguments in (
        ("bnn_open", pointer, text, size),
        ("bnn_close", None, pointer),
        ("bnn_input_count", number, pointer),
        ("bnn_output_count", number, pointer),
        ("bnn_input", number, pointer, number, pointer),
        ("bnn_output", number, pointer, number, pointer),
        ("bnn_context_new", pointer, pointer, number),
        ("bnn_context_free", None, pointer),
        ("bnn_run", number, pointer, pointer, pointer),
        ("bnn_error", text),
        ("bnn_kernels", text),
        ("bnn_context_bytes", size, pointer),
        ("bnn_model_bytes", size, pointer),
        ("bnn_profile", text, pointer),
    ):
        try:
            function = getattr(library, name)
        except AttributeError:
            raise runtime.RuntimeUnavailable(
                f"{runtime.library_path()} is older than this package: build it again "
                "(python -m bnn_landmarks.runtime.build)"
            ) from None
        function.restype, function.argtypes = result, arguments
    return library
