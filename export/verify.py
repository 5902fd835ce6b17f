"""Proof of an exported file: what it is made of, and that it computes what Keras computes.

    census(data)                                 # convolutions, multiply-accumulates, bytes
    compare(model, data, interpreters, images)   # raises ValueError where the file and Keras differ

**From the pixels to the last bits before the head every engine computes the same bits** of a network with an integer
stem and without the options named below, because nothing in between depends on an order or on a processor:

- the stem sums whole numbers below 2^23, and a sign is a comparison with a number midway between two of them;
- a binary convolution sums whole numbers. LCE does not compute s * sum but, of the popcount p of K terms, K s - 2 s p,
  with K s rounded beforehand. `BinaryConv2D` keeps s to 11 significant bits, which makes every one of these products
  exact, also where they are fused with the sum;
- BN before a sign is a comparison with an exact threshold (`rewrite`), and Keras's own (`layers.Norm`) is two
  operations that round alike everywhere;
- sums of two tensors and the slopes of a PReLU are one rounding each; max-pooling, upsampling, slices and
  concatenations copy.

**Behind the last bits** the head's input is a normalisation of whole multiples of a scale, folded by the converter into
a multiplier and a bias, and the head is a sum of n products of it in any order. By the usual analysis (Higham,
Accuracy and Stability of Numerical Algorithms, section 3.1) two engines can differ by
2^-23 ((n + 2) (sum |w h| + |b|) + 8 sum |w| g), where g = |slope| (K |s| + |turn|) is the size of what the head's input
is the difference of. Maps must be that near, and points decoded of them within `POINTS` pixels of the crop.

**What can round differently before that**: a real-valued stem (files made before there was an integer one), real
shortcuts, average pooling, real weights on binary activations, what leads from one stack to the next. The last bits of
such a layer can flip a sign that was within 1e-6 of a threshold, and that flip runs on through the binary part: maps
compared end to end may differ visibly at a few pixels while no operation is wrong.

So `compare` taps the file itself (the same operators, more outputs) and gives Keras, layer by layer, the file's own
value at each such layer: it must come out within `TOLERANCE` of what Keras makes of the same input, and everything
else must be *equal*. Where there is no such layer before the head, that is equality from the pixels on.
"""

import collections
import dataclasses
import math

import flatbuffers
import numpy as np
import tensorflow as tf
from flatbuffers import flexbuffers
from tensorflow.lite.python import schema_py_generated as schema

from bnn_landmarks.geometry import crops, heatmaps
from bnn_landmarks.network.layers import BinaryConv2D, IntegerConv2D, Norm
from export.rewrite import parents

TOLERANCE = 1e-4
POINTS = 0.01
_OPERATORS = {code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
_IDENTIFIER = b"TFL3"


@dataclasses.dataclass(frozen=True)
class Census:
    """What a TFLite file holds. Multiply-accumulates are of one call, padding counted as computed.

    operators: number of each. float_names: the tensors that float convolutions put out.
    """

    operators: dict
    binary_convolutions: int
    float_convolutions: int
    binary_macs: int
    float_macs: int
    bytes: int
    float_names: tuple = ()

    @property
    def binary_share(self) -> float:
        return self.binary_macs / max(1, self.binary_macs + self.float_macs)

    def to_dict(self) -> dict:
        record = dataclasses.asdict(self)
        del record["float_names"]
        return {**record, "binary_share": round(self.binary_share, 4)}


@dataclasses.dataclass(frozen=True)
class Parity:
    """How a file and Keras compare.

    exact: whether no layer between the pixels and the head's input can round differently, so that `equal` holds from
    the pixels on. equal: inner tensors found equal bit for bit. close: largest difference of a real-valued
    layer given the same input, over the layer's largest value. maps: largest difference of the maps, end to end;
    largest_map: of their values; bound: what the head's arithmetic allows, None where not exact. points: largest
    distance of the decoded points, end to end, crop pixels; None for parts. others: interpreters that gave the same
    bits.
    """

    exact: bool
    equal: int
    close: float
    maps: float
    largest_map: float
    bound: float | None
    points: float | None
    others: tuple = ()


def census(data) -> Census:
    """Count a TFLite file's operators and convolutions."""
    model = _unpack(data)
    graph = model.subgraphs[0]
    names: collections.Counter[str] = collections.Counter()
    counted: dict[str, list] = {"LceBconv2d": [], "CONV_2D": []}
    float_names = []
    for operator in graph.operators:
        name = operator_name(model, operator)
        names[name] += 1
        if name in counted:
            kernel = graph.tensors[operator.inputs[1]].shape
            channels = kernel[3]
            if name == "LceBconv2d":
                channels = flexbuffers.Loads(bytes(operator.customOptions))["channels_in"]
            else:
                float_names.append(graph.tensors[operator.outputs[0]].name.decode())
            area = math.prod(graph.tensors[operator.outputs[0]].shape)
            counted[name].append(int(area * kernel[1] * kernel[2] * channels))
    return Census(
        operators=dict(names.most_common()),
        binary_convolutions=len(counted["LceBconv2d"]),
        float_convolutions=len(counted["CONV_2D"]),
        binary_macs=sum(counted["LceBconv2d"]),
        float_macs=sum(counted["CONV_2D"]),
        bytes=len(data),
        float_names=tuple(float_names),
    )


def check_binary(model, found):
    """Raise ValueError, naming the layers, if a binary convolution of the network is not one in the file."""
    binary = [layer.name for layer in model.layers if isinstance(layer, BinaryConv2D)]
    if found.binary_convolutions == len(binary):
        return
    wrong = [name for name in binary if any(name in _layers(tensor) for tensor in found.float_names)]
    raise ValueError(
        f"{len(binary) - found.binary_convolutions} of {len(binary)} binary convolutions came out float"
        + (f": {', '.join(wrong)}" if wrong else "")
    )


def compare(model, data, interpreter, images, others=None) -> Parity:
    """Compare a file with the Keras network it was made of.

    Args:
        model: as `network.build` makes it, binary or real. data: the file.
        interpreter: data -> (images of one call -> list of the file's outputs).
        images: [N, S, S, 3], float32 in [0, 1] or uint8 as the file takes them; N a multiple of its batch.
        others: {name: interpreter} of further ones, which must give the same bits.

    Raises:
        ValueError: an output differs; the message names the first layer that does.
    """
    head = parents(model.get_layer(model.output_names[-1]))[0]
    forced = {layer.name for layer in model.layers if _is_real(layer)}
    exact = _exact_before(head, forced)
    sums = {layer.name for layer in model.layers if isinstance(layer, tf.keras.layers.Add)}
    inner = (forced | sums) - {head.name}
    tapped, places, signs = tap(
        data,
        {name: model.get_layer(name).output_shape[1:] for name in inner},
        {layer.name for layer in model.layers if isinstance(layer, BinaryConv2D)},
    )
    places = {name: _place(model, name, places) for name in inner}
    run, run_tapped, batch = interpreter(data), interpreter(tapped), input_shape(data)[0]
    others = {name: opened(tapped) for name, opened in (others or {}).items()}
    equal, close, bound, ours, theirs = 0, 0.0, 0.0, [], []
    for start in range(0, len(images), batch):
        call = images[start : start + batch]
        values, maps = run_tapped(call), run(call)[0]
        if not np.array_equal(maps, values[0]):
            raise ValueError(
                "the file gives other maps when its inner tensors are read too: it can't be proved"
            )
        file = {head.name: maps, **{name: values[place] for name, place in places.items()}}
        inputs = call if call.dtype == np.float32 else crops.to_input(call)
        for layer, read, expected in _forced(model, inputs, {name: file[name] for name in forced}):
            name = layer.name
            if name in signs:
                found = unpacked(values[signs[name]], read.shape[-1])
                _check_equal(f"the bits that {name} reads", found, read.numpy() >= 0)
                equal += 1
            if layer is head:
                allowed = head_bound(head, read.numpy())
            if name in forced:
                difference = np.abs(expected - file[name]).max() / max(1.0, np.abs(expected).max())
                if not difference <= TOLERANCE:
                    raise ValueError(
                        f"the file differs from Keras in {name}: by {difference:.1e} of its largest value, "
                        f"from the same input; {TOLERANCE:.0e} is rounding"
                    )
                close = max(close, float(difference))
            elif name in sums:
                _check_equal(name, file[name], expected)
                equal += 1
        whole = model(inputs, training=False)
        ours.append((whole[-1] if isinstance(whole, list) else whole).numpy())
        theirs.append(maps)
        if exact:
            _check_near("the file's maps differ from Keras's", maps, ours[-1], allowed)
            bound = max(bound, float(allowed.max()))
        for name, other in others.items():
            _check_other(name, other(call), values, allowed if exact else None)
    ours, theirs, spec = np.concatenate(ours), np.concatenate(theirs), model.spec
    points = None
    if spec.task == "landmarks":
        found, wanted = (heatmaps.decode(maps, spec.stride, spec.score)[0] for maps in (ours, theirs))
        points = float(np.linalg.norm(found - wanted, axis=-1).max())
        if exact and not points <= POINTS:
            raise ValueError(
                f"the points of the file's maps are {points:.2g} pixels of the crop from those of Keras's; "
                f"{POINTS} is rounding"
            )
    return Parity(
        exact=exact,
        equal=equal,
        close=close,
        maps=float(np.abs(ours - theirs).max()),
        largest_map=float(np.abs(ours).max()),
        bound=bound if exact else None,
        points=points,
        others=tuple(others),
    )


def _check_equal(name, found, expected):
    differ = np.mean(found != expected)
    if differ:
        raise ValueError(
            f"the file differs from Keras in {name}: {differ:.2%} of its values, which must be equal bit for bit"
        )


def _check_near(what, found, expected, allowed):
    difference = np.abs(found - expected)
    if not (difference <= allowed).all():
        raise ValueError(
            f"{what} by {difference.max():.1e}, where the order of the head's sum allows {allowed.max():.1e}"
        )


def _check_other(name, found, values, allowed):
    """Another interpreter's outputs of the tapped file: its bits and sums, and its maps where a bound is known."""
    for ours, theirs in zip(found[1:], values[1:], strict=True):
        if allowed is not None and not np.array_equal(ours, theirs):
            raise ValueError(
                f"{name} differs from the file's own interpreter before the head, where bits must be equal"
            )
    if allowed is not None:
        _check_near(
            f"{name}'s maps differ from those of the file's own interpreter", found[0], values[0], allowed
        )


def _forced(model, inputs, values):
    """Keras's output of each layer, given `values` in place of what the layers they name put out -> (layer, its input
    or inputs as tensors, its output)."""
    outputs = {model.layers[0].name: tf.constant(inputs)}
    for layer in model.layers[1:]:
        sources = [outputs[source.name] for source in parents(layer)]
        sources = sources[0] if len(sources) == 1 else sources
        outputs[layer.name] = layer(sources, training=False)
        yield layer, sources, outputs[layer.name].numpy()
        if layer.name in values:
            outputs[layer.name] = tf.constant(values[layer.name])


def _is_real(layer):
    """Whether a layer ends real-valued arithmetic that engines order or fuse as they like: what precedes it is folded
    into it by the converter."""
    kinds = tf.keras.layers
    if isinstance(layer, kinds.AveragePooling2D):
        return True
    if isinstance(layer, kinds.ReLU):
        before = [parent for norm in parents(layer) for parent in parents(norm)]
        return not all(isinstance(parent, IntegerConv2D) for parent in before)
    consumers = [node.outbound_layer for node in layer.outbound_nodes]
    if isinstance(layer, kinds.Conv2D) and not isinstance(layer, BinaryConv2D | IntegerConv2D):
        return not all(isinstance(consumer, kinds.BatchNormalization) for consumer in consumers)
    return False


def _exact_before(head, forced):
    """Whether none of the layers `forced` leads to the head, but the rectified normalisation of a binary convolution
    that it reads."""
    (last,) = parents(head)
    before, waiting = {}, [last]
    while waiting:
        layer = waiting.pop()
        if layer.name not in before and not isinstance(layer, tf.keras.layers.InputLayer):
            before[layer.name] = layer
            waiting += parents(layer)
    return not (forced & set(before)) - ({last.name} if folded(last) else set())


def folded(layer):
    """[norm, convolution] of a layer that is a ReLU of a norm of a binary convolution, which the converter folds; else
    None."""
    chain = [layer]
    for kind in (tf.keras.layers.ReLU, Norm, BinaryConv2D):
        if not isinstance(chain[-1], kind):
            return None
        chain += parents(chain[-1])
    return chain[1:3]


def head_bound(head, read):
    """By how much two engines' maps may differ (see above), float64 [N, H, W, K], of the head's input [N, H, W, C]."""
    weights, bias = (np.abs(part.numpy().astype(np.float64)) for part in (head.kernel, head.bias))
    weights, reach = weights[0, 0], np.abs(read)
    pair = folded(parents(head)[0])
    if pair:
        norm, conv = pair
        turn, slope = (np.abs(number.numpy().astype(np.float64)) for number in norm.affine())
        factor = 1.0 if conv.multiplier() is None else np.abs(conv.multiplier().numpy())
        reach = slope * (math.prod(conv.kernel.shape[:3]) * factor + turn)
    return 2.0**-23 * ((len(weights) + 2) * (np.abs(read) @ weights + bias) + 8 * (reach @ weights))


def _place(model, name, places):
    """Where a layer's output is in the tapped file. The converter makes one of ReLUs that read the same layer."""
    if name in places:
        return places[name]
    layer, relu = model.get_layer(name), tf.keras.layers.ReLU
    for other in map(model.get_layer, places):
        if isinstance(layer, relu) and isinstance(other, relu) and parents(other) == parents(layer):
            return places[other.name]
    raise ValueError(f"can't prove the file: it has no tensor that is the output of {name}")


def tap(data, shapes, binary=()):
    """The same file with inner tensors as further outputs.

    Args:
        shapes: {layer name: the shape of its output without batch}. binary: names of binary convolutions.

    Returns:
        the file; {layer name: which of its outputs} of the layers whose output is a tensor of the file; the same of the
        bits that binary convolutions read (`unpacked`), once where several read the same.
    """
    model = _unpack(data)
    graph = model.subgraphs[0]
    found, signs = {}, {}
    for operator in graph.operators:
        for index in operator.outputs:
            tensor = graph.tensors[index]
            mentioned = _layers(tensor.name.decode())
            for name in mentioned & set(shapes):
                if list(tensor.shape[1:]) == list(shapes[name]):
                    found[name] = index
        if operator_name(model, operator) == "LceBconv2d":
            # Named after the first of the convolutions that read it.
            bits = graph.tensors[operator.inputs[0]].name.decode().split(";")[0]
            signs |= dict.fromkeys(_layers(bits) & set(binary), operator.inputs[0])
    first = len(graph.outputs)
    inner = list(dict.fromkeys([*found.values(), *signs.values()]))
    graph.outputs = [*graph.outputs, *inner]
    builder = flatbuffers.Builder(len(data))
    builder.Finish(model.Pack(builder), file_identifier=_IDENTIFIER)
    places, signs = (
        {name: first + inner.index(index) for name, index in taken.items()} for taken in (found, signs)
    )
    return bytes(builder.Output()), places, signs


def unpacked(bits, channels):
    """LCE's bits, int32 [..., words] -> bool [..., channels], True for +1. Channel c is bit c % 32 of word c // 32, and
    0 is +1."""
    return np.unpackbits(bits.view(np.uint8), axis=-1, bitorder="little", count=channels) == 0


def input_shape(data):
    """[batch, S, S, 3] of a TFLite file."""
    graph = _unpack(data).subgraphs[0]
    return [int(n) for n in graph.tensors[graph.inputs[0]].shape]


def _layers(tensor_name):
    """The layers a tensor's name mentions: "pose/stem_relu/Relu;pose/stem_bn/..." -> {"stem_relu", "stem_bn", ...}."""
    return {part for name in tensor_name.split(";") for part in name.split("/")}


def _unpack(data):
    return schema.ModelT.InitFromPackedBuf(data, 0)


def operator_name(model, operator):
    """The name of a model's operator, built in ("CONV_2D") or custom ("LceBconv2d")."""
    code = model.operatorCodes[operator.opcodeIndex]
    if code.customCode:
        return code.customCode.decode()
    return _OPERATORS[max(code.builtinCode, code.deprecatedBuiltinCode)]
