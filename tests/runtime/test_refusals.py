"""What the runtime can't run it refuses with one clear line, and an interpreter that is laid out otherwise too."""

import subprocess
import sys

import numpy as np
import pytest
from lce_files import INT8, LceFile, packed
from random_cases import block_case
from run_lce import assert_same, by_runtime
from tensorflow.lite.python import schema_py_generated as schema
from wrong_sizes import too_large, wrong_counts

from bnn_landmarks import runtime
from bnn_landmarks.runtime import build
from bnn_landmarks.runtime.engine import Network


def signs(*shape):
    return np.where(np.random.default_rng(0).random(shape) < 0.5, -1, 1)


ONES, ZEROS = np.ones(32, np.float32), np.zeros(32, np.float32)


def one_conv(**changes):
    """A file of one convolution with its options changed."""
    file = LceFile()
    y = file.conv(file.quantize(file.input((1, 6, 6, 32))), signs(32, 3, 3, 32), ONES, ZEROS)
    file.nodes[-1][3].update(changes)
    return file.content([y])


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stride_height": 0}, "option stride_height is 0, outside 1 to 65536"),
        ({"padding": 7}, "option padding is 7"),
        ({"fused_activation_function": 4}, "option fused_activation_function is 4"),
        ({"channels_in": 0}, "option channels_in is 0, outside 1 to 65536"),
        (
            {"pad_values": 0, "fused_activation_function": 1},
            "a fused activation needs one-padding or valid padding",
        ),
        ({"dilation_height_factor": 60_000, "padding": 1}, "the filter is larger than the image"),
    ],
)
def test_options(changes, message):
    with pytest.raises(ValueError, match=message):
        runtime.interpreter(one_conv(**changes))


@pytest.mark.usefixtures("library")
def test_int8_models():
    file = LceFile()
    x = file.input((1, 4, 4, 32), kind=INT8)
    y = file.dequantize(file.quantize(x), 32)
    with pytest.raises(ValueError, match="int8 models are not supported"):
        runtime.interpreter(file.content([y]))


@pytest.mark.usefixtures("library")
def test_grouped_convolutions():
    file = LceFile()
    y = file.conv(file.quantize(file.input((1, 6, 6, 64))), signs(32, 3, 3, 32), ONES, ZEROS)
    file.nodes[-1][3]["channels_in"] = 64
    with pytest.raises(ValueError, match="grouped convolutions are not supported"):
        runtime.interpreter(file.content([y]))


@pytest.mark.usefixtures("library")
def test_files_that_are_none(tmp_path):
    with pytest.raises(ValueError, match="the model can't be run"):
        runtime.interpreter(b"not a model")
    with pytest.raises(FileNotFoundError, match="there is no model"):
        runtime.interpreter(tmp_path / "missing.tflite")


@pytest.mark.usefixtures("library")
def test_wrong_sizes():
    for name, content in (wrong_counts() | too_large()).items():
        with pytest.raises(ValueError, match=r"damaged|large|memory|disagree|FlexBuffer"):
            Network(content)
            pytest.fail(name)


@pytest.mark.usefixtures("library")
def test_a_custom_operator_in_the_field_of_old_converters():
    content = one_conv()
    old = schema.ModelT.InitFromPackedBuf(content)
    for code in old.operatorCodes:
        code.deprecatedBuiltinCode, code.builtinCode = code.builtinCode, 0
    x = np.random.default_rng(0).normal(size=(1, 6, 6, 32)).astype(np.float32)
    assert_same(Network(packed(old)).run([x]), Network(content).run([x]))


@pytest.mark.usefixtures("library")
def test_wrong_thread_counts():
    for threads in (-1, 1.5, True, "2"):
        with pytest.raises(ValueError, match="num_threads must be a whole number"):
            runtime.load_delegate(num_threads=threads)


@pytest.mark.usefixtures("library")
def test_unknown_kernels(monkeypatch):
    monkeypatch.setenv("BNN_LANDMARKS_KERNELS", "quantum")
    with pytest.raises(runtime.RuntimeUnavailable, match="names no kernels of this build"):
        runtime.load_delegate()


def test_no_library(monkeypatch, tmp_path):
    monkeypatch.setenv("BNN_LANDMARKS_RUNTIME", str(tmp_path / "missing.so"))
    assert runtime.library_path() is None
    with pytest.raises(runtime.RuntimeUnavailable, match="and there is no such file"):
        runtime.load_delegate()


def test_no_compiler(monkeypatch, tmp_path):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(build.BuildError, match="no C\\+\\+ compiler was found"):
        build.build(tmp_path)
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(build.BuildError, match="no-such-compiler does not run"):
        build.build(tmp_path)


@pytest.mark.usefixtures("library")
def test_importing_it_imports_no_tensorflow():
    code = "import sys; from bnn_landmarks import runtime; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
@pytest.mark.usefixtures("library")
def test_other_layouts_are_refused(program, tmp_path):
    """Interpreters whose TfLiteTensor is larger: a message, no crash; the right one runs."""
    case = block_case(1)
    path = tmp_path / "case"
    path.write_bytes(case.file.case(case.outputs, case.inputs, by_runtime(case.content(), case.inputs)))
    host = str(program("host", "g++"))
    assert subprocess.run([host, "case", path]).returncode == 0
    for shift in (8, 16, 24, 64):
        done = subprocess.run([host, "layout", str(shift), path], capture_output=True, text=True)
        assert done.returncode == 1
        assert "does not match the delegate" in done.stderr
