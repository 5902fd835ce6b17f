"""Files whose sizes are wrong so that 32 bits, of which a WebAssembly module's addresses are, would overflow."""

import functools
import struct

import numpy as np
from lce_files import BITS, LceFile
from tensorflow.lite.python import schema_py_generated as schema

# Times 4 bytes, plus the count's own 4: 8 of 32 bits, and 0.
COUNTS = (0x40000001, 0xFFFFFFFC, 0x3FFFFFFF)
MAP = (1, 1024, 1024, 200)  # 839 MB of floats


def with_count(content, table, slot, count):
    """A file with another count in the vector that a field of a table (a `schema` object) points to."""
    changed = bytearray(content)
    inside = table._tab
    struct.pack_into("<I", changed, inside.Vector(inside.Offset(4 + 2 * slot)) - 4, count)
    return bytes(changed)


def wrong_counts():
    """{name: content}: vectors that claim more than there is."""
    file = LceFile()
    content = file.content([file.conv(file.quantize(file.input((1, 6, 6, 32))), np.ones((32, 3, 3, 32)))])
    model = schema.Model.GetRootAs(content)
    graph = model.Subgraphs(0)
    fields = {
        "shape": (graph.Tensors(0), 0),
        "inputs": (graph, 1),
        "node": (graph.Operators(0), 1),
        "options": (graph.Operators(1), 5),
        "constant": (next(filter(_holds, map(model.Buffers, range(model.BuffersLength())))), 0),
        "name": (model.OperatorCodes(0), 1),
    }
    return {
        f"{name}, {count:#x}": with_count(content, *field, count)
        for name, field in fields.items()
        for count in COUNTS
    }


def _holds(buffer):
    return buffer.DataLength() > 0


def too_large():
    """{name: content}: six maps that are there at once, 5 GB; an input of 2^31 channels' bits; an input that no node
    reads, of 2^64 bytes."""
    several = LceFile()
    maps = [several.input(MAP)]
    for _ in range(6):
        maps.append(several.map("FLOOR", maps[-1]))
    total = functools.reduce(several.add, maps)
    bits = LceFile()
    of_bits = bits.dequantize(bits.input((1, 1, 1, 2**26), kind=BITS), 2**31 - 1)
    unread = LceFile()
    unread.input((2**16, 2**16, 2**16, 2**14))
    read = unread.map("FLOOR", unread.input((1, 2, 2, 1)))
    return {
        "maps": several.content([total]),
        "bits": bits.content([of_bits]),
        "unread": unread.content([read]),
    }
