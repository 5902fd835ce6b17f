"""The engine as WebAssembly, in Node, gives the bits that the native one gives, with and without relaxed SIMD.

Needs the extra `web` (ziglang) and Debian's package nodejs. ziglang compiles its C++ library once, which takes minutes,
and keeps it in its cache.
"""

import gzip
import os
import pathlib
import shutil
import struct
import subprocess

import numpy as np
import pytest
from fuzz_files import damage
from lce_files import with_outputs
from photographs import on_photographs
from random_cases import all_cases, block_case, conv_case, float_case, pixel_case
from run_lce import assert_same, by_engine
from tensorflow.lite.python import schema_py_generated as schema
from wrong_sizes import too_large, wrong_counts

from bnn_landmarks import zoo
from bnn_landmarks.geometry import heatmaps
from bnn_landmarks.runtime import build_web
from bnn_landmarks.runtime.engine import Network

NODE = shutil.which("node")
RUNNER = pathlib.Path(__file__).with_name("run_wasm.mjs")
MOST_BYTES = 60_000
PIXELS = 0.01

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("library"),
    pytest.mark.skipif(NODE is None, reason="node is not installed"),
]


@pytest.fixture(scope="session", params=sorted(build_web.MODULES))
def module(request, tmp_path_factory):
    """The path of each module, one after the other."""
    pytest.importorskip("ziglang", reason="ziglang, of the extra `web`, is not installed")
    # The tests' own XDG_CACHE_HOME is a new one every time.
    os.environ.setdefault("ZIG_GLOBAL_CACHE_DIR", str(pathlib.Path.home() / ".cache" / "zig"))
    return build_web.build_module(request.param, tmp_path_factory.mktemp("modules"))


def in_node(module, requests, tmp_path, seconds=900):
    """[(error, [bytes of each output])] of requests [(file, [inputs])]."""
    with open(tmp_path / "requests", "wb") as file:
        for content, inputs in requests:
            for part in (
                content,
                len(inputs),
                *(np.ascontiguousarray(values).tobytes() for values in inputs),
            ):
                file.write(
                    struct.pack("<I", part) if isinstance(part, int) else struct.pack("<I", len(part)) + part
                )
    flags = relaxed_flags() if "relaxed" in module.name else []
    command = [NODE, *flags, RUNNER, module, tmp_path / "requests", tmp_path / "answers"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, done.stderr[-3000:]
    answers, content, at = [], (tmp_path / "answers").read_bytes(), 0

    def number():
        nonlocal at
        at += 4
        return struct.unpack_from("<I", content, at - 4)[0]

    def taken():
        nonlocal at
        size = number()
        at += size
        return content[at - size : at]

    while at < len(content):
        error = taken().decode()
        answers.append((error, [taken() for _ in range(number())]))
    assert len(answers) == len(requests)
    return answers


def relaxed_flags():
    """This Node's flags for relaxed SIMD: before 21 it is an experiment, and before 22 what is compiled first, in a
    hurry, loses what a relaxed dot product adds to (findings/v8_relaxed_dot.sh)."""
    version = int(subprocess.check_output([NODE, "--version"], text=True)[1:].split(".")[0])
    flags = {"--experimental-wasm-relaxed-simd": 21, "--no-liftoff": 22}
    return [flag for flag, since in flags.items() if version < since]


def by_wasm(module, tmp_path, requests):
    """The outputs, as arrays, of files that run."""
    results = []
    for (content, _), (error, outputs) in zip(requests, in_node(module, requests, tmp_path), strict=True):
        assert not error
        forms = Network(content).outputs
        arrays = [np.frombuffer(values, dtype) for values, (_, dtype) in zip(outputs, forms, strict=True)]
        results.append([array.reshape(shape) for array, (shape, _) in zip(arrays, forms, strict=True)])
    return results


def test_random_graphs(module, tmp_path):
    """Every operator: binary convolutions of all forms, whole blocks, float maps, stems of whole numbers."""
    cases = all_cases(200, seed=60_000)
    cases += [float_case(seed) for seed in range(60_000, 60_050)]
    cases += [pixel_case(seed, bytes_in=seed % 2 == 0) for seed in range(60_000, 60_040)]
    requests = [(case.content(), case.inputs) for case in cases]
    for case, request, got in zip(cases, requests, by_wasm(module, tmp_path, requests), strict=True):
        assert_same(got, by_engine(*request), case.name)


def float_convolutions(content):
    """The tensors that the CONV_2D of a file read, in order: the image's first, the last the head's."""
    model = schema.ModelT.InitFromPackedBuf(content)
    codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
    return [
        int(operator.inputs[0])
        for operator in model.subgraphs[0].operators
        if codes[operator.opcodeIndex] == schema.BuiltinOperator.CONV_2D
    ]


@pytest.mark.parametrize("name", [name for name in zoo.names() if zoo.entry(name).weights])
def test_zoo_entries(name, module, tmp_path):
    """Up to the head the native engine's bits; behind it maps within a millionth of their largest, and the points."""
    content, batches = on_photographs(name)
    spec = zoo.entry(name).spec
    head = float_convolutions(content)[-1]
    before = with_outputs(content, [head])
    requests = [(before, [batch]) for batch in batches.values()]
    for request, got in zip(requests, by_wasm(module, tmp_path, requests), strict=True):
        assert got[0].std() > 0
        assert_same(got, by_engine(*request))
    golden = np.load(zoo.WEIGHTS / f"{name}.golden.npz")
    requests = [(content, [batch]) for batch in [*batches.values(), golden["input"]]]
    for request, (got,) in zip(requests, by_wasm(module, tmp_path, requests), strict=True):
        (wanted,) = by_engine(*request)
        np.testing.assert_allclose(got, wanted, atol=1e-6 * np.abs(wanted).max(), rtol=0)
        points, as_wanted = (heatmaps.decode(maps, spec.stride, spec.score)[0] for maps in (got, wanted))
        np.testing.assert_allclose(points, as_wanted, rtol=0, atol=PIXELS)


def test_damaged_files(module, tmp_path):
    """A result or one line of error each: no trap, no hang."""
    contents = [
        block_case(3).content(),
        conv_case(0).content(),
        float_case(1).content(),
        pixel_case(2).content(),
    ]
    contents.append((zoo.WEIGHTS / "pose_128.tflite").read_bytes())
    damaged = [damage(contents[i % len(contents)], np.random.default_rng([5, i])) for i in range(1000)]
    answers = in_node(module, [(content, []) for content in damaged], tmp_path)
    errors = [error for error, _ in answers if error]
    assert not [error for error in errors if "TRAP" in error or "\n" in error]
    assert 300 < len(errors) < 1000


def test_wrong_sizes(module, tmp_path):
    """The native engine's words, where the sizes overflow 32 bits, too."""
    contents = wrong_counts() | too_large()
    answers = in_node(module, [(content, []) for content in contents.values()], tmp_path)
    for name, (error, _) in zip(contents, answers, strict=True):
        with pytest.raises(ValueError) as refused:
            Network(contents[name])
        assert error and error in str(refused.value), name


def test_size(module):
    assert len(gzip.compress(module.read_bytes(), 9)) <= MOST_BYTES
