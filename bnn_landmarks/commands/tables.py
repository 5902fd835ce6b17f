"""`bnn-landmarks tables`: the rows of the paper's tables, recounted."""

import pathlib

import click


@click.command()
@click.option("--table", "numbers", type=int, multiple=True, help="Only this table; may be given again.")
@click.option(
    "--records",
    type=click.Path(path_type=pathlib.Path, exists=True, file_okay=False),
    help="Directory of evaluation records to take our scores from, besides the zoo's cards (zoo/cards) and "
    "docs/ablation.json.",
)
def command(numbers, records):
    """Print, for every row of the paper's tables 1-8, 10, 11 and 15, the network's parameters, size and
    multiply-accumulates as counted from the network built at 256x256, the paper's score, and ours where measured."""
    from bnn_landmarks.evaluation import tables

    click.echo(tables.render(numbers, records))
