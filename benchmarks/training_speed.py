"""A training step on TensorFlow's operations and on the CPU kernels, side by side in one run.

    PYTHONPATH=. python benchmarks/training_speed.py [--size 128] [--batch 8] [--rounds 10]

The two take turns, step by step, so that a busy machine slows both. Prints medians and their ratio.
"""

import time

import click
import numpy as np

from bnn_landmarks.training.recipe import override


@click.command()
@click.option("--size", default=128, show_default=True, help="Input size in pixels.")
@click.option("--batch", default=8, show_default=True, help="Images per step.")
@click.option("--rounds", default=10, show_default=True, help="Timed steps of each.")
def main(size, batch, rounds):
    """Time the training steps of the recipe `pose`."""
    import tensorflow as tf

    from bnn_landmarks import training_ops
    from bnn_landmarks.recipes import pose
    from bnn_landmarks.training.model import build_for_training

    if training_ops.problem():
        raise click.ClickException(f"no CPU kernels here: {training_ops.problem()}")
    recipe = override(pose.recipe, {"spec.input_size": size, "batch_size": batch})
    rng = np.random.default_rng(0)
    images = tf.constant(rng.random((batch, size, size, 3)), tf.float32)
    points = rng.uniform(0, size, (batch, recipe.spec.outputs, 2))
    points = tf.constant(np.concatenate([points, np.ones((*points.shape[:2], 1))], -1), tf.float32)
    models = {
        name: build_for_training(recipe, fast=name == "CPU kernels") for name in ("TensorFlow", "CPU kernels")
    }
    seconds = {name: [] for name in models}
    for model in models.values():
        model.train_on_batch(images, points)  # traces
    for _ in range(rounds):
        for name, model in models.items():
            start = time.perf_counter()
            model.train_on_batch(images, points)
            seconds[name].append(time.perf_counter() - start)
    medians = {name: float(np.median(each)) for name, each in seconds.items()}
    click.echo(f"the CPU kernels are {medians['TensorFlow'] / medians['CPU kernels']:.2f} times as fast")
    for name, median in medians.items():
        click.echo(f"{name:12} {1e3 * median:7.0f} ms per step, {batch / median:5.1f} samples a second")


if __name__ == "__main__":
    main()
