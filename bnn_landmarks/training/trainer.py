"""Training: a recipe, folders of data, a directory that a killed run goes on from.

    train(recipe, "data", "runs/pose")                     # then weights.npz is what Localizer and the exporter read
    train(recipe, "data", "runs/pose", resume=True)        # after a kill: the same weights as without it
    train(decay, "data", "runs/release", branch="runs/pose")    # from that run's last checkpoint, optimizer and all

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
import dataclasses
import json
import os
import pathlib
import shutil
import tempfile

import tensorflow as tf

from bnn_landmarks import datasets, files
from bnn_landmarks.datasets.checking import checked
from bnn_landmarks.network import checkpoints
from bnn_landmarks.network.build import build
from bnn_landmarks.spec import Spec
from bnn_landmarks.training.initial import start_from
from bnn_landmarks.training.model import build_for_training, chooses_cpu_kernels, steps_done, widen
from bnn_landmarks.training.monitor import Monitor, Validation, columns, read_log
from bnn_landmarks.training.recipe import override
from bnn_landmarks.training.samples import batches, series
from bnn_landmarks.training.stopping import stop_requests


@dataclasses.dataclass(frozen=True)
class Run:
    """How a recipe is carried out; the fields are `train`'s."""

    data: pathlib.Path
    output: pathlib.Path
    resume: bool = False
    initial: pathlib.Path | None = None
    validate_samples: int = 8000
    checkpoint_minutes: float = 4.0
    strategy: tf.distribute.Strategy | None = None
    kernels: str = "auto"
    branch: pathlib.Path | None = None
    skip_bad: bool = False

    @property
    def replicas(self) -> int:
        return self.strategy.num_replicas_in_sync if self.strategy else 1

    @property
    def workers(self) -> int:
        return getattr(self.strategy.extended, "_num_workers", 1) if self.strategy else 1

    @property
    def chief(self) -> bool:
        """Whether this process is the one that validates and writes."""
        return self.strategy is None or self.workers == 1 or self.strategy.cluster_resolver.task_id == 0


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
    branch=None,
    skip_bad=False,
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
        branch: a run's directory, from whose last checkpoint this one begins: its weights, its optimizer and its place
            in the series of samples. That run is left as it is, and may go on.
        skip_bad: leave out annotations and images that can't be used, which are logged, instead of refusing to begin. A
            file that breaks during the run costs its sample and a line.

    Returns:
        the trained network, tf.keras.Model in float32; with `recipe.average` its moving average.

    Raises:
        FileExistsError: `output` holds a run and `resume` is False. FileNotFoundError, ValueError: as `datasets.open`.
        ValueError: `branch` is of another network or batch size, or given beside `initial` or for a recipe of stages.
        FileNotFoundError: `output` holds a run without a checkpoint to go on from.
        ValueError: a checkpoint or recipe.json is damaged; the run that is gone on with has another network, optimizer
            or batch size; TensorFlow can't use the path (`checkpoints.check_path`).
        ValueError: a window of a network without signs; images can't be used (`checking.checked`); the loss or a
            weight is no longer finite.
        OSError: `output` can't be written to, or its disk is full.
        stopping.Stopped, a KeyboardInterrupt: Ctrl-C or SIGTERM came; a checkpoint of the last step is written.
    """
    run = Run(
        pathlib.Path(data),
        pathlib.Path(output),
        resume,
        initial,
        validate_samples,
        checkpoint_minutes,
        strategy,
        kernels,
        pathlib.Path(branch) if branch else None,
        skip_bad,
    )
    recipe, run = _on_trunk(recipe, run)
    stages = [override(dataclasses.replace(recipe, stages=()), stage) for stage in recipe.stages] or [recipe]
    for number, stage in enumerate(stages, 1):
        last = number == len(stages)
        directory = run.output if last else run.output / f"stage{number}"
        if last or not (directory / "weights.npz").is_file():
            model = _train_stage(stage, dataclasses.replace(run, output=directory, initial=initial))
        elif not resume:
            raise _exists(run.output)
        initial = directory
    return model


def _exists(output):
    return FileExistsError(
        f"{output} already holds a run: pass --resume to go on with it, or name another directory"
    )


def _on_trunk(recipe, run):
    """The recipe as one that goes on where the run's trunk was, if it has one; the run with that trunk's checkpoint."""
    if run.resume and ((run.output / "recipe.json").is_file() or checkpoints.latest(run.output)):
        return override(recipe, {"trunk": checkpoints.read_recipe(run.output).get("trunk", 0)}), run
    if run.branch is None:
        return recipe, run
    if run.initial or recipe.stages:
        raise ValueError("a branch takes everything from its trunk: it has no initial weights and no stages")
    checkpoint = checkpoints.latest(run.branch)
    if checkpoint is None:
        raise FileNotFoundError(f"{run.branch} is no training run with a checkpoint to branch off")
    for field, theirs, ours in _differences(run.branch, recipe):
        raise ValueError(
            f"a branch keeps its trunk's {field}, which is {theirs}, not {ours}; --initial takes the weights alone"
        )
    taken = int(checkpoint.rpartition("-")[2]) * recipe.batch_size
    return override(recipe, {"trunk": taken}), dataclasses.replace(run, branch=checkpoint)


def _differences(run, recipe):
    """(field, value in a run's recipe.json, the recipe's) of what a checkpoint's variables and place depend on."""
    names, fields = ("optimizer", "batch_size"), []
    for each in (checkpoints.read_recipe(run, ("spec", *names)), recipe.to_dict()):
        # What its crops were like is no part of the network.
        spec = Spec.from_dict({**each["spec"], "loosest": None}).to_dict()
        fields.append({f"spec.{name}": value for name, value in spec.items()} | {n: each[n] for n in names})
    theirs, ours = fields
    return [(name, theirs[name], ours[name]) for name in ours if theirs[name] != ours[name]]


def _checkpoint_to_go_on_from(recipe, run):
    """The path of the run's last checkpoint, None where it has to begin."""
    checkpoints.check_path(run.output)
    if not checkpoints.holds_run(run.output):
        return None
    if not run.resume:
        raise _exists(run.output)
    kept = checkpoints.latest(run.output)
    if kept is None:
        raise FileNotFoundError(
            f"{run.output} holds a run, but no whole checkpoint to go on from: put its checkpoints back, or name "
            "another directory"
        )
    for field, theirs, ours in _differences(run.output, recipe):
        raise ValueError(
            f"{run.output} was begun with {field} {theirs}, not {ours}: go on with the recipe it was begun with, or "
            "name another directory"
        )
    if run.chief:
        read_log(run.output / "log.csv", columns(f"{name}/{split}" for name, split in recipe.validate))
    return kept


def _train_stage(recipe, run):
    if recipe.batch_size % run.replicas:
        raise ValueError(f"a batch of {recipe.batch_size} can't be split over {run.replicas} replicas")
    if recipe.average and run.replicas > 1:
        raise ValueError("the moving average of the weights (average) works on one replica only")
    kept = _checkpoint_to_go_on_from(recipe, run)
    splits = {pair: _open(pair, recipe, run) for pair in dict.fromkeys((*recipe.train, *recipe.validate))}
    for pair in recipe.validate:
        if not len(splits[pair]):
            raise ValueError(f"there is nothing to validate on: {'/'.join(pair)} has no sample with labels")
    samples = series([splits[pair] for pair in recipe.train], recipe.spec, recipe.augmentation, recipe.seed)
    recipe = override(recipe, {"spec.loosest": samples.loosest()})
    fast = chooses_cpu_kernels(run.kernels, recipe, run.strategy)
    tf.keras.utils.set_random_seed(recipe.seed)
    twin = build(recipe.spec)
    validations = {}
    if run.chief:
        run.output.mkdir(parents=True, exist_ok=True)
        with files.atomic_write(run.output / "recipe.json", "w") as file:
            json.dump(recipe.to_dict(), file, indent=1)
        validations = {f"{n}/{s}": Validation(splits[n, s], recipe.spec) for n, s in recipe.validate}

    with run.strategy.scope() if run.strategy else contextlib.nullcontext():
        model = build_for_training(recipe, synchronised=run.replicas > 1, fast=fast)
        checkpoint = tf.train.Checkpoint(model=model, optimizer=model.optimizer)
        # Every worker takes part in a checkpoint; the chief's is the one that stays.
        place = run.output / "checkpoints" if run.chief else pathlib.Path(tempfile.mkdtemp()) / "checkpoints"
        manager = _manager(checkpoint, place)
        if kept:
            _restore(checkpoint, kept)
        elif run.branch:
            _restore(checkpoint, run.branch)
            manager.save(recipe.first_step)
        elif recipe.trunk:
            raise FileNotFoundError(
                f"{run.output} was stopped before its first checkpoint: begin again with --branch"
            )
        else:
            if run.initial:
                start_from(model, run.initial)
            widen(model, recipe.window)
    done = steps_done(model)
    monitor = Monitor(recipe, run, manager, twin, validations)
    if done < recipe.steps:
        stream = _stream(samples, recipe, done, run.strategy)
        # A checkpoint of several workers takes all of them at the same step, and a signal comes to one.
        requests = stop_requests() if run.workers == 1 else contextlib.nullcontext(monitor.stop_request)
        with requests as request, contextlib.closing(monitor):
            monitor.stop_request = request
            try:
                model.fit(stream, steps_per_epoch=recipe.steps - done, callbacks=[monitor], verbose=0)
            except tf.errors.OpError:
                if samples.failure is None:
                    raise
                raise samples.failure from None
    else:
        monitor.set_model(model)
        monitor.finish(done)
    if not run.chief:
        shutil.rmtree(place.parent)
    return twin


def _open(pair, recipe, run):
    """A split whose files have been looked at; validation's, which are all read at the start, down to their pixels."""
    samples = datasets.open(*pair, run.data, recipe.category, run.skip_bad)
    return checked(samples, run.skip_bad, "/".join(pair), pixels=pair in recipe.validate)


def _manager(checkpoint, place):
    try:
        return tf.train.CheckpointManager(checkpoint, place, max_to_keep=3)
    except ValueError:
        # Its list of checkpoints is damaged, without which it begins a new one.
        (place / "checkpoint").unlink()
        return tf.train.CheckpointManager(checkpoint, place, max_to_keep=3)


def _restore(checkpoint, path):
    with checkpoints.reading(path):
        try:
            checkpoint.restore(path).assert_consumed()
        except (AssertionError, ValueError) as error:
            raise ValueError(
                f"the checkpoint {path} is of another network or optimizer than the recipe's: go on with the recipe "
                "it was begun with, or name another directory"
            ) from error


def _stream(samples, recipe, done, strategy):
    """Batches from step `done` on, one share per worker of the strategy."""

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


class _Share:
    """Every step's samples that one of several workers reads: worker w of W takes the w-th part of each batch."""

    def __init__(self, samples, batch_size, worker, workers):
        self.samples, self.spec = samples, samples.spec
        self.batch_size, self.worker, self.part = batch_size, worker, batch_size // workers

    def __getitem__(self, number):
        step, place = divmod(int(number), self.part)
        return self.samples[step * self.batch_size + self.worker * self.part + place]


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
