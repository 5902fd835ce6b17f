"""A network -> a plain float32 TFLite file, proved against Keras: the same signs as float weights, for comparison and
for real-valued networks.

    python -m export.tflite --model pose --output pose_float.tflite
"""

import warnings

from bnn_landmarks import terminal

with terminal.errors_in_a_line("export", __name__):
    import tensorflow as tf

    from export import record, verify
    from export.rewrite import float_model, frozen


def convert(model, batch=1, dtype="float32"):
    """The TFLite file of a network, binary or real: bytes. Arguments as `lce.convert`."""
    with frozen(float_model(model, batch, dtype)) as path:
        return tf.lite.TFLiteConverter.from_saved_model(str(path)).convert()


def interpreter(data, num_threads=1):
    """TensorFlow Lite's interpreter on a file: [batch, S, S, 3] -> list of outputs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it announces its move to another package
        opened = tf.lite.Interpreter(model_content=data, num_threads=num_threads)
    opened.allocate_tensors()

    def run(images):
        opened.set_tensor(opened.get_input_details()[0]["index"], images)
        opened.invoke()
        return [opened.get_tensor(output["index"]) for output in opened.get_output_details()]

    return run


def export(model, path, batch=1, dtype="float32"):
    """Convert, prove, and write PATH, its .json and its golden vectors -> (`verify.Census`, `verify.Parity`).

    Raises:
        ValueError: the file differs from Keras; nothing is written.
    """
    record.check_target(path)
    data = convert(model, batch, dtype)
    found = verify.census(data)
    examples = record.examples(model.spec, batch, dtype)
    parity = verify.compare(model, data, interpreter, examples)
    golden = record.golden(model.spec, examples[:batch], interpreter(data)(examples[:batch])[0])
    record.write(path, data, model.spec, dtype, found, golden)
    return found, parity


def write(model, weights=None, output=None, dtype="float32", batch=1):
    """What the commands do: `export` an entry, or packed weights, and print what was written and how it was proved."""
    target = record.target(model, weights, output, "_float")
    found, parity = export(record.network(model, weights), target, batch, dtype)
    record.report(target, found, parity)


if __name__ == "__main__":
    record.run(write, "python -m export.tflite", "the float32 TFLite file of a network")
