"""`bnn-landmarks benchmark`: time the engines side by side."""

import pathlib

import click

from bnn_landmarks.commands import THREADS


@click.command()
@click.argument("model", default="pose")
@click.option("--threads", type=THREADS, default=1, show_default=True, help="Threads of each interpreter.")
@click.option("--engines", help="Comma-separated; all by default: runtime, tflite, keras, lce-default, ...")
@click.option(
    "--rounds",
    type=click.IntRange(1),
    default=30,
    show_default=True,
    help="Timed runs of each engine; they take turns.",
)
@click.option("--profile", is_flag=True, help="Also print where the runtime's time goes.")
@click.option(
    "--output",
    type=click.Path(path_type=pathlib.Path, file_okay=False),
    help="Directory for benchmark.json and benchmark.png; made.",
)
def command(model, threads, engines, rounds, profile, output):
    """Time MODEL (an entry, a .npz or a .tflite) on every engine there is, in one run, ratios first.

    \b
    bnn-landmarks benchmark pose
    bnn-landmarks benchmark pose --threads 2 --engines runtime,lce-indirect,tflite --output bench
    """
    import importlib.util
    import json

    from bnn_landmarks import files
    from bnn_landmarks.inference import benchmark

    if output:
        files.check_directory(output)
    chosen = benchmark.VARIANTS if engines is None else tuple(engines.split(","))
    timings = benchmark.compare(model, chosen, threads, rounds)
    for line in benchmark.table(timings, threads):
        click.echo(line)
    if profile:
        for step, milliseconds in next((t.profile for t in timings if t.profile), ()):
            click.echo(f"{milliseconds:9.3f} ms  {step}")
    if output:
        output.mkdir(parents=True, exist_ok=True)
        with files.atomic_write(output / "benchmark.json", "w") as file:
            json.dump(benchmark.record(timings, str(model), threads), file, indent=1)
        if importlib.util.find_spec("matplotlib"):
            benchmark.plot(timings, output / "benchmark.png")
            click.echo(f"record and plot: {output}")
        else:
            click.echo(
                f"record: {output} (no plot: matplotlib is not installed; bnn-landmarks[train] brings it)"
            )
