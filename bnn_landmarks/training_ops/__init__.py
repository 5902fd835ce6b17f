"""TensorFlow operations that make training on an x86-64 CPU two to three times as fast, with AVX-512 more.

TensorFlow multiplies and adds floats where a binary convolution has an operand that is +1 or -1; `csrc/lookup` looks
sums up instead, `csrc/tiles` multiplies with AMX where the processor has it. The forward pass is the same to the bit.
The gradients round their input, to 16 bits or with AMX to a bfloat16: a relative error of some 0.0003 or 0.0016.

    if problem() is None:
        model = accelerate(model)       # the same network, variables and names; other operations

The library is compiled at first use, against the installed TensorFlow, into the user's cache.
"""

import contextlib
import ctypes
import dataclasses
import functools
import hashlib
import os
import pathlib
import platform
import re
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import tensorflow as tf

from bnn_landmarks.files import cache_directory
from bnn_landmarks.network.layers import BinaryConv2D, IntegerConv2D, Norm
from bnn_landmarks.runtime.build import BuildError, compiler, run

SOURCES = pathlib.Path(__file__).with_name("csrc")
# -Wno-maybe-uninitialized: GCC 12 says it of its own AVX-512 intrinsics.
WARNINGS = ["-Wall", "-Wextra", "-Wno-maybe-uninitialized"]
FLAGS = ["-O3", "-fno-math-errno", "-fPIC", *WARNINGS]
INCLUDE = f"-I{SOURCES}"
# Files that are compiled at once: each takes 0.7 GB.
AT_ONCE = 4


@dataclasses.dataclass(frozen=True)
class Kernels:
    """One form of the binary convolutions: where its sources are, and the processor's features it is compiled for, as
    Linux and, after -m, the compiler call them."""

    folder: str
    features: tuple

    @property
    def flags(self):
        return [f"-m{feature.replace('avx512_', 'avx512').replace('_', '-')}" for feature in self.features]

    def sources(self):
        return sorted(SOURCES.glob("*.cc")) + sorted((SOURCES / self.folder).glob("*.cc"))


NEEDED = ("avx2", "fma", "bmi2")
# The fastest first.
KERNELS = {
    "amx": Kernels(
        "tiles",
        (*NEEDED, "avx512f", "avx512bw", "avx512vl", "avx512_bf16", "amx_tile", "amx_int8", "amx_bf16"),
    ),
    "avx512": Kernels("lookup", (*NEEDED, "avx512f", "avx512bw", "avx512vbmi")),
    "avx2": Kernels("lookup", NEEDED),
}


def problem():
    """Why these operations can't be used here, in a few words, or None where they can."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"they are written for Linux on x86-64, not {sys.platform} on {platform.machine()}"
    missing = sorted(set(NEEDED).difference(processor()))
    if missing:
        return "the processor lacks " + ", ".join(missing)
    if tf.config.list_physical_devices("GPU"):
        return "TensorFlow trains on the GPU"
    try:
        library()
    except BuildError as error:
        return str(error)
    return None


def processor():
    """What Linux says that the processor can do, and allows this process."""
    with open("/proc/cpuinfo") as file:
        features = next((line.split(":")[1].split() for line in file if line.startswith("flags")), [])
    return [feature for feature in features if not feature.startswith("amx") or _tiles_allowed()]


@functools.cache
def _tiles_allowed():
    """Whether Linux lets this process use AMX's tiles, which it has to be asked for (5.16 and later)."""
    arch_prctl, request_permission, tile_data = 158, 0x1023, 18  # asm/unistd_64.h, asm/prctl.h, fpu/types.h
    return ctypes.CDLL(None).syscall(arch_prctl, request_permission, tile_data) == 0


def candidates():
    """The `Kernels` that this processor can run, the fastest first."""
    here = set(processor())
    return [each for each in KERNELS.values() if here.issuperset(each.features)]


@functools.cache
def library():
    """The loaded operations; compiled, a minute, where that was not done before.

    Raises:
        runtime.build.BuildError: there is no compiler, or it failed.
    """
    *faster, last = candidates()
    for kernels in faster:
        with contextlib.suppress(BuildError):  # a compiler that does not know this processor
            return tf.load_op_library(str(compiled(kernels)))
    return tf.load_op_library(str(compiled(last)))


def compiled(kernels):
    """The path of a library of these `Kernels`, made by one process where several want it; raises as `library`."""
    compile_ = [*compiler(), *FLAGS, *kernels.flags, *tensorflow_flags()]
    made_of = [tf.version.GIT_VERSION, *compile_]
    made_of += [path.read_text(encoding="utf-8") for path in sorted(SOURCES.rglob("*.[ch]*"))]
    name = hashlib.sha256("\0".join(made_of).encode()).hexdigest()[:16]
    cache = cache_directory()
    target = cache / f"training_ops-{name}.so"
    if target.is_file():
        return target
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _alone(cache / "training_ops.lock"):
            if not target.is_file():
                print("compiling the CPU kernels of training, once, about a minute ...", file=sys.stderr)
                _build([*compile_, INCLUDE], kernels.sources(), target)
    except OSError as error:
        raise BuildError(f"can't write to {cache}: {error}") from error
    return target


@contextlib.contextmanager
def _alone(path):
    """Waits until no other process is in this block, where the file system has locks; without them the work is done
    twice."""
    import fcntl  # not on Windows, where these operations are not

    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            fcntl.flock(stack.enter_context(open(path, "w")), fcntl.LOCK_EX)
        yield


def _build(compile_, sources, target):
    at_once = min(len(os.sched_getaffinity(0)), AT_ONCE)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch, ThreadPoolExecutor(at_once) as pool:
        objects = [f"{scratch}/{number}.o" for number in range(len(sources))]
        made = f"{scratch}/{target.name}"
        commands = [
            [*compile_, "-c", str(source), "-o", to] for source, to in zip(sources, objects, strict=True)
        ]
        list(pool.map(run, commands))
        run([*compile_, "-shared", *objects, "-o", made, *tf.sysconfig.get_link_flags()])
        pathlib.Path(made).replace(target)


def tensorflow_flags():
    """Those that TensorFlow's headers need; warnings about themselves are not ours."""
    return [re.sub("^-I", "-isystem", flag) for flag in tf.sysconfig.get_compile_flags()]


def accelerate(model):
    """A float32 network, made by `network.build`, on these operations: its weights, names and `spec`, other layers."""
    _keep_memory()
    fast = tf.keras.models.clone_model(model, clone_function=_fast)
    fast.set_weights(model.get_weights())
    fast.spec = model.spec
    return fast


def _fast(layer):
    for kind, fits in FAST.items():
        if fits(layer):
            return kind.from_config(layer.get_config())
    return layer.__class__.from_config(layer.get_config())


class FastBinaryConv2D(BinaryConv2D):
    def call(self, x):
        factor = self.multiplier()
        if factor is None:
            factor = tf.ones(self.filters)

        @tf.custom_gradient
        def conv(x, kernel, factor):
            y = library().bnn_binary_conv(x, kernel, factor, relu=self.relu)
            return y, lambda dy: tuple(
                library().bnn_binary_conv_grad(x, kernel, factor, y, dy, relu=self.relu)
            )

        return conv(x, tf.convert_to_tensor(self.kernel), factor)


class FastBatchNormalization(Norm):
    def call(self, x, training=None):
        if not training:
            return super().call(x, training=training)

        @tf.custom_gradient
        def norm(x, gamma, beta):
            y, mean, variance = library().bnn_batch_norm(x, gamma, beta, epsilon=self.epsilon)
            return (y, mean, variance), lambda dy, _mean, _variance: tuple(
                library().bnn_batch_norm_grad(x, gamma, mean, variance, dy, epsilon=self.epsilon)
            )

        y, mean, variance = norm(x, tf.convert_to_tensor(self.gamma), tf.convert_to_tensor(self.beta))
        count = tf.cast(tf.size(x) // x.shape[-1], tf.float32)
        unbiased = variance * count / tf.maximum(count - 1, 1)
        for kept, new in ((self.moving_mean, mean), (self.moving_variance, unbiased)):
            kept.assign_sub((kept - new) * (1 - self.momentum))
        return y


class FastMaxPool2D(tf.keras.layers.MaxPool2D):
    def call(self, x):
        @tf.custom_gradient
        def pool(x):
            y = tf.nn.max_pool2d(x, 2, 2, "VALID")
            return y, lambda dy: library().bnn_max_pool_grad(x, y, dy)

        return pool(x)


def _stem(x, kernel):
    """The 7x7 convolution of the image, whose own gradient nothing asks for."""

    @tf.custom_gradient
    def conv(x, kernel):
        def gradient(dy):
            padded = tf.pad(x, [[0, 0], [2, 3], [2, 3], [0, 0]])
            return tf.zeros_like(x), library().bnn_stem_grad(padded, dy)

        return tf.nn.conv2d(x, kernel, 2, "SAME"), gradient

    return conv(x, kernel)


class FastStem(tf.keras.layers.Conv2D):
    def call(self, x):
        return _stem(x, tf.convert_to_tensor(self.kernel))


class FastIntegerStem(IntegerConv2D):
    def sums(self, pixels, numbers):
        return _stem(pixels, numbers)


class FastAdam(tf.keras.optimizers.Adam):
    """Keras's Adam, its variables and numbers, each variable's step in one operation."""

    def update_step(self, gradient, variable):
        slot = self._index_dict[self._var_key(variable)]
        step = tf.cast(self.iterations + 1, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[slot].handle,
            v=self._velocities[slot].handle,
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=tf.cast(self.learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


def _is_binary(layer):
    return (
        isinstance(layer, BinaryConv2D)
        and layer.kernel.shape[2] % 32 == 0
        and layer.filters % 32 == 0
        and layer.kernel_size in ((1, 1), (3, 3))
    )


def _is_norm(layer):
    return isinstance(layer, tf.keras.layers.BatchNormalization) and layer.gamma.shape[0] % 8 == 0


def _is_halving(layer):
    return (
        isinstance(layer, tf.keras.layers.MaxPool2D)
        and layer.pool_size == layer.strides == (2, 2)
        and layer.output.shape[-1] % 8 == 0
    )


def _is_stem(layer):
    return type(layer) is tf.keras.layers.Conv2D and _has_stem_kernel(layer)


def _is_integer_stem(layer):
    return isinstance(layer, IntegerConv2D) and _has_stem_kernel(layer)


def _has_stem_kernel(layer):
    return layer.kernel.shape == (7, 7, 3, 64) and layer.strides == (2, 2) and not layer.use_bias


FAST = {
    FastBinaryConv2D: _is_binary,
    FastBatchNormalization: _is_norm,
    FastMaxPool2D: _is_halving,
    FastStem: _is_stem,
    FastIntegerStem: _is_integer_stem,
}


@functools.cache
def _keep_memory():
    """Let glibc keep the memory of tensors for the next step, instead of a page fault for each of their pages."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        trim_threshold, mmap_threshold = -1, -3  # malloc.h
        libc.mallopt(mmap_threshold, 32 << 20)
        libc.mallopt(trim_threshold, 2**31 - 1)
