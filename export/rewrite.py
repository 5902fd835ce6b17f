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

The offset is never 0 (the smallest normal float stands in): the converter would drop an addition of zeros, and a
-0.0 that reaches LceQuantize on ARM becomes -1, not +1.

The last of a stacked network's outputs is the one exported.
"""

import contextlib
import pathlib
import tempfile

import larq as lq
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from bnn_landmarks.network.layers import BinaryConv2D

INPUT_DTYPES = ("float32", "uint8")
_MAX = np.finfo(np.float32).max
_TINY = np.finfo(np.float32).tiny
_CUTS = 128


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


def threshold(norm, source=None):
    """The `Threshold` of a BatchNormalization layer, exact for every float32 input; for every output of `source` where
    that is the `BinaryConv2D` it reads."""
    gamma = norm.gamma.numpy()
    direction = np.where(gamma < 0, -1, 1).astype(np.float32)

    def below(ordered):
        """Of ascending floats [n, C], how many of each channel the layer makes negative."""
        x = direction * _float(ordered)
        return (norm(x[:, None, None, :], training=False).numpy()[:, 0, 0] < 0).sum(axis=0)

    # bounds[0] is negative, bounds[-1] is not, unless the whole range is of one sign: then it ends at that end.
    low, high = (_ordered(np.full_like(gamma, value)) for value in (-_MAX, _MAX))
    channels, cuts = np.arange(len(gamma)), np.arange(1, _CUTS)[:, None]
    while (high - low > 1).any():
        middle = low + (high - low) * cuts // _CUTS
        bounds = np.concatenate([low[None], middle, high[None]])
        first = below(middle)
        low, high = bounds[first, channels], bounds[first + 1, channels]
    offset = -_float(high)
    if isinstance(source, BinaryConv2D):
        offset = -_midway(-offset, source)
    offset = np.where(offset == 0, _TINY, offset).astype(np.float32)
    return Threshold(direction, offset, name=f"{norm.name}_threshold")


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
        model: as `network.build` makes it. batch: images a call. dtype: "float32" in [0, 1], or "uint8".

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
    signed = {}
    for layer in model.layers[1:]:
        sources = parents(layer)
        if _reads_signs(layer):
            (source,) = sources
            made = (binary if isinstance(layer, BinaryConv2D) else _copy)(layer)
            tensors[layer.name] = made(signed.get(source.name, tensors.get(source.name)))
            continue
        consumers = [node.outbound_layer for node in layer.outbound_nodes]
        inputs = [tensors[source.name] for source in sources]
        inputs = inputs[0] if len(inputs) == 1 else inputs
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            real = [consumer for consumer in consumers if not _reads_signs(consumer)]
            if len(real) < len(consumers):
                signed[layer.name] = threshold(layer, sources[0])(inputs)
            if not real:
                continue
        tensors[layer.name] = _copy(layer)(inputs)
    lean = tf.keras.Model(images, tensors[model.output_names[-1]], name=model.name)
    for layer in lean.layers:
        if layer.weights and not isinstance(layer, BinaryConv2D):
            layer.set_weights(model.get_layer(layer.name).get_weights())
    lean.spec = model.spec
    return lean


def _reads_signs(layer):
    """Whether a layer is a convolution of its input's signs, with binary or real weights."""
    return isinstance(layer, lq.layers.QuantConv2D)


def _with_fixed_scale(layer):
    """A binary convolution with its factor as a constant."""
    factor = layer.multiplier()
    copy = _copy(layer, scale="none" if factor is None else "fixed")
    copy.build(layer.input_shape)
    copy.set_weights([layer.kernel.numpy(), *([] if factor is None else [factor.numpy()])])
    return copy


def _copy(layer, **changes):
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
