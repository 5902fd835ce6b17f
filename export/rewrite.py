"""Exact inference rewrites of a network before conversion.

    lean = inference_model(model, batch=1, dtype="float32")       # for LCE
    plain = float_model(model, batch=1, dtype="float32")          # the same signs as float32, for plain TFLite

**Batch normalisation before a sign** is a comparison with one number a channel. As computed in float32, BN is
monotone: there is a least float t with BN(t) >= 0. So sign(BN(x)) = sign(x + a) with a = -t, or sign(-x + a) where
gamma is negative, and float32 subtraction never gets the sign of a difference wrong: the rewrite is exact, which
x * (gamma / sigma) + (beta - mean * gamma / sigma), the converter's own form, is not. It also saves the
multiplication wherever no gamma of the layer is negative. t is found by bisection of the layer itself over all floats.

A norm that reads a binary convolution sees only whole multiples of its scale. There t is put midway between two of
them, where no rounding matters: the converter may fold the addition into the convolution's bias.

**The integer stem** (`layers.IntegerConv2D`) leaves whole numbers, and what lies between them and a sign (factor, BN,
ReLU, max-pooling, BN) rises or falls with them: it becomes one comparison with a number midway between two whole
ones, and the file's first convolution has the whole numbers for a kernel and minus that number for a bias. Every sum
and its every part is then exact in float32. Where the stem's output is read as real values too (`Options.shortcut`,
`Options.pooling`), the same convolution is followed by the layers themselves, unfused because it has two readers.

A threshold's offset is never 0 (the smallest normal float stands in): the converter would drop an addition of zeros,
and a -0.0 that reaches LceQuantize on ARM becomes -1, not +1.

The last of a stacked network's outputs is the one exported.
"""

import contextlib
import dataclasses
import pathlib
import tempfile

import larq as lq
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from bnn_landmarks.network.layers import BinaryConv2D, IntegerConv2D, Norm

INPUT_DTYPES = ("float32", "uint8")
_MAX = np.finfo(np.float32).max
_TINY = np.finfo(np.float32).tiny
_CUTS = 128
_FAR = 2**23  # no sum of the integer stem reaches it; halves below it are float32 numbers


class Threshold(tf.keras.layers.Layer):
    """direction * x + offset per channel, [N, H, W, C] -> same shape: nonnegative where the BN it replaces is.

    Args:
        direction: float32 [C] of +1 and -1. offset: float32 [C].
    """

    def __init__(self, direction, offset, **kwargs):
        super().__init__(**kwargs)
        self.direction, self.offset = direction, offset

    def call(self, inputs):
        if (self.direction < 0).any():
            inputs = inputs * self.direction
        return inputs + self.offset


class FloatSignConv2D(tf.keras.layers.Layer):
    """What a `BinaryConv2D` computes, in plain float operations: sign, padding with 1, convolution by +-1, ReLU,
    scale."""

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        self.signs = np.where(layer.kernel.numpy() >= 0, 1, -1).astype(np.float32)
        self.relu, factor = layer.relu, layer.multiplier()
        self.factor = None if factor is None else factor.numpy()

    def call(self, inputs):
        x = tf.where(inputs >= 0, 1.0, -1.0)
        border = self.signs.shape[0] // 2
        if border:
            x = tf.pad(x, [[0, 0], [border, border], [border, border], [0, 0]], constant_values=1.0)
        y = tf.nn.conv2d(x, self.signs, 1, "VALID")
        if self.relu:
            y = tf.nn.relu(y)
        return y if self.factor is None else y * self.factor


class Affine(tf.keras.layers.Layer):
    """The inference of a `layers.Norm`, its two numbers a channel as constants."""

    def __init__(self, norm, **kwargs):
        super().__init__(**kwargs)
        self.turn, self.slope = (number.numpy() for number in norm.affine())

    def call(self, inputs):
        return (inputs - self.turn) * self.slope


class Pixels(tf.keras.layers.Layer):
    """uint8 pixels, or float32 in [0, 1] -> float32, the whole numbers from 0 to 255 that `IntegerConv2D` sums."""

    def call(self, inputs):
        return tf.cast(inputs, tf.float32) if inputs.dtype == tf.uint8 else tf.round(inputs * 255.0)


class Sums(tf.keras.layers.Layer):
    """The sums of an `IntegerConv2D` times `direction`, float32 [C] of +1 and -1: whole numbers."""

    def __init__(self, layer, direction, **kwargs):
        super().__init__(**kwargs)
        self.kernel, self.strides = layer.whole()[0].numpy() * direction, layer.strides

    def call(self, inputs):
        return tf.nn.conv2d(inputs, self.kernel, self.strides, "SAME")


class Factor(tf.keras.layers.Layer):
    """factor * x, one per channel."""

    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor


@dataclasses.dataclass(frozen=True)
class _Rising:
    """What a tensor of whole numbers stands for: layers that are functions of it that nowhere fall, one after another.

    made: the Keras layers to apply, in the rewritten network. of: a function of NumPy's [n, 1, 1, C], the original's.
    """

    tensor: object
    made: tuple
    of: object

    def then(self, layer, made):
        return _Rising(self.tensor, (*self.made, made), lambda x: layer(self.of(x), training=False))

    def pooled(self, pool):
        return dataclasses.replace(self, tensor=pool(self.tensor))

    def apply(self):
        x = self.tensor
        for layer in self.made:
            x = layer(x)
        return x


def threshold(norm, source=None, sums=None):
    """The `Threshold` of a BatchNormalization layer.

    It is exact for every float32 input; for every output of `source` where that is the `BinaryConv2D` it reads; for
    whole numbers of which `sums` makes the layer's input, where that is given.
    """
    direction = np.where(norm.gamma.numpy() < 0, -1, 1).astype(np.float32)
    if sums is not None:
        turn = _turn(lambda x: norm(sums(x), training=False), direction, 1 - _FAR, _FAR, np.float32)
        offset = 0.5 - turn
    else:
        low, high = (int(_ordered(np.float32(value))) for value in (-_MAX, _MAX))
        turn = _turn(lambda x: norm(x, training=False), direction, low, high, _float)
        offset = -(_midway(turn, source) if isinstance(source, BinaryConv2D) else turn)
    offset = np.where(offset == 0, _TINY, offset).astype(np.float32)
    return Threshold(direction, offset, name=f"{norm.name}_threshold")


def _turn(function, direction, low, high, number):
    """The least x of each channel where function(direction * x) is not negative, float32 [C], by bisection.

    Args:
        function: [n, 1, 1, C] -> the same, each channel rising or falling as its direction, +1 or -1, says.
        low, high: where to search, integers whose `number` is x. Where all of the range is of one sign, the result is
            at its end.
    """
    channels, cuts = np.arange(len(direction)), np.arange(1, _CUTS)[:, None]
    low, high = np.full(len(direction), low), np.full(len(direction), high)
    while (high - low > 1).any():
        middle = low + (high - low) * cuts // _CUTS
        bounds = np.concatenate([low[None], middle, high[None]])
        x = direction * number(middle)
        first = (function(x[:, None, None, :]).numpy()[:, 0, 0] < 0).sum(axis=0)
        low, high = bounds[first, channels], bounds[first + 1, channels]
    return number(high)


def _midway(turn, conv):
    """The midpoint between the multiples of a convolution's scale that lie around `turn`, float32 [C]; at most half a
    step beyond its sums."""
    factor, terms = conv.multiplier(), np.prod(conv.kernel.shape[:3])
    step = np.ones_like(turn, np.float64) if factor is None else np.abs(factor.numpy().astype(np.float64))
    with np.errstate(divide="ignore", invalid="ignore"):
        above = np.clip(np.ceil(turn / step), -terms, terms + 1)
    return np.where(step > 0, step * (above - 0.5), turn)


def _ordered(x):
    """float32 -> int64 in the same order, neighbours one apart."""
    bits = x.view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)


def _float(ordered):
    bits = np.where(ordered < 0, -ordered | 0x80000000, ordered)
    return bits.astype(np.uint32).view(np.float32)


class ToInput(tf.keras.layers.Layer):
    """uint8 pixels -> float32 in [0, 1], as `crops.to_input`."""

    def call(self, inputs):
        return tf.cast(inputs, tf.float32) / 255.0


def inference_model(model, batch=1, dtype="float32"):
    """The network LCE's converter is given: fixed batch, thresholds for BN before signs, last output only.

    Args:
        model: as `network.build` makes it. batch: images per call. dtype: "float32" in [0, 1], or "uint8".

    Returns:
        tf.keras.Model, [batch, S, S, 3] -> float32 logits [batch, S/4, S/4, K], with `model.spec`.
    """
    return _rebuild(model, batch, dtype, _with_fixed_scale)


def float_model(model, batch=1, dtype="float32"):
    """As `inference_model`, with every binary convolution in plain float32 operations."""
    return _rebuild(model, batch, dtype, lambda layer: FloatSignConv2D(layer, name=layer.name))


def parents(layer):
    """The layers a layer reads."""
    return tf.nest.flatten(layer.inbound_nodes[0].inbound_layers)


def _rebuild(model, batch, dtype, binary):
    if dtype not in INPUT_DTYPES:
        raise ValueError(f"input must be {' or '.join(INPUT_DTYPES)}, not {dtype!r}")
    if batch < 1:
        raise ValueError(f"batch must be at least 1, not {batch}")
    size = model.spec.input_size
    images = tf.keras.Input(batch_shape=(batch, size, size, 3), dtype=dtype, name="image")
    tensors = {model.layers[0].name: images if dtype == "float32" else ToInput(name="to_input")(images)}
    signed, rising = {}, {}

    def tensor(name):
        if name not in tensors:
            tensors[name] = rising[name].apply()
        return tensors[name]

    for layer in model.layers[1:]:
        sources = parents(layer)
        before = rising.get(sources[0].name)
        if isinstance(layer, IntegerConv2D):
            rising[layer.name] = _whole(layer, Pixels(name="pixels")(images))
        elif _reads_signs(layer):
            (source,) = sources
            made = (binary if isinstance(layer, BinaryConv2D) else _copy)(layer)
            tensors[layer.name] = made(signed[source.name] if source.name in signed else tensor(source.name))
        elif isinstance(layer, tf.keras.layers.BatchNormalization):
            consumers = _consumers(layer)
            real = [consumer for consumer in consumers if not _reads_signs(consumer)]
            if len(real) < len(consumers):
                made = threshold(layer, sources[0], before.of if before else None)
                signed[layer.name] = made(before.tensor if before else tensor(sources[0].name))
            if real and isinstance(sources[0], IntegerConv2D):
                rising[layer.name] = before.then(layer, _copy(layer))
            elif real:
                tensors[layer.name] = _copy(layer)(tensor(sources[0].name))
        elif before and isinstance(layer, tf.keras.layers.ReLU):
            rising[layer.name] = before.then(layer, _copy(layer))
        elif before and isinstance(layer, tf.keras.layers.MaxPool2D):
            rising[layer.name] = before.pooled(_copy(layer))
        else:
            inputs = [tensor(source.name) for source in sources]
            tensors[layer.name] = _copy(layer)(inputs[0] if len(inputs) == 1 else inputs)
    lean = tf.keras.Model(images, tensors[model.output_names[-1]], name=model.name)
    for layer in lean.layers:
        if layer.weights and not isinstance(layer, BinaryConv2D):
            layer.set_weights(model.get_layer(layer.name).get_weights())
    lean.spec = model.spec
    return lean


def _whole(layer, pixels):
    """An `IntegerConv2D` as `_Rising`: its sums have the sign with which the normalisation that reads them rises."""
    (norm,) = _consumers(layer)
    direction = np.where(norm.gamma.numpy() < 0, -1, 1).astype(np.float32)
    factor = direction * layer.multiplier().numpy()
    made = Factor(factor, name=f"{layer.name}_factor")
    return _Rising(Sums(layer, direction, name=layer.name)(pixels), (made,), lambda x: x * factor)


def _consumers(layer):
    return [node.outbound_layer for node in layer.outbound_nodes]


def _reads_signs(layer):
    """Whether a layer is a convolution of its input's signs, with binary or real weights."""
    return isinstance(layer, lq.layers.QuantConv2D)


def _with_fixed_scale(layer):
    """A binary convolution with its factor as a constant."""
    factor = layer.multiplier()
    copy = _copy(layer, scale_mode="none" if factor is None else "fixed")
    copy.build(layer.input_shape)
    copy.set_weights([layer.kernel.numpy(), *([] if factor is None else [factor.numpy()])])
    return copy


def _copy(layer, **changes):
    if isinstance(layer, Norm):
        return Affine(layer, name=layer.name)
    return type(layer).from_config({**layer.get_config(), "dtype": "float32", **changes})


@contextlib.contextmanager
def frozen(model):
    """A temporary saved model of a rewritten network, its weights constants: what the converters read -> its path."""
    signature = tf.TensorSpec(model.input_shape, model.input.dtype, name="image")
    traced = tf.function(lambda image: {"maps": model(image, training=False)}).get_concrete_function(
        signature
    )
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "model"
        tf.saved_model.save(
            tf.Module(), str(path), signatures=convert_variables_to_constants_v2(traced), options=options
        )
        yield path
