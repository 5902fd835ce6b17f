"""Small .tflite files of LCE ops and of the float ops around them, written op by op, so that a test can ask for any
form of an op, and not only for those that a converter happens to make."""

import struct

import numpy as np
from flatbuffers import Builder, flexbuffers
from tensorflow.lite.python import schema_py_generated as schema

from export.verify import operator_name

FLOAT = schema.TensorType.FLOAT32
BITS = schema.TensorType.INT32
INT8 = schema.TensorType.INT8
UINT8 = schema.TensorType.UINT8
BOOL = schema.TensorType.BOOL
SAME, VALID = 0, 1
NONE, RELU, RELU_N1_TO_1, RELU6 = 0, 1, 2, 3

_TYPES = {np.dtype(np.float32): FLOAT, np.dtype(np.int32): BITS, np.dtype(np.int8): INT8}
_DTYPES = {kind: dtype for dtype, kind in _TYPES.items()}


def words(channels):
    return (channels + 31) // 32


def pack_bits(values):
    """Bits of the values below zero along the last axis, 32 to an int32."""
    below = np.asarray(values) < 0
    padded = np.zeros((*below.shape[:-1], words(below.shape[-1]) * 32), np.uint8)
    padded[..., : below.shape[-1]] = below
    return np.packbits(padded, axis=-1, bitorder="little").view("<i4")


def same_size(size, stride):
    return -(-size // stride)


def valid_size(size, filter_size, stride, dilation=1):
    return (size - (filter_size - 1) * dilation - 1) // stride + 1


def with_outputs(content, tensors):
    """The file with other tensors as its outputs."""
    model = schema.ModelT.InitFromPackedBuf(content)
    model.subgraphs[0].outputs = list(tensors)
    model.signatureDefs = None
    return packed(model)


def packed(model):
    builder = Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


class LceFile:
    """A model under construction. Each op method takes tensors, adds a node and returns its output tensor.

    file = LceFile()
    x = file.input((1, 8, 8, 64))
    bits = file.quantize(x)
    y = file.conv(bits, kernel, multiplier, bias, padding=SAME, pad_values=1)
    content = file.content([y])
    """

    def __init__(self):
        self.tensors = []  # (name, shape, type, data or None)
        self.nodes = []  # (op name, inputs, outputs, options)
        self.inputs = []

    @classmethod
    def between_float_convolutions(cls, content):
        """The ops of a converted file from its stem on, but the float convolutions and their activations: what the
        delegate takes.

        Returns:
            the file, and its output tensors. All tensors have the numbers that they have in `content`.
        """
        model = schema.ModelT.InitFromPackedBuf(content)
        graph, file = model.subgraphs[0], cls()
        for tensor in graph.tensors:
            data = model.buffers[tensor.buffer].data
            kind = FLOAT if tensor.type == schema.TensorType.FLOAT32 else BITS
            values = None if data is None or not len(data) else np.frombuffer(bytes(data), _DTYPES[kind])
            file.tensor(tensor.shape, kind, values)
        names = [operator_name(model, operator) for operator in graph.operators]
        stem = names.index("CONV_2D")  # what comes before makes whole numbers of the pixels
        for op, operator in zip(names[stem:], graph.operators[stem:], strict=True):
            if op in ("CONV_2D", "RELU"):
                continue
            options = operator.builtinOptions
            if operator.customOptions is not None and len(operator.customOptions):
                options = flexbuffers.Loads(bytearray(operator.customOptions))
            assert not getattr(options, "fusedActivationFunction", NONE), (
                f"{op} with an activation of its own"
            )
            file.nodes.append((op, list(operator.inputs), list(operator.outputs), options))
        made = {tensor for _, _, results, _ in file.nodes for tensor in results}
        read = {tensor for _, inputs, _, _ in file.nodes for tensor in inputs if tensor >= 0}
        file.inputs = sorted(t for t in read - made if file.tensors[t][3] is None)
        return file, sorted(made - read)

    def shape(self, tensor):
        return self.tensors[tensor][1]

    def tensor(self, shape, kind, data=None):
        self.tensors.append((f"t{len(self.tensors)}", tuple(int(n) for n in shape), kind, data))
        return len(self.tensors) - 1

    def input(self, shape, kind=FLOAT):
        self.inputs.append(self.tensor(shape, kind))
        return self.inputs[-1]

    def constant(self, values):
        values = np.ascontiguousarray(values)
        return self.tensor(values.shape, _TYPES[values.dtype], values)

    def node(self, op, inputs, shape, kind, options=None):
        output = self.tensor(shape, kind)
        self.nodes.append((op, list(inputs), [output], options))
        return output

    def quantize(self, x, kind=BITS):
        *lead, channels = self.shape(x)
        return self.node("LceQuantize", [x], (*lead, words(channels)), kind)

    def dequantize(self, bits, channels):
        return self.node("LceDequantize", [bits], (*self.shape(bits)[:-1], channels), FLOAT)

    def conv(
        self,
        bits,
        kernel,
        multiplier=None,
        bias=None,
        threshold=None,
        strides=(1, 1),
        dilations=(1, 1),
        padding=SAME,
        pad_values=1,
        activation=NONE,
    ):
        """Binary convolution by a kernel of +-1, [out, height, width, in]; bits out where thresholds are given."""
        batch, height, width, _ = self.shape(bits)
        filters, kernel_height, kernel_width, channels = kernel.shape
        if padding == SAME:
            size = same_size(height, strides[0]), same_size(width, strides[1])
        else:
            size = (
                valid_size(height, kernel_height, strides[0], dilations[0]),
                valid_size(width, kernel_width, strides[1], dilations[1]),
            )
        options = {
            "channels_in": channels,
            "dilation_height_factor": dilations[0],
            "dilation_width_factor": dilations[1],
            "fused_activation_function": activation,
            "pad_values": pad_values,
            "padding": padding,
            "stride_height": strides[0],
            "stride_width": strides[1],
        }
        extra = [-1 if values is None else self.constant(values) for values in (multiplier, bias, threshold)]
        kind, depth = (FLOAT, filters) if threshold is None else (BITS, words(filters))
        inputs = [bits, self.constant(pack_bits(kernel)), *extra]
        return self.node("LceBconv2d", inputs, (batch, *size, depth), kind, options)

    def bit_pool(self, bits, size, strides, padding=SAME):
        batch, height, width, depth = self.shape(bits)
        out = [
            same_size(n, s) if padding == SAME else valid_size(n, f, s)
            for n, f, s in zip((height, width), size, strides, strict=True)
        ]
        options = {
            "filter_height": size[0],
            "filter_width": size[1],
            "padding": padding,
            "stride_height": strides[0],
            "stride_width": strides[1],
        }
        return self.node("LceBMaxPool2d", [bits], (batch, *out, depth), BITS, options)

    def multiply(self, x, constant):
        return self.node("MUL", [x, self.constant(constant)], self.shape(x), FLOAT, schema.MulOptionsT())

    def add(self, x, other):
        """`other` is a tensor, or a constant a channel."""
        other = other if isinstance(other, int) else self.constant(other)
        return self.node("ADD", [x, other], self.shape(x), FLOAT, schema.AddOptionsT())

    def batch_norm(self, x, scale, shift):
        return self.add(self.multiply(x, scale), shift)

    def concat(self, parts):
        options = schema.ConcatenationOptionsT()
        options.axis = 3
        shape = (*self.shape(parts[0])[:3], sum(self.shape(part)[3] for part in parts))
        return self.node("CONCATENATION", parts, shape, FLOAT, options)

    def max_pool(self, x, size, strides, padding=SAME, op="MAX_POOL_2D"):
        batch, height, width, channels = self.shape(x)
        options = schema.Pool2DOptionsT()
        options.padding = padding
        options.filterHeight = options.filterWidth = size
        options.strideH = options.strideW = strides
        out = [
            same_size(n, strides) if padding == SAME else valid_size(n, size, strides)
            for n in (height, width)
        ]
        return self.node(op, [x], (batch, *out, channels), FLOAT, options)

    def upsample(self, x):
        batch, height, width, channels = self.shape(x)
        options = schema.ResizeNearestNeighborOptionsT()
        options.halfPixelCenters = True
        size = self.constant(np.array([2 * height, 2 * width], np.int32))
        return self.node(
            "RESIZE_NEAREST_NEIGHBOR", [x, size], (batch, 2 * height, 2 * width, channels), FLOAT, options
        )

    def float_conv(
        self, x, kernel, bias=None, strides=(1, 1), dilations=(1, 1), padding=SAME, activation=NONE
    ):
        """Convolution by a float kernel, [out, height, width, in]."""
        batch, height, width, _ = self.shape(x)
        filters, kernel_height, kernel_width, _ = kernel.shape
        if padding == SAME:
            size = same_size(height, strides[0]), same_size(width, strides[1])
        else:
            size = (
                valid_size(height, kernel_height, strides[0], dilations[0]),
                valid_size(width, kernel_width, strides[1], dilations[1]),
            )
        options = schema.Conv2DOptionsT()
        options.padding, options.fusedActivationFunction = padding, activation
        options.strideH, options.strideW = strides
        options.dilationHFactor, options.dilationWFactor = dilations
        bias = np.zeros(filters, np.float32) if bias is None else bias
        inputs = [x, self.constant(kernel), self.constant(bias)]
        return self.node("CONV_2D", inputs, (batch, *size, filters), FLOAT, options)

    def average_pool(self, x, size, strides, padding=SAME):
        return self.max_pool(x, size, strides, padding, op="AVERAGE_POOL_2D")

    def map(self, op, *inputs, options=None, kind=FLOAT):
        """An op whose output has its first map's shape: RELU, PRELU, ROUND, SUB, GREATER_EQUAL, ..."""
        tensors = [i if isinstance(i, int) else self.constant(i) for i in inputs]
        shape = next(self.shape(t) for t in tensors if self.tensors[t][3] is None)
        return self.node(op, tensors, shape, kind, options)

    def pad(self, x, sides, fill=None):
        """sides: rows above and below, columns left and right."""
        batch, height, width, channels = self.shape(x)
        top, bottom, left, right = sides
        inputs = [x, self.constant(np.array([[0, 0], [top, bottom], [left, right], [0, 0]], np.int32))]
        shape = (batch, height + top + bottom, width + left + right, channels)
        if fill is None:
            return self.node("PAD", inputs, shape, FLOAT, schema.PadOptionsT())
        return self.node(
            "PADV2", [*inputs, self.constant(np.float32(fill))], shape, FLOAT, schema.PadV2OptionsT()
        )

    def channels(self, x, first, count):
        """Channels `first` to `first + count`, by STRIDED_SLICE."""
        options = schema.StridedSliceOptionsT()
        options.beginMask = options.endMask = 0b0111
        ends = [0, 0, 0, first], [0, 0, 0, first + count], [1, 1, 1, 1]
        inputs = [x, *(self.constant(np.array(values, np.int32)) for values in ends)]
        return self.node("STRIDED_SLICE", inputs, (*self.shape(x)[:3], count), FLOAT, options)

    def content(self, outputs):
        """The file's bytes."""
        codes = sorted({op for op, *_ in self.nodes})
        model = schema.ModelT()
        model.version = 3
        model.operatorCodes = [_operator_code(op) for op in codes]
        model.buffers = [schema.BufferT()]
        graph = schema.SubGraphT()
        graph.tensors = []
        for name, shape, kind, data in self.tensors:
            tensor = schema.TensorT()
            tensor.name, tensor.shape, tensor.type, tensor.buffer = name, list(shape), kind, 0
            if kind == INT8:
                tensor.quantization = schema.QuantizationParametersT()
                tensor.quantization.scale, tensor.quantization.zeroPoint = [1.0], [0]
            if data is not None:
                buffer = schema.BufferT()
                buffer.data = np.frombuffer(data.tobytes(), np.uint8)
                model.buffers.append(buffer)
                tensor.buffer = len(model.buffers) - 1
            graph.tensors.append(tensor)
        graph.operators = [_operator(codes.index(op), *rest) for op, *rest in self.nodes]
        graph.inputs, graph.outputs = list(self.inputs), list(outputs)
        model.subgraphs = [graph]
        return packed(model)

    def case(self, outputs, input_values, output_values):
        """The same graph, an input and its outputs in the plain format that host.cc reads."""
        parts = [struct.pack("<3i", len(self.tensors), len(self.nodes), len(outputs))]
        given = dict(zip(self.inputs, input_values, strict=True))
        expected = dict(zip(outputs, output_values, strict=True))
        for index, (_, shape, kind, data) in enumerate(self.tensors):
            role = 1 if data is not None else 2 if index in given else 3 if index in expected else 0
            values = data if data is not None else given.get(index, expected.get(index))
            parts.append(struct.pack(f"<3i{len(shape)}i", kind, role, len(shape), *shape))
            if values is not None:
                parts.append(np.ascontiguousarray(values).tobytes())
        for op, inputs, results, options in self.nodes:
            blob = _host_options(op, options)
            name = op.encode()
            parts.append(struct.pack("<i", len(name)) + name)
            for entry in (inputs, results):
                parts.append(struct.pack(f"<i{len(entry)}i", len(entry), *entry))
            parts.append(struct.pack("<i", len(blob)) + blob)
        parts.append(struct.pack(f"<{len(outputs)}i", *outputs))
        return b"".join(parts)


def _operator_code(op):
    code = schema.OperatorCodeT()
    code.version = 1
    code.builtinCode = getattr(schema.BuiltinOperator, op, schema.BuiltinOperator.CUSTOM)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    if code.builtinCode == schema.BuiltinOperator.CUSTOM:
        code.customCode = op.encode()
    return code


def _operator(code, inputs, outputs, options):
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = code, inputs, outputs
    if isinstance(options, dict):
        operator.customOptions = np.frombuffer(flexbuffers.Dumps(options), np.uint8)
    elif options is not None:
        operator.builtinOptions = options
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
    return operator


def _host_options(op, options):
    """Options as TFLite hands them to a delegate: the FlexBuffer of an LCE op, the C structure of a built-in."""
    if isinstance(options, dict):
        return bytes(flexbuffers.Dumps(options))
    if op in ("MUL", "ADD"):
        return struct.pack("<i", 0)
    if op == "CONCATENATION":
        return struct.pack("<2i", options.axis, 0)
    if op == "MAX_POOL_2D":
        sizes = options.strideW, options.strideH, options.filterWidth, options.filterHeight
        return struct.pack("<6i", options.padding + 1, *sizes, 0)
    if op == "RESIZE_NEAREST_NEIGHBOR":
        return struct.pack("<2?", False, True)
    return b""
