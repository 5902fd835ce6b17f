"""`bnn-landmarks train`: train a recipe."""

import pathlib
import sys

import click

from bnn_landmarks.commands import Number


@click.command()
@click.argument("recipe", required=False)
@click.option(
    "--data",
    type=click.Path(path_type=pathlib.Path, exists=True, file_okay=False),
    help="Directory of the data sets; for the recipe landmarks, your own folder.",
)
@click.option(
    "--output", type=click.Path(path_type=pathlib.Path, file_okay=False), help="Directory of the run; made."
)
@click.option("--resume", is_flag=True, help="Go on from the run's last checkpoint.")
@click.option(
    "--initial", type=click.Path(), help="First weights: a .npz, a run's directory or a checkpoint."
)
@click.option(
    "--branch",
    type=click.Path(path_type=pathlib.Path, exists=True, file_okay=False),
    help="Begin at the last checkpoint of another run, which may go on.",
)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Replace a value of the recipe.")
@click.option("--category", help="The category to learn, where a COCO file has several with landmarks.")
@click.option(
    "--skip-bad",
    is_flag=True,
    help="Leave out annotations and images that can't be used, and say which, instead of refusing to begin.",
)
@click.option(
    "--strategy", type=click.Choice(("none", "mirrored", "multiworker")), default="none", show_default=True
)
@click.option(
    "--kernels",
    type=click.Choice(("auto", "cpu", "tensorflow")),
    default="auto",
    show_default=True,
    help="What computes the steps: auto takes the CPU kernels where they work.",
)
@click.option(
    "--validate-samples",
    type=click.IntRange(1),
    default=8000,
    show_default=True,
    help="Samples between validations.",
)
@click.option(
    "--checkpoint-minutes",
    type=Number(0),
    default=4.0,
    show_default=True,
    help="Minutes between checkpoints.",
)
@click.option("--list", "show", is_flag=True, help="Print the recipes; with RECIPE what that one says.")
def command(
    recipe,
    data,
    output,
    resume,
    initial,
    branch,
    settings,
    category,
    skip_bad,
    strategy,
    kernels,
    validate_samples,
    checkpoint_minutes,
    show,
):
    """Train RECIPE: a name (--list prints them) or the path of a recipe of your own, a .py.

    \b
    bnn-landmarks train pose --data DATA --output runs/pose
    bnn-landmarks train pose --data DATA --output runs/pose --resume
    bnn-landmarks train landmarks --data MYSET --output runs/mine --set samples=20000

    \b
    Training for days: a trunk whose rate is held, and a release that branches off it and decays; the trunk goes on.
    bnn-landmarks train pose --data DATA --output runs/trunk --set schedule=hold --set samples=5000000
    bnn-landmarks train pose --data DATA --output runs/release --branch runs/trunk --set schedule=decay \
        --set samples=40000

    The run's directory holds weights.npz at the end (best.npz: of the best validation), which evaluate, predict and
    python -m export.lce --weights take.
    """
    from bnn_landmarks import files, recipes

    if show and recipe in recipes.names():
        click.echo(recipes.text(recipe).strip())
        return
    if show:
        for name in recipes.names():
            click.echo(f"{name:28}{recipes.text(name).strip().splitlines()[0]}")
        return
    missing = [
        what for what, given in (("RECIPE", recipe), ("--data", data), ("--output", output)) if not given
    ]
    if missing:
        raise click.UsageError(f"{missing[0]} is missing; --list prints the recipes")
    files.check_directory(output)
    from bnn_landmarks.training.recipe import override, parse
    from bnn_landmarks.training.stopping import Stopped
    from bnn_landmarks.training.trainer import make_strategy, train

    plan = recipes.make(recipe, data, category)
    changes = {"category": category} if category else {}
    plan = override(plan, changes | dict(parse(setting) for setting in settings))
    try:
        train(
            plan,
            data,
            output,
            resume=resume,
            initial=initial,
            validate_samples=validate_samples,
            checkpoint_minutes=checkpoint_minutes,
            strategy=make_strategy(strategy),
            kernels=kernels,
            branch=branch,
            skip_bad=skip_bad,
        )
    except Stopped as stopped:
        click.echo(f"bnn-landmarks: {stopped}", err=True)
        sys.exit(128 + stopped.number)
    click.echo(f"trained: {output / 'weights.npz'}")
