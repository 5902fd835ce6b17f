"""The engine by itself: float operators, its reader's refusals, shared weights, its header."""

import concurrent.futures
import shutil
import subprocess
import sys

import numpy as np
import pytest
from lce_files import FLOAT, UINT8, VALID, LceFile
from random_cases import block_case, float_case, pixel_case
from run_lce import assert_same, by_engine, by_lce
from test_exact import KERNELS
from test_refusals import ONES, ZEROS, one_conv, signs

from bnn_landmarks import runtime
from bnn_landmarks.runtime import build
from bnn_landmarks.runtime.engine import Network

pytestmark = pytest.mark.usefixtures("library")


def by_tflite(content, inputs):
    """TFLite's own kernels: XNNPACK's are wrong where a stride exceeds the filter along one axis."""
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(
        model_content=content,
        experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    for details, values in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(details["index"], values)
    interpreter.invoke()
    return [interpreter.get_tensor(details["index"]) for details in interpreter.get_output_details()]


def assert_close(got, wanted, name=""):
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-3, err_msg=name)  # sums of thousands


@pytest.mark.parametrize("seed", range(24))
def test_float_operators_as_in_tflite(seed):
    case = float_case(seed)
    assert_close(by_engine(case.content(), case.inputs), by_tflite(case.content(), case.inputs), case.name)


@pytest.mark.parametrize("seed", range(100, 112))
def test_float_operators_have_the_same_bits_in_every_set_of_kernels(seed, monkeypatch):
    case = float_case(seed)
    wanted = by_engine(case.content(), case.inputs)
    for kernels in ("portable", "avx2"):
        monkeypatch.setenv("BNN_LANDMARKS_KERNELS", kernels)
        try:
            got = by_engine(case.content(), case.inputs)
        except runtime.RuntimeUnavailable:
            continue
        np.testing.assert_array_equal(got[0], wanted[0])


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("bytes_in", [False, True])
def test_an_integer_stem_gives_the_bits_of_lce(bytes_in, kernels, monkeypatch):
    monkeypatch.setenv("BNN_LANDMARKS_KERNELS", kernels)
    for seed in range(12):
        case = pixel_case(seed, bytes_in)
        wanted = by_lce(case.content(), case.inputs)
        assert_same(by_engine(case.content(), case.inputs, num_threads=1 + seed % 2), wanted, case.name)


@pytest.mark.parametrize("odd", [1.002, -0.01, 1.5, 3e8, np.nan, np.inf])
def test_an_integer_stem_on_what_is_no_pixel(odd):
    """One value outside 0 to 255: then the network's own floats are computed, as LCE does."""
    for seed in range(4):
        case = pixel_case(seed)
        case.inputs[0].flat[7] = odd
        assert_same(by_engine(case.content(), case.inputs), by_lce(case.content(), case.inputs), case.name)


@pytest.mark.parametrize("kernels", KERNELS)
def test_a_relu_behind_a_binary_convolution(kernels, monkeypatch):
    """It becomes the convolution's, its sign too; scales of few bits and of many."""
    monkeypatch.setenv("BNN_LANDMARKS_KERNELS", kernels)
    rng = np.random.default_rng(3)
    for scale in (rng.normal(size=64).astype(np.float16), rng.normal(size=64)):
        file = LceFile()
        bits = file.quantize(file.input((1, 6, 7, 64)))
        shift = np.float32(rng.normal(size=64) * 8)
        y = file.map("RELU", file.conv(bits, signs(64, 3, 3, 64), scale.astype(np.float32), shift))
        z = file.dequantize(file.quantize(file.batch_norm(y, np.ones(64, np.float32), -np.abs(shift))), 64)
        values = [rng.normal(size=(1, 6, 7, 64)).astype(np.float32)]
        content = file.content([y, z])
        assert_same(by_engine(content, values), by_lce(content, values))


def test_bytes_are_cast():
    file = LceFile()
    x = file.input((1, 5, 6, 3), kind=UINT8)
    y = file.map("CAST", x)
    pixels = np.random.default_rng(0).integers(0, 256, (1, 5, 6, 3)).astype(np.uint8)
    (got,) = by_engine(file.content([y]), [pixels])
    np.testing.assert_array_equal(got, pixels.astype(np.float32))


def test_halves_are_rounded_to_even():
    file = LceFile()
    x = file.input((1, 1, 1, 9))
    values = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 254.5, 4194303.5, 8388609.0, np.inf], np.float32)
    (got,) = by_engine(file.content([file.map("ROUND", x)]), [values.reshape(1, 1, 1, 9)])
    np.testing.assert_array_equal(got.ravel(), np.rint(values))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stride_height": 0}, "option stride_height is 0, outside 1 to 65536"),
        ({"padding": 7}, "option padding is 7"),
        ({"dilation_height_factor": 60_000, "padding": 1}, "the filter is larger than the image"),
    ],
)
def test_options(changes, message):
    with pytest.raises(ValueError, match=message):
        Network(one_conv(**changes))


def test_operators_that_it_does_not_have_are_named():
    file = LceFile()
    y = file.map("LOGISTIC", file.input((1, 4, 4, 8)))
    with pytest.raises(ValueError, match="LOGISTIC is not supported"):
        Network(file.content([y]))
    file = LceFile()
    y = file.map("NotOurs", file.input((1, 4, 4, 8)))
    with pytest.raises(ValueError, match="NotOurs is not supported"):
        Network(file.content([y]))


def test_a_grouped_convolution():
    file = LceFile()
    kernel = np.ones((4, 3, 3, 2), np.float32)
    y = file.float_conv(file.input((1, 6, 6, 4)), kernel, padding=VALID)
    with pytest.raises(ValueError, match="CONV_2D is not supported, or not in this form"):
        Network(file.content([y]))


def test_files_that_are_none(tmp_path):
    for content in (b"", b"not a model", b"\0\0\0\0TFL3"):
        with pytest.raises(ValueError, match="the model can't be run"):
            Network(content)
    with pytest.raises(FileNotFoundError, match="there is no model"):
        Network(tmp_path / "missing.tflite")


def test_a_node_that_reads_what_nothing_made():
    file = LceFile()
    x = file.input((1, 4, 4, 8))
    y = file.node("RELU", [file.tensor((1, 4, 4, 8), FLOAT)], (1, 4, 4, 8), FLOAT)
    with pytest.raises(ValueError, match="RELU reads what nothing has made"):
        Network(file.content([file.add(x, y)]))


def test_wrong_inputs():
    case = block_case(1)
    network = Network(case.content())
    ((shape, _),) = network.inputs
    with pytest.raises(ValueError, match=r"takes float32 \[.*\], not float64"):
        network.run([np.zeros(shape)])
    with pytest.raises(ValueError, match=r"not float32 \[1, 2\]"):
        network.run([np.zeros((1, 2), np.float32)])
    with pytest.raises(ValueError, match="1 inputs, not 2"):
        network.run([np.zeros(shape, np.float32)] * 2)


def test_wrong_thread_counts():
    content = block_case(1).content()
    for threads in (0, -1, 65, 1.5, True, "2"):
        with pytest.raises(ValueError, match="num_threads must be a whole number"):
            Network(content, threads)


def test_unknown_kernels(monkeypatch):
    monkeypatch.setenv("BNN_LANDMARKS_KERNELS", "quantum")
    with pytest.raises(runtime.RuntimeUnavailable, match="names no kernels of this build"):
        Network(block_case(1).content())


def test_many_threads_share_one_network():
    case = block_case(2)
    network = Network(case.content(), num_threads=2)
    ((shape, _),) = network.inputs
    inputs = np.random.default_rng(0).normal(size=(24, *shape)).astype(np.float32)
    wanted = [Network(case.content()).run([values])[0] for values in inputs]
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        for _ in range(5):
            for got, alone in zip(pool.map(lambda v: network.run([v])[0], inputs), wanted, strict=True):
                np.testing.assert_array_equal(got, alone)


def test_weights_are_kept_packed():
    """Of a network that is nearly all filters the model keeps about what its file has, and a context none of it."""
    file = LceFile()
    bits = file.quantize(file.input((1, 4, 4, 256)))
    y = file.conv(bits, signs(256, 7, 7, 256), np.tile(ONES, 8), np.tile(ZEROS, 8))
    content = file.content([y])
    weights, run = Network(content).memory()
    assert weights <= 2 * len(content)  # AVX2 keeps a nibble in a byte
    assert run < len(content) / 4


def test_it_needs_neither_litert_nor_tensorflow(tmp_path):
    case = block_case(4)
    (tmp_path / "model.tflite").write_bytes(case.content())
    code = """
import sys
sys.modules["ai_edge_litert"] = sys.modules["tensorflow"] = None
import numpy as np
from bnn_landmarks.runtime.engine import Network
network = Network(sys.argv[1])
print(network.run([np.zeros(shape, dtype) for shape, dtype in network.inputs])[0].shape)
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "model.tflite")], check=True)


@pytest.mark.skipif(not shutil.which("gcc"), reason="gcc is not installed")
def test_the_header_is_c():
    header = str(build.SOURCES / "bnn_engine.h")
    flags = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only", "-x", "c"]
    subprocess.run(["gcc", *flags, header], check=True)


@pytest.mark.slow
def test_threads_under_thread_sanitizer(program, tmp_path):
    """Four contexts of one model at the same time, two threads each."""
    case = block_case(6)
    (tmp_path / "model").write_bytes(case.content())
    (tmp_path / "input").write_bytes(case.inputs[0].tobytes())
    engine = str(program("run_engine", "g++", ("-fsanitize=thread", "-O1", "-g")))
    paths = [str(tmp_path / name) for name in ("model", "input", "output")]
    done = subprocess.run([engine, *paths, "4", "10", "2"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    wanted = by_engine(case.content(), case.inputs)
    got = np.frombuffer((tmp_path / "output").read_bytes(), np.float32)
    np.testing.assert_array_equal(got, wanted[0].ravel())
