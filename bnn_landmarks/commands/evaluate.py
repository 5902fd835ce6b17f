"""`bnn-landmarks evaluate`: score a network on an annotated split."""

import pathlib
import shlex

import click

from bnn_landmarks.commands import THREADS
from bnn_landmarks.inference.engines import ENGINES

# A record is published on a card: how a score was measured, but not where this machine keeps its files.
PLACES = {"--data": "DATA", "--output": "out", "--cards": "cards"}


def told(arguments):
    """The command line with `PLACES` for the folders that were given."""
    words = [word for argument in arguments for word in _words(argument)]
    said = [PLACES.get(before, word) for before, word in zip(["", *words], words, strict=False)]
    return shlex.join(["bnn-landmarks", *said])


def _words(argument):
    option, equals, value = argument.partition("=")
    return [option, value] if equals and option in PLACES else [argument]


@click.command()
@click.argument("model")
@click.argument("dataset")
@click.option("--data", type=click.Path(path_type=pathlib.Path), help="Directory DATASET is looked for in.")
@click.option("--split", help="Split of the data set; without it DATASET's last part (mpii/val), or val.")
@click.option("--category", help="The category to score, where a COCO file has several with landmarks.")
@click.option("--engine", type=click.Choice(("auto", *ENGINES)), default="auto", show_default=True)
@click.option("--threads", type=THREADS, default=1, show_default=True, help="Threads of the engine.")
@click.option("--flip", is_flag=True, help="Add the mirrored crop's maps.")
@click.option(
    "--robustness",
    "changed",
    is_flag=True,
    help="Score it also with the box moved, the image turned, dark, blurred, compressed and halved, and measure how "
    "far its answer moves under noise and shifts that nobody sees; twenty times as long.",
)
@click.option(
    "--output",
    type=click.Path(path_type=pathlib.Path, file_okay=False),
    required=True,
    help="Directory for record.json, images.csv, curves.png, worst.jpg and comparison.md; made.",
)
@click.option(
    "--cards",
    type=click.Path(path_type=pathlib.Path, file_okay=False, exists=True),
    help="Directory to keep the record in as NAME.*.json and to write the model card NAME.md in (zoo/cards).",
)
def command(model, dataset, data, split, category, engine, threads, flip, changed, output, cards):
    """Score MODEL (an entry, a .npz, a .tflite or a training run's directory) on DATASET (a folder in COCO's keypoints
    format, or a prepared set), and hold it beside the paper's figures and others'.

    \b
    bnn-landmarks evaluate pose mpii/val --data DATA --engine lce --output runs/pose-mpii
    bnn-landmarks evaluate runs/mine/weights.npz mine/val --robustness --output runs/mine/val
    """
    import sys

    from tqdm import tqdm

    from bnn_landmarks import files
    from bnn_landmarks.evaluation import cards as model_cards
    from bnn_landmarks.evaluation import plots, robustness, scoring, steadiness
    from bnn_landmarks.evaluation.examples import open_split
    from bnn_landmarks.evaluation.record import describe, write

    for directory in (output, cards):
        if directory:
            files.check_directory(directory)
    samples, name, split = open_split(dataset, split, data, category)
    localizer, source, ran = scoring.open_network(model, engine, threads, flip)
    if cards:
        model_cards.kept_records(localizer.spec.name, cards)
    evaluation = scoring.evaluate(localizer, samples, lambda e: tqdm(e, total=len(samples), unit="image"))
    under = moved = None
    if changed:
        under = robustness.measure(localizer, samples, evaluation.metrics, lambda e: tqdm(e, unit="change"))
        if localizer.spec.task != "boxes":
            moved = steadiness.measure(localizer, samples, lambda e: tqdm(e, unit="image"))
    record = describe(
        evaluation,
        source=source,
        ran=ran,
        engine=localizer.engine.name,
        flip=localizer.flip,
        data=name,
        split=split,
        command=told(sys.argv[1:]),
        robustness=under,
        steadiness=moved,
    )
    write(evaluation, record, output)
    comparison = model_cards.comparison(record)
    with files.atomic_write(output / "comparison.md", "w") as file:
        file.write(comparison + "\n")
    if evaluation.errors:
        plots.curves(evaluation, output / "curves.png")
    plots.worst(evaluation, samples, output / "worst.jpg")
    click.echo(comparison)
    if changed:
        click.echo(f"\n{model_cards.changed(record)}\n\n{model_cards.moved(record)}")
    if cards:
        click.echo(f"\ncard: {model_cards.keep(record, cards, localizer.spec)}")
    click.echo(f"\nrecord, table, curves and worst cases: {output}")
