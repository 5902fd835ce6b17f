"""TF.js graph models as TFLite files, so that one runtime runs and times them with the others.

    data = to_tflite("movenet-lightning.json")

The network is the same: the JSON is TensorFlow's own graph in protobuf's JSON form, its weights, halved to float16 in
the download, lie beside it, and the two fused operators that only TF.js has are taken apart again.
"""

import json
import pathlib

import numpy as np


def graph(path):
    """A TF.js graph model as a TensorFlow GraphDef with its weights in it.

    Raises:
        ValueError: a quantization other than float16, or a fused operation not known here.
    """
    import tensorflow as tf
    from google.protobuf import json_format
    from tensorflow.core.framework.graph_pb2 import GraphDef

    path = pathlib.Path(path)
    model = json.loads(path.read_text())
    found = json_format.ParseDict(model["modelTopology"], GraphDef(), ignore_unknown_fields=True)
    values = dict(weights(path.parent, model["weightsManifest"]))
    whole = GraphDef(versions=found.versions)
    for node in found.node:
        if node.op == "Const":
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values[node.name]))
        whole.node.extend(unfused(node))
    return whole


def weights(directory, manifest):
    """Yields (name, array) of a TF.js weights manifest."""
    for group in manifest:
        data = b"".join((directory / file).read_bytes() for file in group["paths"])
        offset = 0
        for entry in group["weights"]:
            stored = entry.get("quantization", {}).get("dtype", entry["dtype"])
            if stored not in ("float32", "float16", "int32"):
                raise ValueError(f"{entry['name']}: weights stored as {stored} are not read here")
            count = int(np.prod(entry["shape"]))
            array = np.frombuffer(data, stored, count, offset)
            offset += array.nbytes
            yield entry["name"], array.astype(entry["dtype"]).reshape(entry["shape"])


FUSED = {"_FusedConv2D": "Conv2D", "FusedDepthwiseConv2dNative": "DepthwiseConv2dNative"}


def unfused(node):
    """A node as plain TensorFlow has it: convolution, bias and activation one after another; the last has its name."""
    from tensorflow.core.framework.node_def_pb2 import NodeDef

    if node.op not in FUSED:
        return [node]
    after = [name.decode() for name in node.attr["fused_ops"].list.s]
    if after[:1] != ["BiasAdd"] or len(after) > 2 or len(node.input) != 3:
        raise ValueError(f"{node.name}: the fused operations {after} are not known here")
    kind = node.attr["T"]
    first = NodeDef(name=f"{node.name}/conv", op=FUSED[node.op], input=node.input[:2])
    for key in ("T", "strides", "padding", "dilations", "data_format"):
        first.attr[key].CopyFrom(node.attr[key])
    chain = [first]
    for op in after:
        inputs = [chain[-1].name, *(node.input[2:] if op == "BiasAdd" else ())]
        chain.append(NodeDef(name=f"{node.name}/{op}", op=op, input=inputs, attr={"T": kind}))
    chain[-1].name = node.name
    return chain


def to_tflite(path):
    """The bytes of a `.tflite` of a TF.js graph model, weights as float16.

    Raises:
        ImportError: TensorFlow is missing. ValueError: as `graph`.
    """
    import tensorflow as tf

    path = pathlib.Path(path)
    signature = json.loads(path.read_text())["signature"]
    ends = [list(signature[kind]) for kind in ("inputs", "outputs")]
    wrapped = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph(path), name=""), [])
    pruned = wrapped.prune(*([wrapped.graph.as_graph_element(name) for name in names] for names in ends))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([pruned])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return converter.convert()
