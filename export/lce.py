"""A binary network -> a Larq Compute Engine file, proved against Keras before it is written.

python -m export.lce --model pose                        # pose.tflite, pose.json, pose.golden.npz
python -m export.lce --weights mine.npz --input uint8 --output app/mine.tflite

data = convert(zoo.load("pose"))                         # the file's bytes, unproved
"""

import contextlib
import functools

from bnn_landmarks import runtime, terminal
from bnn_landmarks.runtime.engine import Network

with terminal.errors_in_a_line("export", __name__):
    import larq_compute_engine
    from larq_compute_engine.tflite.python.interpreter import Interpreter

    from bnn_landmarks.network.layers import BinaryConv2D
    from export import record, verify
    from export.rewrite import frozen, inference_model


def convert(model, batch=1, dtype="float32"):
    """The LCE file of a binary network: bytes.

    Args:
        model: as `network.build` makes it. batch: images per call. dtype: of the input, "float32" in [0, 1] or "uint8".

    Raises:
        ValueError: the network has no binary convolution; a wrong batch or dtype.
    """
    if not any(isinstance(layer, BinaryConv2D) for layer in model.layers):
        raise ValueError(
            f"{model.spec.name} has no binary convolution: write it with python -m export.tflite"
        )
    with frozen(inference_model(model, batch, dtype)) as path:
        return larq_compute_engine.convert_saved_model(str(path))


def interpreter(data, num_threads=1, **kernels):
    """LCE's own interpreter on a file: [batch, S, S, 3] -> list of outputs. kernels: use_reference_bconv=True or
    use_indirect_bgemm=True, instead of its default ones."""
    opened = Interpreter(data, num_threads=num_threads, **kernels)
    # Interpreter.predict cuts a batch into single images; the wrapped one takes the file's own batch.
    return lambda images: opened.interpreter.predict([images])


def other_interpreters():
    """{name: interpreter} of what must give the same bits as `interpreter`: LCE's other kernel, and where they are
    here, the engine and its delegate on stock LiteRT."""
    others = {"LCE's indirect kernel": functools.partial(interpreter, use_indirect_bgemm=True)}
    if runtime.library_path() is not None:
        others["the engine"] = _on_engine
        with contextlib.suppress(runtime.RuntimeUnavailable):
            runtime.load_delegate()
            others["LiteRT with the delegate"] = _on_litert
    return others


def _on_engine(data):
    network = Network(data)
    return lambda images: network.run([images])


def _on_litert(data):
    opened = runtime.interpreter(data)
    source, targets = opened.get_input_details()[0]["index"], opened.get_output_details()

    def run(images):
        opened.set_tensor(source, images)
        opened.invoke()
        return [opened.get_tensor(target["index"]) for target in targets]

    return run


def export(model, path, batch=1, dtype="float32"):
    """Convert, prove, and write PATH, its .json and its golden vectors.

    Returns:
        (`verify.Census`, `verify.Parity`, bytes of the same network as float32 TFLite).

    Raises:
        ValueError: a binary convolution came out float, or the file differs from Keras; nothing is written.
    """
    from export import tflite

    record.check_target(path)
    data = convert(model, batch, dtype)
    found = verify.census(data)
    verify.check_binary(model, found)
    examples = record.examples(model.spec, batch, dtype)
    parity = verify.compare(model, data, interpreter, examples, other_interpreters())
    float_bytes = len(tflite.convert(model, batch, dtype))
    golden = record.golden(model.spec, examples[:batch], interpreter(data)(examples[:batch])[0])
    record.write(path, data, model.spec, dtype, found, golden)
    return found, parity, float_bytes


def write(model, weights=None, output=None, dtype="float32", batch=1):
    """What the commands do: `export` an entry, or packed weights, and print what was written and how it was proved."""
    target = record.target(model, weights, output)
    found, parity, float_bytes = export(record.network(model, weights), target, batch, dtype)
    record.report(target, found, parity)
    print(
        f"  float32 TFLite of the same network: {float_bytes:,} bytes, {float_bytes / found.bytes:.1f} times as many"
    )


if __name__ == "__main__":
    record.run(write, "python -m export.lce", "the Larq Compute Engine file of a network")
