"""Proof of an exported file: what it is made of, and that it computes what Keras computes.

    census(data)                                 # convolutions, multiply-accumulates, bytes
    compare(model, data, interpreter, images)    # raises ValueError where the file and Keras differ

**Where Keras and an exported file differ, and why.** Everything between the stem and the head is equal bit for bit: a
binary convolution sums whole numbers, residual additions, max-pooling and upsampling round as in Keras, and two forms
were made to:

- the scale of a binary convolution. LCE does not compute s * sum but, of the popcount p of K terms, K s - 2 s p, with
  K s rounded beforehand: 40 % of the outputs were off in the last bits (up to 4e-6). `BinaryConv2D` keeps s to 11
  significant bits, which makes every one of these products exact.
- BN before a sign. Converted as multiplication and addition it rounds otherwise than Keras's; `rewrite` makes it a
  comparison with an exact threshold.

What still differs, in the last bits of float32, is real-valued arithmetic that the converter reorders or fuses: the
stem (its BN and ReLU folded into the convolution, its sums in another order), the BN after the 1x1 before the head
(folded into that binary convolution's multiplier and bias), the head's sums; and, where `Options` ask for them, real
shortcuts and average pooling. The stem's last bits can flip a sign that was within 1e-6 of a threshold, and that flip
runs on through the binary part, so maps compared end to end may differ visibly at a few pixels while no operation is
wrong.

So `compare` taps the file itself (the same operators, more outputs) and gives Keras, layer by layer, the file's own
value at each real-valued layer: behind it every residual sum must be *equal*, and each real-valued layer must come out
within `TOLERANCE` of what Keras makes of the same input. End-to-end differences are reported beside.
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
from bnn_landmarks.network.layers import BinaryConv2D
from export.rewrite import parents

TOLERANCE = 1e-4
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

    equal: tensors found equal bit for bit. close: largest difference of a real-valued layer given the same input, over
    the layer's largest value. maps: largest difference of the maps, end to end; largest_map: of their values.
    points: largest distance of the decoded points, end to end, crop pixels; None for parts.
    """

    equal: int
    close: float
    maps: float
    largest_map: float
    points: float | None


def census(data) -> Census:
    """Count a TFLite file's operators and convolutions."""
    model = _unpack(data)
    graph = model.subgraphs[0]
    names, counted = collections.Counter(), {"LceBconv2d": [], "CONV_2D": []}
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


def compare(model, data, interpreter, images) -> Parity:
    """Compare a file with the Keras network it was made of.

    Args:
        model: as `network.build` makes it, binary or real. data: the file.
        interpreter: data -> (images of one call -> list of the file's outputs).
        images: [N, S, S, 3], float32 in [0, 1] or uint8 as the file takes them; N a multiple of its batch.

    Raises:
        ValueError: an output differs; the message names the first layer that does.
    """
    forced = [layer.name for layer in model.layers if _is_real(layer)]
    checked = [*forced, *(layer.name for layer in model.layers if isinstance(layer, tf.keras.layers.Add))]
    last = parents(model.get_layer(model.output_names[-1]))[0].name
    shapes = {name: model.get_layer(name).output_shape[1:] for name in checked}
    tapped, places = tap(data, {name: shape for name, shape in shapes.items() if name != last})
    places = {name: _place(model, name, places) for name in checked if name != last}
    run, run_tapped, batch = interpreter(data), interpreter(tapped), input_shape(data)[0]
    equal, close, ours, theirs = 0, 0.0, [], []
    for start in range(0, len(images), batch):
        call = images[start : start + batch]
        values = run_tapped(call)
        maps = run(call)[0]
        if not np.array_equal(maps, values[0]):
            raise ValueError(
                "the file gives other maps when its inner tensors are read too: it can't be proved"
            )
        file = {last: maps, **{name: values[place] for name, place in places.items()}}
        inputs = call if call.dtype == np.float32 else crops.to_input(call)
        for name, expected in _forced(model, inputs, {name: file[name] for name in forced}):
            if name in forced:
                difference = np.abs(expected - file[name]).max() / max(1.0, np.abs(expected).max())
                if not difference <= TOLERANCE:
                    raise ValueError(
                        f"the file differs from Keras in {name}: by {difference:.1e} of its largest value, "
                        f"from the same input; {TOLERANCE:.0e} is rounding"
                    )
                close = max(close, float(difference))
            elif name in checked:
                differ = np.mean(expected != file[name])
                if differ:
                    raise ValueError(
                        f"the file differs from Keras in {name}: {differ:.2%} of its values, "
                        "which must be equal bit for bit"
                    )
                equal += 1
        whole = model(inputs, training=False)
        ours.append((whole[-1] if isinstance(whole, list) else whole).numpy())
        theirs.append(maps)
    ours, theirs, spec = np.concatenate(ours), np.concatenate(theirs), model.spec
    points = None
    if spec.task == "landmarks":
        found, wanted = (heatmaps.decode(maps, spec.stride, spec.score)[0] for maps in (ours, theirs))
        moved = found - wanted
        points = float(np.linalg.norm(moved, axis=-1).max())
    return Parity(equal, close, float(np.abs(ours - theirs).max()), float(np.abs(ours).max()), points)


def _forced(model, inputs, values):
    """Keras's output of each layer, given `values` in place of what the layers they name put out -> (name, output)."""
    outputs = {model.layers[0].name: tf.constant(inputs)}
    for layer in model.layers[1:]:
        sources = [outputs[source.name] for source in parents(layer)]
        outputs[layer.name] = layer(sources[0] if len(sources) == 1 else sources, training=False)
        yield layer.name, outputs[layer.name].numpy()
        if layer.name in values:
            outputs[layer.name] = tf.constant(values[layer.name])


def _is_real(layer):
    """Whether a layer ends real-valued arithmetic: what precedes it is folded into it by the converter."""
    kinds = tf.keras.layers
    if isinstance(layer, kinds.AveragePooling2D | kinds.ReLU):
        return True
    consumers = [node.outbound_layer for node in layer.outbound_nodes]
    if isinstance(layer, kinds.Conv2D) and not isinstance(layer, BinaryConv2D):
        return not all(isinstance(consumer, kinds.BatchNormalization) for consumer in consumers)
    return False


def _place(model, name, places):
    """Where a layer's output is in the tapped file. The converter makes one of ReLUs that read the same layer."""
    if name in places:
        return places[name]
    layer, relu = model.get_layer(name), tf.keras.layers.ReLU
    for other in map(model.get_layer, places):
        if isinstance(layer, relu) and isinstance(other, relu) and parents(other) == parents(layer):
            return places[other.name]
    raise ValueError(f"can't prove the file: it has no tensor that is the output of {name}")


def tap(data, shapes):
    """The same file with inner tensors as further outputs.

    Args:
        shapes: {layer name: the shape of its output without batch}.

    Returns:
        the file, and {layer name: which of its outputs} of the layers whose output is a tensor of the file.
    """
    model = _unpack(data)
    graph = model.subgraphs[0]
    found = {}
    for operator in graph.operators:
        for index in operator.outputs:
            tensor = graph.tensors[index]
            for name in _layers(tensor.name.decode()) & set(shapes):
                if list(tensor.shape[1:]) == list(shapes[name]):
                    found[name] = index
    first = len(graph.outputs)
    inner = list(dict.fromkeys(found.values()))
    graph.outputs = [*graph.outputs, *inner]
    builder = flatbuffers.Builder(len(data))
    builder.Finish(model.Pack(builder), file_identifier=_IDENTIFIER)
    return bytes(builder.Output()), {name: first + inner.index(index) for name, index in found.items()}


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
