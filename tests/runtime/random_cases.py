"""Random graphs of LCE ops in every form that the runtime takes, each with an input: the same for the comparison with
LCE's interpreter on x86 and for the emulated ARM."""

import dataclasses
import itertools

import numpy as np
from lce_files import BOOL, FLOAT, NONE, RELU, RELU6, RELU_N1_TO_1, SAME, UINT8, VALID, LceFile
from tensorflow.lite.python import schema_py_generated as schema


@dataclasses.dataclass
class Case:
    name: str
    file: LceFile
    outputs: list
    inputs: list

    def content(self):
        return self.file.content(self.outputs)


def _signs(rng, *shape):
    return np.where(rng.random(shape) < 0.5, -1.0, 1.0).astype(np.float32)


def _floats(rng, shape):
    """Values around zero, with the awkward ones among them: zeros of both signs, tiny, huge, infinite, NaN."""
    values = rng.normal(size=shape).astype(np.float32)
    odd = np.array([0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, 2e-38, -2e-38, 3e38], np.float32)
    return np.where(rng.random(shape) < 0.05, rng.choice(odd, size=shape), values)


def _scales(rng, channels):
    """Multipliers of both signs."""
    return (rng.uniform(0.01, 2.0, channels) * _signs(rng, channels)).astype(np.float32)


def conv_case(seed, output="float"):
    """One convolution: channels that fill no word, 1x1 to 7x7, strides, dilations, every padding and activation."""
    rng = np.random.default_rng(seed)
    channels = int(rng.choice([1, 3, 31, 32, 33, 40, 64, 96, 128, 130, 256]))
    filters = int(rng.choice([1, 7, 8, 16, 31, 32, 33, 48, 64, 96, 100, 128, 130, 200]))
    kernel = tuple(int(n) for n in rng.integers(1, 8, 2)) if rng.random() < 0.5 else (3, 3)
    if rng.random() < 0.2:
        kernel = (1, 1)
    strides = tuple(int(n) for n in rng.integers(1, 4, 2)) if rng.random() < 0.4 else (1, 1)
    dilations = (
        tuple(int(n) for n in rng.integers(1, 4, 2)) if rng.random() < 0.3 and strides == (1, 1) else (1, 1)
    )
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    height, width = (int(r + rng.integers(1, 9)) for r in reach)
    zero_padded = output == "float" and rng.random() < 0.25
    padding = SAME if zero_padded else int(rng.choice([SAME, VALID]))
    activation = NONE if zero_padded else int(rng.choice([NONE, RELU, RELU_N1_TO_1, RELU6]))
    file = LceFile()
    x = file.input((int(rng.integers(1, 4)), height, width, channels))
    depth = kernel[0] * kernel[1] * channels
    options = {"strides": strides, "dilations": dilations, "padding": padding, "activation": activation}
    options["pad_values"] = 0 if zero_padded else 1
    if output == "bits":
        options["threshold"] = rng.integers(-2, depth + 2, filters).astype(np.int32)
    else:
        options["multiplier"] = _scales(rng, filters)
        options["bias"] = rng.normal(size=filters).astype(np.float32)
    y = file.conv(file.quantize(x), _signs(rng, filters, *kernel, channels), **options)
    if output == "bits":
        y = file.dequantize(y, filters)
    return Case(f"conv-{output}-{seed}", file, [y], [_floats(rng, file.shape(x))])


def bits_case(seed):
    """Quantize, a chain of bitpacked pools, dequantize."""
    rng = np.random.default_rng(seed)
    file = LceFile()
    channels = int(rng.choice([1, 31, 32, 33, 64, 100, 256]))
    x = file.input((int(rng.integers(1, 3)), int(rng.integers(4, 12)), int(rng.integers(4, 12)), channels))
    bits = file.quantize(x)
    outputs = [file.dequantize(bits, channels)]
    size = tuple(int(n) for n in rng.integers(1, 4, 2))
    strides = tuple(int(n) for n in rng.integers(1, 3, 2))
    outputs.append(
        file.dequantize(file.bit_pool(bits, size, strides, int(rng.choice([SAME, VALID]))), channels)
    )
    return Case(f"bits-{seed}", file, outputs, [_floats(rng, file.shape(x))])


def block_case(seed):
    """A residual block with everything that is fused: batch norms, a concatenation, a sum, pooling, upsampling."""
    rng = np.random.default_rng(seed)
    file = LceFile()
    channels = int(rng.choice([32, 64, 96, 128]))
    size = int(rng.choice([4, 6, 8]))
    x = file.input((int(rng.integers(1, 3)), size, size, channels))

    def norm(y):
        depth = file.shape(y)[3]
        scale = _scales(rng, depth)
        scale[rng.random(depth) < 0.05] = 0
        return file.quantize(file.batch_norm(y, scale, rng.normal(size=depth).astype(np.float32)))

    def unit(bits, depth, filters, kernel=3, relu=True):
        return file.conv(
            bits,
            _signs(rng, filters, kernel, kernel, depth),
            _scales(rng, filters) / (kernel * kernel * depth) ** 0.5,
            rng.normal(size=filters).astype(np.float32) * np.float32(rng.integers(2)),
            activation=RELU if relu else NONE,
        )

    def block(y, filters):
        depth = file.shape(y)[3]
        sizes = [filters // 2, filters // 4, filters // 4]
        normed = norm(y)
        parts = [unit(normed, depth, sizes[0])]
        for before, after in itertools.pairwise(sizes):
            parts.append(unit(norm(parts[-1]), before, after))
        joined = file.concat(parts)
        if depth == filters:
            return file.add(*((y, joined) if rng.random() < 0.5 else (joined, y)))
        return file.add(unit(normed, depth, filters, kernel=1, relu=False), joined)

    y = block(x, channels if rng.random() < 0.5 else int(rng.choice([32, 64, 128])))
    if size == 8 and rng.random() < 0.7:  # a sum that nothing reads but the pool
        y = file.max_pool(block(y, int(rng.choice([32, 64, 128]))), 2, 2)
    small = block(file.max_pool(y, 2, 2), file.shape(y)[3])
    if rng.random() < 0.5:  # a sum that is made when the small map is there
        y = block(y, file.shape(y)[3])
    y = file.add(y, file.upsample(small))
    if rng.random() < 0.5:
        y = block(y, file.shape(y)[3])
    last = unit(norm(y), file.shape(y)[3], int(rng.choice([8, 40, 64])), kernel=1, relu=False)
    outputs = [last, y] if rng.random() < 0.3 else [last]
    return Case(f"block-{seed}", file, outputs, [rng.normal(size=file.shape(x)).astype(np.float32)])


def float_case(seed):
    """Convolutions and other ops of floats alone, as they lie around LCE's: for the engine."""
    rng = np.random.default_rng(seed)
    file = LceFile()
    channels = int(rng.choice([1, 3, 4, 16, 33, 64]))
    x = y = file.input((int(rng.integers(1, 3)), *(int(n) for n in rng.integers(7, 14, 2)), channels))
    if rng.random() < 0.5:
        y = file.map("ROUND", file.map("MUL", y, np.float32(255), options=schema.MulOptionsT()))
    for _ in range(int(rng.integers(1, 4))):
        filters = int(rng.choice([1, 5, 16, 17, 40, 64, 100]))
        kernel = tuple(int(n) for n in rng.choice([1, 2, 3, 5, 7], 2))
        strides = tuple(int(n) for n in rng.integers(1, 3, 2))
        dilations = (2, 1) if strides == (1, 1) and rng.random() < 0.3 else (1, 1)
        depth = file.shape(y)[3]
        y = file.float_conv(
            y,
            rng.normal(size=(filters, *kernel, depth)).astype(np.float32),
            rng.normal(size=filters).astype(np.float32),
            strides,
            dilations,
            activation=int(rng.choice([NONE, RELU, RELU6, RELU_N1_TO_1])),
        )
        kind, depth = int(rng.integers(8)), filters
        values = rng.normal(size=depth).astype(np.float32)
        if kind == 0:
            y = file.map("PRELU", y, values.reshape(1, 1, depth))
        elif kind == 1:
            y = file.average_pool(y, 2, 2)
        elif kind == 2:
            above = file.map("GREATER_EQUAL", y, np.float32(0.1), kind=BOOL)
            y = file.map("SELECT_V2", above, np.float32(1), np.float32(-1))
            file.tensors[y] = (*file.tensors[y][:2], FLOAT, None)
        elif kind == 3:
            y = file.pad(y, [int(n) for n in rng.integers(0, 3, 4)], rng.choice([None, 1.0]))
        elif kind == 4 and depth > 4:
            y = file.add(file.channels(y, 1, depth - 2), file.channels(y, 2, depth - 2))
        elif kind == 5:
            y = file.map("MAXIMUM", file.map("SUB", y, values, options=schema.SubOptionsT()), y)
        elif kind == 6:
            options = schema.AddOptionsT()
            options.fusedActivationFunction = RELU
            y = file.node("ADD", [y, y], file.shape(y), FLOAT, options)
        else:
            y = file.map("RELU6", y)
    return Case(f"float-{seed}", file, [y], [rng.random(file.shape(x)).astype(np.float32)])


def pixel_case(seed, bytes_in=False):
    """An integer stem: pixels as whole numbers, a convolution by whole numbers with halves for a bias, signs."""
    rng = np.random.default_rng(seed)
    file = LceFile()
    channels = int(rng.choice([1, 3, 4, 5]))
    shape = (int(rng.integers(1, 3)), *(int(n) for n in rng.integers(8, 20, 2)), channels)
    x = file.input(shape, UINT8 if bytes_in else FLOAT)
    if bytes_in:
        y = file.map("CAST", x)
        file.tensors[y] = (*file.tensors[y][:2], FLOAT, None)
        values = rng.integers(0, 256, shape).astype(np.uint8)
    else:
        y = file.map("ROUND", file.map("MUL", x, np.float32(255), options=schema.MulOptionsT()))
        values = (rng.integers(0, 256, shape) / np.float32(255)).astype(np.float32)
    filters = int(rng.choice([1, 16, 31, 32, 33, 64, 70, 130, 200]))
    kernel = tuple(int(n) for n in rng.choice([1, 3, 5, 7], 2))
    strides = (2, 2) if min(kernel) > 1 and rng.random() < 0.5 else (1, 1)
    whole = rng.integers(-127, 128, (filters, *kernel, channels)).astype(np.float32)
    spread = 4 * np.abs(whole).sum(axis=(1, 2, 3)).max()
    bias = np.rint(rng.normal(0, spread, filters)).astype(np.float32) + np.float32(0.5)
    bias[rng.random(filters) < 0.1] = -(2.0**23)
    y = file.float_conv(y, whole, bias, strides, padding=int(rng.choice([SAME, VALID])))
    y = file.dequantize(file.quantize(y), filters)
    return Case(f"pixels-{seed}", file, [y], [values])


def all_cases(count, seed=0):
    """`count` cases, a quarter of each kind."""
    makers = [conv_case, lambda s: conv_case(s, "bits"), bits_case, block_case]
    return [makers[i % 4](seed + i) for i in range(count)]
