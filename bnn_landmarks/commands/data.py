"""`bnn-landmarks data`: the data sets there are, preparing one, looking at one."""

import pathlib

import click

from bnn_landmarks.commands import Number

CATEGORY = "The category whose points are read, where a COCO file has several with points."


@click.group(name="data")
def command():
    """Data sets: list what can be prepared, prepare one from its download, check a folder, show its labels."""


@command.command(name="list")
@click.argument("names", nargs=-1)
def list_sets(names):
    """Where each data set is from, under which terms, and what its folder must look like."""
    from bnn_landmarks import datasets

    for name in names or datasets.BUILDERS:
        builder = datasets.builder_class(name)
        click.echo(f"{click.style(name, bold=True)}: {builder.instructions()}\n")


@command.command()
@click.argument("name")
@click.option(
    "--from", "source", required=True, help="The downloaded folder; `data list NAME` says what it holds."
)
@click.option("--data-dir", help="Where to build.  [default: $TFDS_DATA_DIR or ~/tensorflow_datasets]")
@click.option("--category", help=CATEGORY)
def prepare(name, source, data_dir, category):
    """Build the data set NAME from its downloaded folder."""
    from bnn_landmarks import datasets, files

    builder_class = datasets.builder_class(name)
    from bnn_landmarks.datasets import builder

    data_dir = data_dir or datasets.default_data_dir()
    files.check_directory(data_dir)
    target = builder.prepare(builder_class, source, data_dir, category)
    click.echo(target)


@command.command()
@click.argument("name")
@click.option("--split", help="The split to show.  [default: the first of train, val, test that it has]")
@click.option("--output", required=True, help="The contact sheet to write, .png or .jpg.")
@click.option(
    "--count",
    type=click.IntRange(1),
    default=24,
    show_default=True,
    help="Images on the sheet, evenly spread over the split.",
)
@click.option("--data-dir", help="Where NAME lies.  [default: $TFDS_DATA_DIR or ~/tensorflow_datasets]")
@click.option("--parts", is_flag=True, help="Draw the facial parts made from 68 points, not the points.")
@click.option("--category", help=CATEGORY)
def show(name, split, output, count, data_dir, parts, category):
    """Write a contact sheet of a prepared data set NAME, or of a folder, with the labels drawn, and list its points:
    number, name, side, and the partner each changes places with in a mirrored image."""
    from bnn_landmarks.datasets import checking, contact_sheet

    samples, split, shown = contact_sheet.write(
        name, split, pathlib.Path(output), count, data_dir, parts, category
    )
    click.echo("\n".join(checking.describe(samples.scheme)))
    click.echo(f"{output}: {shown} of the {len(samples)} samples of {name}, split {split}")


@command.command()
@click.argument("folder", type=click.Path(path_type=pathlib.Path, exists=True, file_okay=False))
@click.option("--split", help="Only this split.  [default: all it has]")
@click.option("--category", help=CATEGORY)
def check(folder, split, category):
    """Read every annotation and image of a FOLDER in COCO's keypoints format, or of masks, and say all that is wrong
    with it or read otherwise than one might think. Exits with 1 where something is wrong."""
    import sys

    from bnn_landmarks.datasets import checking

    reports = checking.report(folder, split, category)
    for report in reports:
        click.echo("\n".join([*report.lines, *(f"  wrong: {problem}" for problem in report.problems)]))
    wrong = sum(len(report.problems) for report in reports)
    click.echo(f"{wrong} wrong" if wrong else "all right")
    if wrong:
        sys.exit(1)


@command.command()
@click.argument("name")
@click.option("--split", default="train", show_default=True, help="The split whose labels are merged.")
@click.option(
    "--predictions", required=True, help="A strong network's, in COCO's results format; 17 points are COCO's."
)
@click.option("--output", required=True, help="The annotation file to write: a split of its own.")
@click.option(
    "--sure",
    type=Number(0, 1),
    default=0.5,
    show_default=True,
    help="Confidence from which a prediction counts.",
)
@click.option("--data-dir", default=".", show_default=True, help="Where the folder NAME lies.")
@click.option("--category", help=CATEGORY)
def clean(name, split, predictions, output, sure, data_dir, category):
    """Merge the labels of a COCO-keypoints folder NAME with predictions of the same images.

    Left and right exchanged throughout are put right; where a prediction is sure, a label near it becomes the mean of
    both, one far from it or missing the prediction; other labels stay.

    \b
    bnn-landmarks data clean lspet --predictions results.json --output lspet/annotations/train_clean.json
    """
    from bnn_landmarks.datasets import cleaning

    found = cleaning.clean(
        pathlib.Path(data_dir) / name,
        split,
        predictions,
        pathlib.Path(output),
        cleaning.Rule(sure=sure),
        category,
    )
    click.echo(f"{output}: " + ", ".join(f"{count:,} {what}" for what, count in found.items()))
