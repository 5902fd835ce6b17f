"""Graphs that are damaged, in files that are whole: wrong shapes, types, indices, orders, options, cycles."""

import struct

from lce_files import packed
from tensorflow.lite.python import schema_py_generated as schema

DIMS = [-1, 0, 1, 2, 3, 5, 8, 31, 33, 64, 255, 4096, 65536, 2**31 - 1]
OPTIONS = [-1, 0, 1, 2, 3, 4, 7, 100, 127]


def damaged(content, rng):
    """A .tflite file whose graph has one to three faults."""
    model = schema.ModelT.InitFromPackedBuf(content)
    graph = model.subgraphs[0]
    for _ in range(rng.integers(1, 4)):
        rng.choice(FAULTS)(model, graph, rng)
    return packed(model)


def frame(files):
    """Files one behind the other, each after its size: what `run_engine files` reads."""
    return b"".join(struct.pack("<I", len(file)) + file for file in files)


def _any(items, rng):
    return items[int(rng.integers(len(items)))]


def _tensor_index(graph, rng):
    return int(rng.choice([-1, len(graph.tensors), 2**31 - 1, *range(len(graph.tensors))]))


def _put(values, index, value):
    values = [int(v) for v in values]
    if values:
        values[index % len(values)] = value
    return values


def a_dim(model, graph, rng):
    tensor = _any(graph.tensors, rng)
    tensor.shape = _put(tensor.shape, int(rng.integers(8)), int(rng.choice(DIMS)))


def a_rank(model, graph, rng):
    tensor = _any(graph.tensors, rng)
    shape = [int(n) for n in tensor.shape]
    tensor.shape = _any([shape[1:], [1, *shape], [*shape, 1], []], rng)


def a_type(model, graph, rng):
    _any(graph.tensors, rng).type = int(rng.integers(0, 18))


def a_buffer(model, graph, rng):
    _any(graph.tensors, rng).buffer = int(rng.integers(len(model.buffers) + 1))


def some_data(model, graph, rng):
    buffer = _any(model.buffers, rng)
    if buffer.data is not None and len(buffer.data):
        buffer.data = buffer.data[: int(rng.integers(len(buffer.data)))]


def an_input(model, graph, rng):
    """A later tensor makes a cycle."""
    operator = _any(graph.operators, rng)
    operator.inputs = _put(operator.inputs, int(rng.integers(8)), _tensor_index(graph, rng))


def an_output(model, graph, rng):
    """Of another operator, a constant's, the graph's input."""
    operator = _any(graph.operators, rng)
    operator.outputs = _put(operator.outputs, int(rng.integers(8)), _tensor_index(graph, rng))


def how_many_inputs(model, graph, rng):
    operator = _any(graph.operators, rng)
    inputs = [int(t) for t in operator.inputs]
    operator.inputs = _any([inputs[1:], inputs[:-1], inputs * 2, []], rng)


def the_order(model, graph, rng):
    operators = graph.operators
    first, second = (int(n) for n in rng.integers(len(operators), size=2))
    operators[first], operators[second] = operators[second], operators[first]


def an_operator(model, graph, rng):
    _any(graph.operators, rng).opcodeIndex = int(rng.integers(len(model.operatorCodes) + 1))


def an_option(model, graph, rng):
    operator = _any(graph.operators, rng)
    if operator.customOptions is not None and len(operator.customOptions):
        options = bytearray(operator.customOptions)
        options[int(rng.integers(len(options)))] = int(rng.integers(256))
        operator.customOptions = list(options)
    elif operator.builtinOptions is not None and vars(operator.builtinOptions):
        name = _any(list(vars(operator.builtinOptions)), rng)
        value = getattr(operator.builtinOptions, name)
        if isinstance(value, bool):
            setattr(operator.builtinOptions, name, not value)
        elif isinstance(value, int):
            setattr(operator.builtinOptions, name, int(rng.choice(OPTIONS)))


def what_is_wanted(model, graph, rng):
    side = _any(["inputs", "outputs"], rng)
    values = [int(t) for t in getattr(graph, side)]
    changed = [_put(values, 0, _tensor_index(graph, rng)), [], [*values, _tensor_index(graph, rng)]]
    setattr(graph, side, _any(changed, rng))


def an_operator_twice(model, graph, rng):
    graph.operators.insert(int(rng.integers(len(graph.operators) + 1)), _any(graph.operators, rng))


FAULTS = [
    a_dim,
    a_rank,
    a_type,
    a_buffer,
    some_data,
    an_input,
    an_output,
    how_many_inputs,
    the_order,
    an_operator,
    an_option,
    what_is_wanted,
    an_operator_twice,
]
