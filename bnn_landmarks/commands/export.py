"""`bnn-landmarks export`: a network as a file for devices, as `python -m export.lce`, `python -m export.tflite`."""

import pathlib

import click


@click.command()
@click.argument("model", required=False)
@click.option(
    "--weights",
    type=click.Path(path_type=pathlib.Path),
    help="Packed weights (.npz) of your own, instead of the released ones; MODEL may then be left out.",
)
@click.option(
    "--output",
    type=click.Path(path_type=pathlib.Path),
    help="The .tflite to write.  [default: MODEL.tflite, MODEL_float.tflite]",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(("lce", "tflite")),
    default="lce",
    show_default=True,
    help="Larq Compute Engine's binary operators, or plain float32 TFLite.",
)
@click.option(
    "--input", "dtype", type=click.Choice(("float32", "uint8")), default="float32", show_default=True
)
@click.option("--batch", type=click.IntRange(min=1), default=1, show_default=True, help="Images per call.")
def command(model, weights, output, kind, dtype, batch):
    """Write MODEL (an entry) as a .tflite, proved against Keras, with its .json and golden vectors.

    \b
    bnn-landmarks export pose
    bnn-landmarks export pose --input uint8 --output app/pose.tflite
    bnn-landmarks export --weights run/weights.npz --output mine.tflite
    """
    if not (model or weights):
        raise click.UsageError("give MODEL or --weights FILE")
    import importlib

    from absl import logging

    logging.set_verbosity(logging.ERROR)
    exporter = importlib.import_module(f"export.{kind}")
    exporter.write(model, weights, output, dtype, batch)
