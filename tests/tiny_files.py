"""Files of one tiny untrained network, exported once a test run: float TFLite with uint8 input, LCE with batch 2."""

import functools
import pathlib
import tempfile

from conftest import randomise

from bnn_landmarks.spec import Spec

SPEC = Spec("tiny", input_size=64, channels=32, sigma=1.0)


@functools.cache
def directory():
    kept = tempfile.TemporaryDirectory()
    directory.kept = kept  # removed when Python ends
    return pathlib.Path(kept.name)


@functools.cache
def model():
    import tensorflow as tf

    from bnn_landmarks.network import build

    tf.keras.utils.set_random_seed(0)
    return randomise(build(SPEC))


def _write(name, exporter, batch, dtype):
    from export import record, verify

    data = exporter.convert(model(), batch=batch, dtype=dtype)
    path = directory() / name
    record.write(path, data, SPEC, dtype, verify.census(data), {})
    return path


@functools.cache
def float_file():
    """A `.tflite` of float operators, uint8 input, batch 1, with its `.json`."""
    from export import tflite

    return _write("float.tflite", tflite, 1, "uint8")


@functools.cache
def lce_file():
    """A `.tflite` of binary operators, float32 input, batch 2, with its `.json`."""
    from export import lce

    return _write("binary.tflite", lce, 2, "float32")
