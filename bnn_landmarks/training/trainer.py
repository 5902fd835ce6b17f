"""Training: a recipe, folders of data, a directory that a killed run goes on from.

    train(recipe, "data", "runs/pose")                     # then weights.npz is what Localizer and the exporter read
    train(recipe, "data", "runs/pose", resume=True)        # after a kill: the same weights as without it

The directory holds
    recipe.json     what is trained
    checkpoints/    weights and optimizer every few minutes, TensorFlow's format; losses since the log's last row
    log.csv         loss and validation; tensorboard/ the same with pictures, where tensorboard is installed
    best.npz        packed weights of the best validation so far; weights.npz, of the end of the run
    stage1/ ...     the same of each stage but the last, where the recipe has stages

Sample n of a run depends on the seed and n alone (`training.samples`), so that a checkpoint needs no more than the
optimizer's step to go on as if nothing had happened.
"""

import contextlib
import csv
import dataclasses
import importlib.util
import json
import math
import os
import pathlib
import shutil
import sys
import tempfile
import time

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from bnn_landmarks import datasets, files, training_ops
from bnn_landmarks.evaluation import scoring
from bnn_landmarks.geometry import crops, draw
from bnn_landmarks.inference.engines import open_engine
from bnn_landmarks.inference.localizer import Localizer
from bnn_landmarks.network import weights
from bnn_landmarks.network.build import build
from bnn_landmarks.network.layers import BinaryConv2D
from bnn_landmarks.spec import Spec
from bnn_landmarks.training.losses import distillation, landmark_loss
from bnn_landmarks.training.recipe import override
from bnn_landmarks.training.samples import TrainingSamples, batches

SHOWN = 8


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
    return schedules.PiecewiseConstantDecay(
        [int(s * recipe.steps) for s in shares], [recipe.learning_rate, *rates]
    )


def make_optimizer(recipe, fast=False):
    adam = training_ops.FastAdam if fast else tf.keras.optimizers.Adam
    kind = {"adam": adam, "rmsprop": tf.keras.optimizers.RMSprop}[recipe.optimizer]
    average = {"use_ema": True, "ema_momentum": recipe.average} if recipe.average else {}
    optimizer = kind(learning_rate(recipe), **average)
    if recipe.precision == "float16":
        optimizer = tf.keras.mixed_precision.LossScaleOptimizer(optimizer)
    return optimizer


KERNELS = ("auto", "cpu", "tensorflow")


def chooses_cpu_kernels(kernels, recipe, strategy=None):
    """Whether to train on `training_ops`: with "auto" where they work, with "cpu" always, with "tensorflow" never.

    Raises:
        ValueError: "cpu", and they don't work here or for this recipe.
    """
    if kernels not in KERNELS:
        raise ValueError(f"kernels must be one of {', '.join(KERNELS)}, not {kernels!r}")
    if kernels == "tensorflow":
        return False
    if strategy or recipe.precision != "float32" or recipe.jit_compile:
        reason = "they compute in float32, without XLA and without a strategy"
    else:
        reason = training_ops.problem()
    if reason and kernels == "cpu":
        raise ValueError(f"the CPU kernels can't be used: {reason}; --kernels tensorflow trains without them")
    if reason:
        tqdm.write(f"training on TensorFlow's own kernels, not the CPU kernels: {reason}", file=sys.stderr)
    return reason is None


def build_for_training(recipe, synchronised=False, fast=False):
    """The recipe's network in its precision, compiled with its loss and optimizer.

    fast: on `training_ops`.
    synchronised: batch normalisation takes its statistics over all replicas, so that they learn what one machine
        with the joint batch would.
    """
    policy = recipe.precision if recipe.precision == "float32" else f"mixed_{recipe.precision}"
    tf.keras.mixed_precision.set_global_policy(policy)
    try:
        model = build(recipe.spec)
        if fast:
            model = training_ops.accelerate(model)
        if recipe.teacher:
            model = _with_teacher(model, _network(recipe.teacher), recipe)
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    if synchronised:
        for layer in model.layers:
            if isinstance(layer, tf.keras.layers.BatchNormalization):
                layer.fused, layer.synchronized = False, True
    loss = landmark_loss(recipe.loss, recipe.spec.stride, recipe.spec.sigma)
    model.compile(make_optimizer(recipe, fast), loss, jit_compile=recipe.jit_compile)
    model.distribute_reduction_method = "first"  # the loss that is logged is already the mean over replicas
    model.optimizer.build(model.trainable_variables)
    return model


def _with_teacher(model, teacher, recipe):
    match = distillation(recipe.loss)

    class Student(tf.keras.Model):
        """The network, whose loss also asks for the teacher's maps."""

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
            loss = super().compute_loss(x, y, y_pred, sample_weight)
            wanted = tf.stop_gradient(_last(teacher(x, training=False)))
            each = y_pred if isinstance(y_pred, list) else [y_pred]
            return loss + recipe.teacher_weight * tf.add_n([match(maps, wanted) for maps in each])

    if teacher.spec.landmark_scheme().names != recipe.spec.landmark_scheme().names:
        raise ValueError(f"the teacher finds {teacher.spec.scheme}, not {recipe.spec.scheme}")
    if teacher.spec.input_size != recipe.spec.input_size:
        raise ValueError(f"the teacher reads {teacher.spec.input_size} pixels, not {recipe.spec.input_size}")
    student = Student(model.inputs, model.outputs, name=model.name)
    student.spec = model.spec
    return student


def steps_done(model):
    """Steps its optimizer has taken, also before a killed run was resumed."""
    return int(model.optimizer.iterations.numpy())


def _last(maps):
    return maps[-1] if isinstance(maps, list) else maps


def start_from(model, source):
    """Give a network the variables of another that have its layers' names and shapes.

    Args:
        source: a packed `.npz`, a training run's directory, or the path of a checkpoint of the same network. A packed
            file knows only the signs of binary kernels: their latent weights get the mean size of fresh ones, so that
            they can still turn. Where kernels come from a network without scales (real, or of real weights), the
            learned scale of their binary convolution starts at their mean size.

    Returns:
        how many of the model's variables were set.

    Raises:
        FileNotFoundError: there is nothing there. ValueError: nothing fits.
    """
    source = pathlib.Path(source)
    if not (source.is_file() or source.is_dir()):
        if not source.with_name(f"{source.name}.index").is_file():
            raise FileNotFoundError(f"no weights, training run or checkpoint at {source}")
        given = build(model.spec)
        tf.train.Checkpoint(model=given).restore(str(source)).expect_partial()
        model.set_weights(given.get_weights())
        return len(model.weights)
    network = _network(source)
    given, taken = dict(_variables(network)), set()
    for key, variable in _variables(model):
        if key in given and given[key].shape == variable.shape:
            variable.assign(given[key])
            taken.add(key)
    if not taken:
        raise ValueError(f"{source} has no layer in common with the network to train")
    for layer in model.layers:
        if isinstance(layer, BinaryConv2D) and f"{layer.name}/kernel" in taken:
            _fit_scale(layer, getattr(network.get_layer(layer.name), "scale_mode", None))
    return len(taken)


def _fit_scale(layer, theirs):
    """The size of the latent weights of a binary convolution with another's variables, and its learned scale where the
    other's mode, `theirs`, was not that; None for no binary one."""
    size = np.abs(layer.kernel.numpy())
    if layer.scale_mode == "learned" and theirs != "learned":
        factor = layer.scale.numpy() if theirs == "fixed" else size.mean(axis=(0, 1, 2))
        layer.scale.assign(factor / layer.unit)
    if (size == 1).all():
        layer.kernel.assign(layer.kernel * he_mean(layer.kernel.shape))


def he_mean(shape):
    """Mean size of the weights [k, k, in, out] of a He-normal kernel."""
    return math.sqrt(2 / math.pi) * math.sqrt(2 / math.prod(shape[:3]))


def _network(source):
    """The network of a packed file; of a run's directory with the latent weights of its last checkpoint, if it is
    still there."""
    source = pathlib.Path(source)
    if not source.is_dir():
        return weights.load(source)
    kept = tf.train.latest_checkpoint(source / "checkpoints")
    if kept is None:
        return weights.load_checkpoint(source)
    model = build(Spec.from_dict(json.loads((source / "recipe.json").read_text())["spec"]))
    tf.train.Checkpoint(model=model).restore(kept).assert_existing_objects_matched().expect_partial()
    return model


def _variables(model):
    for layer in model.layers:
        for variable in layer.weights:
            yield f"{layer.name}/{variable.name.split('/')[-1].split(':')[0]}", variable


class _Share:
    """Every step's samples that one of several workers reads: worker w of W takes the w-th part of each batch."""

    def __init__(self, samples, batch_size, worker, workers):
        self.samples, self.spec = samples, samples.spec
        self.batch_size, self.worker, self.part = batch_size, worker, batch_size // workers

    def __getitem__(self, number):
        step, place = divmod(int(number), self.part)
        return self.samples[step * self.batch_size + self.worker * self.part + place]


def _stream(samples, recipe, done, strategy):
    """Batches from step `done` on, one share a worker of the strategy."""

    def read(samples, size, first):
        stream = batches(samples, size, first=first)
        if recipe.spec.stacks > 1:
            stream = stream.map(lambda images, targets: (images, (targets,) * recipe.spec.stacks))
        return stream

    if strategy is None:
        return read(samples, recipe.batch_size, done * recipe.batch_size)

    def of_worker(context):
        share = _Share(samples, recipe.batch_size, context.input_pipeline_id, context.num_input_pipelines)
        return read(share, context.get_per_replica_batch_size(recipe.batch_size), done * share.part)

    return strategy.distribute_datasets_from_function(of_worker)


class Validation:
    """A split's crops, made once, and the headline of a network on them (`scoring.headline`)."""

    def __init__(self, dataset, spec):
        self.examples = list(scoring.examples(dataset, spec))

    def score(self, localizer):
        """(metric, group, percent, True where more is better)."""
        return scoring.score(localizer, self.examples)


class _Run(tf.keras.callbacks.Callback):
    """What happens beside the steps: checkpoints, validation, logs, progress."""

    def __init__(self, recipe, directory, manager, twin, validations, validate_steps, minutes, chief, alone):
        super().__init__()
        self.recipe, self.directory, self.manager, self.twin = recipe, directory, manager, twin
        self.validations, self.validate_steps = validations, validate_steps
        self.seconds, self.chief, self.alone = 60 * minutes, chief, alone
        self.localizer = Localizer(open_engine(twin, "keras"))
        self.saved, self.losses, self.scores, self.past = time.monotonic(), [], {}, []
        self.board = None

    def on_train_begin(self, logs=None):
        done = steps_done(self.model)
        if self.chief:
            self.losses = _read_losses(self._kept_losses(), done)
            self.past = _trim_log(self.directory / "log.csv", done * self.recipe.batch_size)
            if importlib.util.find_spec("tensorboard"):
                self.board = tf.summary.create_file_writer(str(self.directory / "tensorboard"))
        self.bar = tqdm(total=self.recipe.steps, initial=done, unit="step", disable=not self.chief)

    def on_train_batch_begin(self, batch, logs=None):
        self.model.reset_metrics()  # so that the loss below is this step's

    def on_train_batch_end(self, batch, logs=None):
        loss, step = logs["loss"], steps_done(self.model)
        if not np.isfinite(loss):
            self._stop(f"the loss is {loss} at step {step}")
        self.losses.append(float(loss))
        last = step == self.recipe.steps
        validating = last or step % self.validate_steps == 0
        # With several workers saving takes all of them at the same step, so no clock decides.
        if validating or (self.alone and time.monotonic() - self.saved >= self.seconds):
            self._synchronise(step)
            # First, so that whoever goes on from the checkpoint has this step's validation behind him.
            if validating and self.chief:
                self._validate(step, last)
            self._save(step)
        self.bar.update()
        if self.chief and len(self.losses) % 20 == 1:
            self.bar.set_postfix({"loss": f"{np.mean(self.losses[-100:]):.4f}", **self.scores}, refresh=False)

    def on_train_end(self, logs=None):
        self.bar.close()

    def finish(self, step):
        """What a run that was already at its end still has to give: the trained network."""
        self._synchronise(step)

    def _synchronise(self, step):
        """Put the weights, or their moving average, into the float32 network that is validated and saved."""
        own = self.model.get_weights()
        if self.recipe.average:
            optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
            optimizer.finalize_variable_values(self.model.trainable_variables)
        self.twin.set_weights(self.model.get_weights())
        self.model.set_weights(own)
        wrong = [v.name for v in self.twin.variables if not np.isfinite(v.numpy()).all()]
        if wrong:
            self._stop(f"{wrong[0]} holds values that are not finite at step {step}")

    def _stop(self, reason):
        kept = self.manager.latest_checkpoint
        raise ValueError(
            f"training stopped: {reason}. "
            + (f"The last good checkpoint is {kept}; " if kept else "No checkpoint was written yet; ")
            + "try a lower learning rate (--set learning_rate=...) or --set precision=float32"
        )

    def _kept_losses(self):
        return self.directory / "checkpoints" / "losses.json"

    def _save(self, step):
        if self.chief:
            self._write(lambda: _keep_losses(self._kept_losses(), step, self.losses), step)
        self._write(lambda: self.manager.save(step), step)
        self.saved = time.monotonic()

    def _write(self, write, step):
        try:
            return write()
        except (tf.errors.OpError, OSError) as error:
            reason = getattr(error, "message", None) or str(error)
            raise OSError(
                f"can't write to {self.directory} at step {step} ({reason.splitlines()[0]}). "
                "Make room there, then go on from the last checkpoint with --resume"
            ) from error

    def _validate(self, step, last):
        found = {name: validation.score(self.localizer) for name, validation in self.validations.items()}
        samples = step * self.recipe.batch_size
        row = {"time": time.strftime("%H:%M:%S"), "samples": samples}
        row |= {"loss": round(float(np.mean(self.losses)), 4)}
        row |= {name: round(value, 2) for name, (_, _, value, _) in found.items()}
        self.losses, self.scores = [], {name: row[name] for name in found}
        self._write(lambda: _append(self.directory / "log.csv", row), step)
        if self.board:
            self._write(lambda: self._show(step, row, found), step)
        if found:
            name, (metric, group, value, more) = next(iter(found.items()))
            self.bar.write(f"{samples:,} samples: {name} {metric} {group} {value:.2f}, loss {row['loss']}")
            past = [float(row[name]) for row in self.past]
            self.past.append(row)
            if all(row[name] > other if more else row[name] < other for other in past):
                self._write(lambda: weights.save(self.twin, self.directory / "best.npz"), step)
        if last:
            self._write(lambda: weights.save(self.twin, self.directory / "weights.npz"), step)

    def _show(self, step, row, found):
        with self.board.as_default(step):
            tf.summary.scalar("loss", row["loss"])
            tf.summary.scalar("learning rate", self.model.optimizer.learning_rate)
            for name, (metric, group, value, _) in found.items():
                tf.summary.scalar(f"{name}: {metric} {group}", value)
            for name, validation in self.validations.items():
                picture = overlays(self.localizer, validation.examples[:SHOWN])
                tf.summary.image(name, picture[None])
        self.board.flush()


def overlays(localizer, examples):
    """Crops with what the network finds in them, uint8 [H, W, 3]."""
    spec, pictures = localizer.spec, []
    if spec.task == "parts":
        for each, mask in scoring.segment(localizer, examples):
            pictures.append(draw.parts(each.patch, mask))
    else:
        _, points, scores = scoring.locate(localizer, examples)
        for each, found, score in zip(examples, points, scores, strict=True):
            inside = crops.transform(found, each.matrix)
            pictures.append(draw.landmarks(each.patch, inside, spec.landmark_scheme(), score))
    return draw.sheet(pictures, 4, spec.input_size)


def _keep_losses(path, step, losses):
    """The losses since the log's last row, for the run that goes on from this step's checkpoint. Those of the one
    before stay, in case this one's is never written."""
    before = json.loads(path.read_text()) if path.is_file() else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.atomic_write(path, "w") as file:
        json.dump({**dict([*before.items()][-1:]), str(step): losses}, file)


def _read_losses(path, step):
    return json.loads(path.read_text()).get(str(step), []) if path.is_file() else []


def _append(path, row):
    new = not path.exists()
    with open(path, "a", newline="") as file:
        writer = csv.DictWriter(file, row.keys())
        if new:
            writer.writeheader()
        writer.writerow(row)


def _trim_log(path, samples):
    """The log's rows up to `samples`, which the run goes on from; later ones are taken out of the file."""
    if not path.is_file():
        return []
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    kept = [row for row in rows if int(row["samples"]) <= samples]
    if len(kept) < len(rows):
        with files.atomic_write(path, "w") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(kept)
    return kept


STRATEGIES = ("none", "mirrored", "multiworker")


def make_strategy(name):
    """A tf.distribute strategy: None, all GPUs of this machine, or the workers that TF_CONFIG names.

    Raises:
        ValueError: multiworker without TF_CONFIG.
    """
    if name == "none":
        return None
    if name == "mirrored":
        return tf.distribute.MirroredStrategy()
    if "TF_CONFIG" not in os.environ:
        raise ValueError(
            "the strategy multiworker needs the environment variable TF_CONFIG, on the first worker "
            """'{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'"""
        )
    return tf.distribute.MultiWorkerMirroredStrategy()


def train(
    recipe,
    data,
    output,
    resume=False,
    initial=None,
    validate_samples=8000,
    checkpoint_minutes=4.0,
    strategy=None,
    kernels="auto",
):
    """Train a recipe.

    Args:
        recipe: `Recipe`. data: directory of the data sets. output: directory of the run; made.
        resume: go on from the run's last checkpoint, if there is one.
        initial: where first weights come from, as `start_from` takes it.
        validate_samples: samples between validations. checkpoint_minutes: minutes between checkpoints (with several
            workers a checkpoint is written at each validation instead).
        strategy: a tf.distribute strategy. Each step's batch is split over its replicas, batch normalisation takes its
            statistics over all of them; a loss is the mean of theirs, each over its own labelled landmarks.
        kernels: of `KERNELS`, as `chooses_cpu_kernels` takes it.

    Returns:
        the trained network, tf.keras.Model in float32; with `recipe.average` its moving average.

    Raises:
        FileExistsError: `output` holds a run and `resume` is False. FileNotFoundError, ValueError: as `datasets.open`.
        ValueError: the loss or a weight is no longer finite.
        OSError: `output` can't be written to, or its disk is full.
    """
    output = pathlib.Path(output)
    stages = [override(dataclasses.replace(recipe, stages=()), stage) for stage in recipe.stages] or [recipe]
    for number, stage in enumerate(stages, 1):
        last = number == len(stages)
        directory = output if last else output / f"stage{number}"
        if last or not (directory / "weights.npz").is_file():
            model = _train_stage(
                stage,
                data,
                directory,
                resume,
                initial,
                validate_samples,
                checkpoint_minutes,
                strategy,
                kernels,
            )
        elif not resume:
            raise _exists(output)
        initial = directory
    return model


def _exists(output):
    return FileExistsError(
        f"{output} already holds a run: pass --resume to go on with it, or name another directory"
    )


def _train_stage(recipe, data, output, resume, initial, validate_samples, minutes, strategy, kernels):
    fast = chooses_cpu_kernels(kernels, recipe, strategy)
    replicas = strategy.num_replicas_in_sync if strategy else 1
    workers = getattr(strategy.extended, "_num_workers", 1) if strategy else 1
    chief = workers == 1 or strategy.cluster_resolver.task_id == 0
    if recipe.batch_size % replicas:
        raise ValueError(f"a batch of {recipe.batch_size} can't be split over {replicas} replicas")
    if recipe.average and replicas > 1:
        raise ValueError("the moving average of the weights (average) works on one replica only")
    if tf.train.latest_checkpoint(output / "checkpoints") and not resume:
        raise _exists(output)
    splits = {pair: datasets.open(*pair, data) for pair in {*recipe.train, *recipe.validate}}
    samples = TrainingSamples(
        [splits[pair] for pair in recipe.train], recipe.spec, recipe.augmentation, recipe.seed
    )
    validations = {}
    if chief:
        output.mkdir(parents=True, exist_ok=True)
        with files.atomic_write(output / "recipe.json", "w") as file:
            json.dump(recipe.to_dict(), file, indent=1)
        validations = {f"{n}/{s}": Validation(splits[n, s], recipe.spec) for n, s in recipe.validate}

    tf.keras.utils.set_random_seed(recipe.seed)
    twin = build(recipe.spec)
    with strategy.scope() if strategy else contextlib.nullcontext():
        model = build_for_training(recipe, synchronised=replicas > 1, fast=fast)
        checkpoint = tf.train.Checkpoint(model=model, optimizer=model.optimizer)
        # Every worker takes part in a checkpoint; the chief's is the one that stays.
        place = output / "checkpoints" if chief else pathlib.Path(tempfile.mkdtemp()) / "checkpoints"
        manager = tf.train.CheckpointManager(checkpoint, place, max_to_keep=3)
        kept = tf.train.latest_checkpoint(output / "checkpoints")
        if kept:
            _restore(checkpoint, kept)
        elif initial:
            start_from(model, initial)
    done = steps_done(model)
    run = _Run(
        recipe,
        output,
        manager,
        twin,
        validations,
        max(1, validate_samples // recipe.batch_size),
        minutes,
        chief,
        alone=workers == 1,
    )
    if done < recipe.steps:
        stream = _stream(samples, recipe, done, strategy)
        model.fit(stream, steps_per_epoch=recipe.steps - done, callbacks=[run], verbose=0)
    else:
        run.set_model(model)
        run.finish(done)
    if not chief:
        shutil.rmtree(place.parent)
    return twin


def _restore(checkpoint, path):
    try:
        checkpoint.restore(path).assert_consumed()
    except (AssertionError, ValueError) as error:
        raise ValueError(
            f"the checkpoint {path} is of another network or optimizer than the recipe's: go on with the recipe it "
            "was begun with, or name another directory"
        ) from error
