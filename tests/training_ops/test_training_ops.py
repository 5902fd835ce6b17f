"""The CPU kernels of training against TensorFlow's own operations."""

import dataclasses
import pathlib
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import larq as lq
import numpy as np
import pytest
import tensorflow as tf
from networks import randomise

from bnn_landmarks import training_ops
from bnn_landmarks.network.blocks import BLOCKS
from bnn_landmarks.network.build import build
from bnn_landmarks.network.layers import BinaryConv2D, Options
from bnn_landmarks.recipes import pose, pose_small
from bnn_landmarks.runtime.build import BuildError, compiler
from bnn_landmarks.spec import Spec
from bnn_landmarks.training.initial import start_from
from bnn_landmarks.training.model import build_for_training, chooses_cpu_kernels
from bnn_landmarks.training.recipe import override

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def _kernels():
    """Compiled when the first test wants them, not when tests are collected."""
    problem = training_ops.problem()
    if problem:
        pytest.skip(f"no CPU kernels here: {problem}")


@pytest.mark.parametrize("kernels", training_ops.KERNELS.values(), ids=training_ops.KERNELS)
def test_the_kernels_compile_without_a_warning(kernels):
    """Those that need no header of TensorFlow's; the others take minutes."""
    sources = [path for path in kernels.sources() if path.parent.name == kernels.folder]
    assert {"forward.cc", "input_gradient.cc", "kernel_gradient.cc"} <= {path.name for path in sources}
    flags = [
        *training_ops.FLAGS,
        training_ops.INCLUDE,
        *kernels.flags,
        "-std=c++17",
        "-Werror",
        "-O1",
        "-fsyntax-only",
    ]
    done = subprocess.run([*compiler(), *flags, *map(str, sources)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
def test_the_operations_compile_without_a_warning():
    kernels = training_ops.KERNELS["avx2"]
    flags = [
        *training_ops.FLAGS,
        training_ops.INCLUDE,
        *kernels.flags,
        *training_ops.tensorflow_flags(),
        "-Werror",
        "-fsyntax-only",
    ]
    sources = map(str, kernels.sources())
    done = subprocess.run([*compiler(), *flags, *sources], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


# rows, columns, in, out, kernel: odd widths, one position, more tables than an int8 sum holds, both kernel sizes.
SHAPES = [
    (8, 8, 64, 32, 3),
    (5, 7, 32, 64, 3),
    (1, 1, 32, 32, 3),
    (4, 6, 256, 32, 3),
    (3, 33, 64, 96, 1),
    (40, 34, 32, 32, 3),
]


def relative(found, wanted):
    return np.linalg.norm(found - wanted) / max(np.linalg.norm(wanted), 1e-12)


def layers_of(shape, relu, rng):
    """A binary convolution on TensorFlow's operations and the same on ours, and an input."""
    rows, columns, inputs, filters, size = shape
    plain = BinaryConv2D(filters, size, relu=relu, name="conv")
    plain.build((None, rows, columns, inputs))
    fast = training_ops.FastBinaryConv2D.from_config(plain.get_config())
    fast.build((None, rows, columns, inputs))
    plain.kernel.assign(rng.uniform(-1, 1, plain.kernel.shape))
    plain.scale.assign(rng.uniform(-1.5, 1.5, filters))
    fast.set_weights(plain.get_weights())
    return plain, fast, tf.constant(rng.normal(size=(3, rows, columns, inputs)), tf.float32)


def gradients(layer, x, dy):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
    return [np.asarray(g) for g in tape.gradient(y, [x, layer.kernel, layer.scale], output_gradients=dy)]


@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_binary_convolution(shape, relu):
    rng = np.random.default_rng(0)
    plain, fast, x = layers_of(shape, relu, rng)
    x = tf.tensor_scatter_nd_update(x, [[0, 0, 0, 0], [0, 0, 0, 1]], [0.0, -0.0])
    y = plain(x)
    np.testing.assert_array_equal(fast(x), y)
    dy = tf.constant(rng.normal(size=y.shape) ** 3, tf.float32)
    for found, wanted in zip(gradients(fast, x, dy), gradients(plain, x, dy), strict=True):
        assert relative(found, wanted) < 3e-3


def test_a_small_gradient_beside_a_large_one_is_not_lost():
    """A heatmap's gradient is one peak in a wide plain, and the plain's sum weighs as much."""
    rng = np.random.default_rng(1)
    plain, fast, x = layers_of((16, 16, 64, 64, 3), False, rng)
    dy = np.full((3, 16, 16, 64), -1.0 / 255, np.float32) * rng.uniform(0.5, 1.5, 64)
    dy[:, 8, 8] *= -255
    found, wanted = (gradients(layer, x, tf.constant(dy, tf.float32)) for layer in (fast, plain))
    assert relative(found[0][:, :6], wanted[0][:, :6]) < 3e-3
    assert relative(found[0].sum((1, 2)), wanted[0].sum((1, 2))) < 1e-2
    assert relative(found[1], wanted[1]) < 1e-2


def test_a_constant_input_does_not_overflow():
    plain, fast, x = layers_of((32, 32, 32, 32, 3), False, np.random.default_rng(2))
    x = tf.ones_like(x) * 0.5
    dy = tf.ones((3, 32, 32, 32))
    for found, wanted in zip(gradients(fast, x, dy), gradients(plain, x, dy), strict=True):
        assert relative(found, wanted) < 3e-3


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_stays_one(bad):
    _, fast, x = layers_of((4, 4, 32, 32, 3), False, np.random.default_rng(3))
    dy = np.ones((3, 4, 4, 32), np.float32)
    dy[1, 2, 2, 5] = bad
    dx, dkernel, _ = gradients(fast, x, tf.constant(dy))
    assert not np.isfinite(dx[1]).all() and not np.isfinite(dkernel).all()


def test_a_compiler_that_does_not_know_the_processor_makes_lesser_kernels(monkeypatch):
    unknown = dataclasses.replace(training_ops.KERNELS["avx2"], features=("no_such_feature",))
    made = []

    def compiled(kernels):
        made.append(kernels)
        if kernels is unknown:
            raise BuildError("unrecognized command-line option")
        return pathlib.Path("made.so")

    known = training_ops.KERNELS["avx2"]
    monkeypatch.setattr(training_ops, "candidates", lambda: [unknown, known])
    monkeypatch.setattr(training_ops, "compiled", compiled)
    monkeypatch.setattr(tf, "load_op_library", lambda path: path)
    assert training_ops.library.__wrapped__() == "made.so" and made == [unknown, known]


def test_two_that_want_the_operations_at_once_compile_them_once(tmp_path, monkeypatch):
    linked = []

    def run(command):
        made = pathlib.Path(command[command.index("-o") + 1])
        made.write_bytes(b"")
        if "-shared" in command:
            linked.append(made)
            time.sleep(0.2)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(training_ops, "run", run)
    kernels = training_ops.KERNELS["avx2"]
    with ThreadPoolExecutor(2) as pool:
        paths = set(pool.map(training_ops.compiled, [kernels, kernels]))
    assert len(linked) == len(paths) == 1 and paths.pop().is_file()


@pytest.mark.slow
@pytest.mark.parametrize("name", training_ops.KERNELS)
def test_the_kernels_of_lesser_processors(name):
    """In a process of its own, because TensorFlow keeps the operations that it loaded first."""
    if not set(training_ops.processor()).issuperset(training_ops.KERNELS[name].features):
        pytest.skip("this processor has not got what they need")
    if training_ops.candidates()[0] is training_ops.KERNELS[name]:
        pytest.skip("the other tests run these kernels on this processor")
    lesser = (
        f"from bnn_landmarks import training_ops as ops; ops.candidates = lambda: [ops.KERNELS[{name!r}]]"
    )
    tests = [__file__, "-k", "convolution or gradient or constant", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-c", f"{lesser}; import sys, pytest; sys.exit(pytest.main({tests!r}))"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_batch_normalisation():
    rng = np.random.default_rng(4)
    plain = tf.keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    plain.build((None, None, None, 24))
    plain.gamma.assign(rng.normal(size=24))
    plain.beta.assign(rng.normal(size=24))
    fast = training_ops.FastBatchNormalization.from_config(plain.get_config())
    fast.build((None, None, None, 24))
    fast.set_weights(plain.get_weights())
    x = tf.constant(rng.normal(3, 2, (4, 9, 5, 24)), tf.float32)
    dy = tf.constant(rng.normal(size=x.shape), tf.float32)
    found = []
    for layer in (fast, plain):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
        found.append([y, *tape.gradient(y, [x, layer.gamma, layer.beta], output_gradients=dy)])
        found[-1] += [layer.moving_mean, layer.moving_variance, layer(x, training=False)]
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-5)


def test_pooling_gives_ties_to_the_same_place():
    rng = np.random.default_rng(5)
    x = tf.constant(rng.integers(0, 3, (2, 6, 8, 16)), tf.float32)
    dy = tf.constant(rng.normal(size=(2, 3, 4, 16)), tf.float32)
    found = []
    for kind in (training_ops.FastMaxPool2D, tf.keras.layers.MaxPool2D):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = kind(2, 2, padding="same")(x)
        found.append([y, tape.gradient(y, x, output_gradients=dy)])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("kind", [training_ops.FastStem, training_ops.FastIntegerStem])
def test_stem(kind):
    rng = np.random.default_rng(8)
    plain = kind.__base__(64, 7, strides=2, padding="same", use_bias=False)
    x = tf.constant(rng.integers(0, 256, (2, 20, 12, 3)) / 255, tf.float32)
    plain.build(x.shape)
    fast = kind.from_config(plain.get_config())
    fast.build(x.shape)
    fast.set_weights(plain.get_weights())
    dy, found = tf.constant(rng.normal(size=(2, 10, 6, 64)), tf.float32), []
    for layer in (fast, plain):
        with tf.GradientTape() as tape:
            y = layer(x)
        found.append([y, tape.gradient(y, layer.kernel, output_gradients=dy)])
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-3, atol=1e-4)


def small_recipe(**values):
    plan = pose.recipe
    spec = dataclasses.replace(plan.spec, input_size=64, channels=128)
    return override(plan, {"spec": spec, "batch_size": 2, "schedule": ((1.0, 1.5e-3),), **values})


def batch_of(recipe):
    rng = np.random.default_rng(6)
    size = recipe.spec.input_size
    points = np.concatenate([rng.uniform(0, size, (2, 16, 2)), np.ones((2, 16, 1))], -1)
    return tf.constant(rng.random((2, size, size, 3)), tf.float32), tf.constant(points, tf.float32)


def test_the_whole_network_learns_the_same():
    """Every layer is replaced, gradients and an Adam step agree: with trained weights, for a fresh network sums to
    exactly zero everywhere, and there the last bit of a mean decides a sign. The smallest has the fewest signs."""
    recipe = override(pose_small.recipe, {"schedule": ((1.0, 1.5e-3),)})
    images, points = batch_of(recipe)
    found = []
    for fast in (True, False):
        model = build_for_training(recipe, fast=fast)
        # A fused normalisation's last bits are another number of threads' (findings/batch_norm_threads.sh).
        for layer in model.layers:
            if isinstance(layer, tf.keras.layers.BatchNormalization):
                layer.fused = False
        start_from(model, ROOT / "zoo" / "weights" / "pose_small.npz")
        with tf.GradientTape() as tape:
            loss = model.loss(points, model(images, training=True))
        gradient = tape.gradient(loss, model.trainable_variables)
        model.optimizer.apply_gradients(zip(gradient, model.trainable_variables, strict=True))
        found.append(
            (model, float(loss), np.concatenate([np.ravel(g) for g in gradient]), model.get_weights())
        )
    (fast, loss, ours, weights), (plain, wanted_loss, theirs, wanted_weights) = found
    kinds = {type(layer) for layer in fast.layers}
    stems = {training_ops.FastStem, training_ops.FastIntegerStem}
    assert set(training_ops.FAST) - kinds < stems and BinaryConv2D not in kinds
    assert [v.name for v in fast.variables] == [v.name for v in plain.variables]
    assert loss == pytest.approx(wanted_loss, rel=1e-3)
    assert relative(ours, theirs) < 0.05
    assert np.median([relative(a, b) for a, b in zip(weights, wanted_weights, strict=True)]) < 1e-3


@pytest.mark.slow
def test_a_step_repeats_to_the_bit():
    recipe = small_recipe()
    images, points = batch_of(recipe)
    found = []
    for _ in range(2):
        tf.keras.utils.set_random_seed(0)
        model = build_for_training(recipe, fast=True)
        for _ in range(2):
            model.train_on_batch(images, points)
        found.append(model.get_weights())
    for first, second in zip(*found, strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_real_network_is_accelerated_where_it_can_be():
    model = training_ops.accelerate(
        build(Spec("pose", input_size=64, channels=128, options={"binary": False}))
    )
    kinds = {type(layer) for layer in model.layers}
    assert training_ops.FastBatchNormalization in kinds and tf.keras.layers.Conv2D in kinds


@pytest.mark.parametrize(
    ("options", "convolution"),
    [
        ({}, training_ops.FastBinaryConv2D),
        ({"activation": "prelu"}, training_ops.FastBinaryConv2D),
        ({"activation": "none", "scale": "none"}, training_ops.FastBinaryConv2D),
        ({"weights": "real"}, lq.layers.QuantConv2D),
        ({"weights": "real", "activation": "prelu"}, lq.layers.QuantConv2D),
    ],
    ids=str,
)
def test_switches_leave_what_is_computed(options, convolution):
    """A block of each kind is the same on our operations: those they do not know keep TensorFlow's layers."""
    x = tf.keras.Input((8, 8, 64))
    model = tf.keras.Model(x, BLOCKS["hierarchical_shortcuts"](x, 128, Options(**options), name="block"))
    model.spec = None
    fast = training_ops.accelerate(randomise(model))
    names = ("block_conv1", "block_conv2", "block_conv3", "block_shortcut")
    assert {type(fast.get_layer(name)) for name in names} == {convolution}
    assert [v.name for v in fast.variables] == [v.name for v in model.variables]
    images = np.random.default_rng(7).normal(size=(2, 8, 8, 64)).astype(np.float32)
    np.testing.assert_array_equal(fast(images), model(images))


def test_asking_for_kernels_that_do_not_fit_is_refused():
    with pytest.raises(ValueError, match="CPU kernels can't be used: they compute in float32"):
        chooses_cpu_kernels("cpu", small_recipe(precision="bfloat16"))
    with pytest.raises(ValueError, match="kernels must be one of"):
        chooses_cpu_kernels("gpu", small_recipe())
    assert chooses_cpu_kernels("cpu", small_recipe())
    assert not chooses_cpu_kernels("auto", small_recipe(jit_compile=True))
    assert not chooses_cpu_kernels("tensorflow", small_recipe())
