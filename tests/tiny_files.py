"""Files of the tiny network, exported once a test run: float TFLite with uint8 input, LCE with batch 2."""

import functools
import pathlib
import tempfile


@functools.cache
def _directory():
    kept = tempfile.TemporaryDirectory()
    _directory.kept = kept  # removed when Python ends
    return pathlib.Path(kept.name)


def _write(model, name, exporter, batch, dtype):
    from export import record, verify

    data = exporter.convert(model, batch=batch, dtype=dtype)
    path = _directory() / name
    record.write(path, data, model.spec, dtype, verify.census(data), {})
    return path


@functools.cache
def float_file(model):
    """A `.tflite` of float operators, uint8 input, batch 1, with its `.json`."""
    from export import tflite

    return _write(model, "float.tflite", tflite, 1, "uint8")


@functools.cache
def lce_file(model):
    """A `.tflite` of binary operators, float32 input, batch 2, with its `.json`."""
    from export import lce

    return _write(model, "binary.tflite", lce, 2, "float32")
