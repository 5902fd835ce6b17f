"""Run a file by the delegate in LiteRT, by the engine, and by LCE's own interpreter."""

import numpy as np

from bnn_landmarks import runtime
from bnn_landmarks.runtime.engine import Network


def by_runtime(content, inputs, num_threads=1, make=runtime.interpreter):
    interpreter = make(content, num_threads=num_threads)
    for details, values in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(details["index"], values)
    interpreter.invoke()
    return [interpreter.get_tensor(details["index"]) for details in interpreter.get_output_details()]


def by_engine(content, inputs, num_threads=1):
    return Network(content, num_threads).run(inputs)


DOORS = (by_runtime, by_engine)


def by_lce(content, inputs, **options):
    from larq_compute_engine.tflite.python.interpreter import Interpreter

    # Not predict(): that one feeds the images of a batch one at a time.
    return Interpreter(content, num_threads=1, use_xnnpack=False, **options).interpreter.predict(list(inputs))


def assert_same(got, wanted, name=""):
    """The same bits, but that a NaN may be any NaN and a zero either zero."""
    assert len(got) == len(wanted), name
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(a, b, err_msg=name)
