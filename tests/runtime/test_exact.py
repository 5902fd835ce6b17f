"""The delegate and the engine give the bits that LCE's interpreter gives, on every form of every op."""

import numpy as np
import pytest
from lce_files import BITS, SAME, VALID, LceFile
from random_cases import all_cases
from run_lce import DOORS, assert_same, by_engine, by_lce, by_runtime

from bnn_landmarks import runtime

pytestmark = pytest.mark.usefixtures("library")

BEST = runtime.kernels() if runtime.library_path() else None
KERNELS = {None: ("portable",), "avx512": ("portable", "avx2", "avx512")}.get(BEST, ("portable", BEST))


@pytest.mark.parametrize("case", all_cases(40), ids=lambda case: case.name)
def test_random_graphs(case):
    content = case.content()
    wanted = by_lce(content, case.inputs, use_indirect_bgemm=True)
    for run in DOORS:
        assert_same(run(content, case.inputs), wanted, f"{case.name} {run.__name__}")


@pytest.mark.slow
@pytest.mark.parametrize("lce", ["default", "indirect"])
@pytest.mark.parametrize("kernels", KERNELS)
def test_many_random_graphs(kernels, lce, monkeypatch):
    monkeypatch.setenv("BNN_LANDMARKS_KERNELS", kernels)
    for case in all_cases(1000, seed=100_000):
        content = case.content()
        wanted = by_lce(content, case.inputs, use_indirect_bgemm=lce == "indirect")
        for run in DOORS:
            assert_same(run(content, case.inputs), wanted, f"{case.name} {run.__name__}")


@pytest.mark.parametrize("kernels", KERNELS)
def test_kernels_agree(kernels, monkeypatch):
    cases = all_cases(12, seed=500)
    wanted = [by_runtime(case.content(), case.inputs) for case in cases]
    monkeypatch.setenv("BNN_LANDMARKS_KERNELS", kernels)
    for case, expected in zip(cases, wanted, strict=True):
        for run in DOORS:
            assert_same(run(case.content(), case.inputs), expected, f"{case.name} {run.__name__}")


def test_threads_agree():
    for case in all_cases(12, seed=600):
        content = case.content()
        wanted = by_runtime(content, case.inputs)
        for run in DOORS:
            assert_same(run(content, case.inputs, num_threads=3), wanted, f"{case.name} {run.__name__}")


def test_tensorflows_interpreter_gives_the_same():
    import tensorflow as tf

    def make(content, num_threads):
        delegate = tf.lite.experimental.load_delegate(str(runtime.library_path()))
        made = tf.lite.Interpreter(
            model_content=content, experimental_delegates=[delegate], num_threads=num_threads
        )
        made.allocate_tensors()
        return made

    for case in all_cases(8, seed=700):
        content = case.content()
        assert_same(by_runtime(content, case.inputs, make=make), by_runtime(content, case.inputs), case.name)


def test_signs_of_awkward_values():
    """A bit is set below zero: not for -0.0, not for a NaN of either sign, but for the smallest subnormal."""
    values = np.array(
        [0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, 1e-45, -1e-45, 2e-38, -2e-38, 1, -1], np.float32
    )
    file = LceFile()
    x = file.input((1, 1, 1, values.size))
    y = file.dequantize(file.quantize(x), values.size)
    for run in DOORS:
        (signs,) = run(file.content([y]), [values.reshape(1, 1, 1, -1)])
        assert signs.ravel().tolist() == [1, 1, 1, 1, 1, -1, 1, -1, 1, -1, 1, -1]


def test_bits_may_leave_and_enter():
    """Bitpacked tensors that cross the border keep LCE's layout, out as in."""
    rng = np.random.default_rng(0)
    file = LceFile()
    x = file.input((2, 5, 6, 70))
    bits = file.quantize(x)
    values = rng.normal(size=file.shape(x)).astype(np.float32)
    content = file.content([bits])
    packed = by_lce(content, [values])
    for run in DOORS:
        assert_same(run(content, [values]), packed)
    file = LceFile()
    y = file.dequantize(file.input((2, 5, 6, 3), kind=BITS), 70)
    (signs,) = by_engine(file.content([y]), packed)
    np.testing.assert_array_equal(signs, np.where(values < 0, -1, 1))


def test_a_batch_norm_that_is_not_finite():
    """Thresholds can't be made of it; the floats are then compared themselves."""
    rng = np.random.default_rng(1)
    kernel = np.where(rng.random((32, 3, 3, 32)) < 0.5, -1, 1)
    scale, shift = rng.normal(size=(2, 32)).astype(np.float32)
    scale[:4] = np.inf, -np.inf, np.nan, 0
    shift[2:5] = np.inf, np.nan, 1e30
    file = LceFile()
    x = file.input((1, 6, 6, 32))
    y = file.conv(file.quantize(x), kernel, np.ones(32, np.float32), np.zeros(32, np.float32))
    joined = file.concat([y, y])
    z = file.dequantize(file.quantize(file.batch_norm(y, scale, shift)), 32)
    content = file.content([z, joined])
    values = [rng.normal(size=(1, 6, 6, 32)).astype(np.float32)]
    for run in DOORS:
        assert_same(run(content, values), by_lce(content, values))


@pytest.mark.parametrize("padding", [SAME, VALID])
def test_a_resized_batch(padding):
    rng = np.random.default_rng(2)
    file = LceFile()
    x = file.input((1, 7, 7, 33))
    kernel = np.where(rng.random((20, 3, 3, 33)) < 0.5, -1, 1)
    multiplier, bias = rng.normal(size=(2, 20)).astype(np.float32)
    y = file.conv(file.quantize(x), kernel, multiplier, bias, padding=padding)
    values = rng.normal(size=(3, 7, 7, 33)).astype(np.float32)
    interpreter = runtime.interpreter(file.content([y]))
    index = interpreter.get_input_details()[0]["index"]
    for count in (3, 1, 2):
        interpreter.resize_tensor_input(index, (count, 7, 7, 33))
        interpreter.allocate_tensors()
        interpreter.set_tensor(index, values[:count])
        interpreter.invoke()
        got = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        singles = [by_runtime(file.content([y]), [values[i : i + 1]])[0] for i in range(count)]
        np.testing.assert_array_equal(got, np.concatenate(singles))
