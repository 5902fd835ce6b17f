"""Training: a recipe, folders of data, a directory that a killed run goes on from.

    train(recipe, "data", "runs/pose")            # the same call again goes on after a kill, with resume=True

The directory holds `checkpoints/` (model and optimizer, TensorFlow's format), `log.csv` and `recipe.json`.
"""

import csv
import dataclasses
import json
import pathlib
import time

import numpy as np
import tensorflow as tf

from bnn_landmarks import crops, heatmaps, metrics
from bnn_landmarks.datasets.coco import CocoKeypoints
from bnn_landmarks.datasets.pipeline import TrainingSamples, batches
from bnn_landmarks.datasets.sample import subject_square
from bnn_landmarks.losses import landmark_loss
from bnn_landmarks.network import build
from bnn_landmarks.schemes import convert


def learning_rate(recipe):
    """The recipe's schedule over its steps."""
    schedules = tf.keras.optimizers.schedules
    if recipe.schedule == "cosine":
        warmup = int(recipe.warmup * recipe.steps)
        return schedules.CosineDecay(
            0.0 if warmup else recipe.learning_rate,
            recipe.steps - warmup,
            warmup_target=recipe.learning_rate if warmup else None,
            warmup_steps=warmup,
        )
    shares, rates = zip(*recipe.schedule, strict=True)
    return schedules.PiecewiseConstantDecay([int(s * recipe.steps) for s in shares], [recipe.learning_rate, *rates])


def make_optimizer(recipe):
    optimizers = {"adam": tf.keras.optimizers.Adam, "rmsprop": tf.keras.optimizers.RMSprop}
    return optimizers[recipe.optimizer](learning_rate(recipe))


class Validation:
    """A split's crops, made once, and the accuracy of a model on them: PCKh@0.5 where head sizes are known, else
    PCK@0.2 of the torso, over the limb joints."""

    def __init__(self, dataset, spec):
        self.stride = spec.stride
        names = spec.landmark_scheme().names
        limbs = [name in metrics.LIMBS for name in names]
        patches, truth, counted, normaliser = [], [], [], []
        for sample in (dataset[i] for i in range(len(dataset))):
            center, side = subject_square(sample, spec)
            matrix = crops.affine(center, side, spec.input_size)
            points, visible = convert(sample.landmarks, sample.visible, dataset.scheme.name, spec.scheme)
            length = sample.head_size or metrics.torso(points, visible, names)
            patches.append(crops.crop(sample.image, matrix, spec.input_size))
            truth.append(crops.transform(points, matrix))
            counted.append((visible > 0) & limbs)
            normaliser.append(length * spec.input_size / side)
        self.threshold = 0.5 if sample.head_size else 0.2
        self.patches, self.truth = np.stack(patches), np.stack(truth)
        self.counted, self.normaliser = np.stack(counted), normaliser

    def score(self, model):
        patches = crops.to_input(self.patches)
        maps = [model.predict_on_batch(patches[i : i + 50]) for i in range(0, len(patches), 50)]
        points, _ = heatmaps.decode(np.concatenate(maps), self.stride)
        errors = metrics.normalised_errors(points, self.truth, self.counted, self.normaliser)
        return metrics.pck(errors, self.threshold)[1]


class Checkpoints(tf.keras.callbacks.Callback):
    """Saves model and optimizer every few minutes and at the end; validates every `validate_samples`; logs."""

    def __init__(self, manager, validations, directory, recipe, validate_samples, minutes=4):
        super().__init__()
        self.manager, self.validations, self.directory, self.recipe = manager, validations, directory, recipe
        self.validate_steps, self.seconds = max(1, validate_samples // recipe.batch_size), 60 * minutes
        self.saved = time.monotonic()
        self.losses = []

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(logs["loss"])
        step = int(self.model.optimizer.iterations)
        if time.monotonic() - self.saved > self.seconds or step == self.recipe.steps:
            self.manager.save(step)
            self.saved = time.monotonic()
        if step % self.validate_steps == 0 or step == self.recipe.steps:
            scores = {name: round(v.score(self.model), 2) for name, v in self.validations.items()}
            row = {"time": time.strftime("%H:%M:%S"), "samples": step * self.recipe.batch_size}
            row |= {"loss": round(float(np.mean(self.losses[-200:])), 4), **scores}
            self.losses = []
            path = self.directory / "log.csv"
            new = not path.exists()
            with open(path, "a", newline="") as file:
                writer = csv.DictWriter(file, row.keys())
                if new:
                    writer.writeheader()
                writer.writerow(row)
            print(row, flush=True)


def train(recipe, data, output, resume=False, initial=None, validate_samples=8000):
    """Train a recipe.

    Args:
        data: directory of the data-set folders. output: directory of the run.
        resume: go on from the run's last checkpoint. initial: checkpoint path to take first weights from.

    Returns:
        the trained tf.keras.Model.

    Raises:
        FileExistsError: `output` holds a run and `resume` is False.
    """
    data, output = pathlib.Path(data), pathlib.Path(output)
    model = build(recipe.spec)
    optimizer = make_optimizer(recipe)
    model.compile(optimizer, landmark_loss(recipe.loss, recipe.spec.stride, recipe.spec.sigma))
    checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer)
    manager = tf.train.CheckpointManager(checkpoint, output / "checkpoints", max_to_keep=3)
    if manager.latest_checkpoint and not resume:
        raise FileExistsError(f"{output} already holds a run: pass resume to go on with it, or name another directory")
    output.mkdir(parents=True, exist_ok=True)
    (output / "recipe.json").write_text(json.dumps(dataclasses.asdict(recipe), indent=1))
    optimizer.build(model.trainable_variables)
    if manager.latest_checkpoint:
        checkpoint.restore(manager.latest_checkpoint).assert_consumed()
    elif initial:
        tf.train.Checkpoint(model=model).restore(initial).expect_partial()
    done = int(optimizer.iterations)

    datasets = [CocoKeypoints(data / name, split) for name, split in recipe.train]
    samples = TrainingSamples(datasets, recipe.spec, recipe.augmentation, recipe.seed)
    validations = {
        f"{name}/{split}": Validation(CocoKeypoints(data / name, split), recipe.spec) for name, split in recipe.validate
    }
    callback = Checkpoints(manager, validations, output, recipe, validate_samples)
    if done < recipe.steps:
        stream = batches(samples, recipe.batch_size, first=done * recipe.batch_size)
        model.fit(stream, steps_per_epoch=recipe.steps - done, callbacks=[callback], verbose=0)
    return model
