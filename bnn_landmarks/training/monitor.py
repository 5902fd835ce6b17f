"""What a run writes and shows beside its steps: checkpoints, validation, the log, pictures, progress."""

import csv
import functools
import importlib.util
import json
import logging
import time

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from bnn_landmarks import files
from bnn_landmarks.evaluation import scoring
from bnn_landmarks.evaluation.examples import examples
from bnn_landmarks.geometry import crops, draw
from bnn_landmarks.inference.engines import open_engine
from bnn_landmarks.inference.localizer import Localizer
from bnn_landmarks.network import weights
from bnn_landmarks.training.model import steps_done
from bnn_landmarks.training.stopping import Stopped

SHOWN = 8
logger = logging.getLogger(__name__)


class Validation:
    """A split's crops, made once, and the headline of a network on them (`scoring.headline`)."""

    def __init__(self, dataset, spec):
        self.examples = list(examples(dataset, spec))

    def score(self, localizer):
        """(metric, group, percent, True where more is better)."""
        return scoring.score(localizer, self.examples)


class Monitor(tf.keras.callbacks.Callback):
    """What happens beside the steps: checkpoints, validation, logs, progress.

    Args:
        recipe: `Recipe`. run: `trainer.Run`. manager: the run's tf.train.CheckpointManager.
        twin: the network in float32 that is validated and saved. validations: {name: `Validation`}.

    Attributes:
        stop_request: as `stopping.stop_requests` gives it; asked after each step.
    """

    def __init__(self, recipe, run, manager, twin, validations):
        super().__init__()
        self.recipe, self.directory, self.manager, self.twin = recipe, run.output, manager, twin
        self.validations = validations
        self.validate_steps = max(1, run.validate_samples // recipe.batch_size)
        self.seconds, self.chief, self.alone = 60 * run.checkpoint_minutes, run.chief, run.workers == 1
        self.localizer = Localizer(open_engine(twin, "keras"))
        self.saved, self.losses, self.scores, self.past = time.monotonic(), [], {}, []
        self.board = self.bar = self.saved_step = None
        self.stop_request = lambda: None

    def on_train_begin(self, logs=None):
        done = steps_done(self.model)
        if self.chief:
            self.losses = _read_losses(self._kept_losses(), done)
            path = self.directory / "log.csv"
            self.past = _trim_log(path, done * self.recipe.batch_size, columns(self.validations))
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
        if not last and (number := self.stop_request()):
            if self.saved_step != step:
                self._save(step)
            raise Stopped(
                f"stopped at step {step} of {self.recipe.steps}, its checkpoint is written: go on with --resume",
                number,
            )
        if self.chief and len(self.losses) % 20 == 1:
            self.bar.set_postfix({"loss": f"{np.mean(self.losses[-100:]):.4f}", **self.scores}, refresh=False)

    def close(self):
        """End the progress bar, so that what is said next begins a line."""
        if self.bar is not None:
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
        self.saved, self.saved_step = time.monotonic(), step

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
        headlines = {name: validation.score(self.localizer) for name, validation in self.validations.items()}
        samples = step * self.recipe.batch_size
        row = {"time": time.strftime("%H:%M:%S"), "samples": samples}
        row |= {"loss": round(float(np.mean(self.losses)), 4)}
        row |= {name: round(value, 2) for name, (_, _, value, _) in headlines.items()}
        self.losses, self.scores = [], {name: row[name] for name in headlines}
        self._write(lambda: _append(self.directory / "log.csv", row), step)
        if self.board:
            self._write(lambda: self._show(step, row, headlines), step)
        if headlines:
            name, (metric, group, value, more) = next(iter(headlines.items()))
            self.bar.write(f"{samples:,} samples: {name} {metric} {group} {value:.2f}, loss {row['loss']}")
            past = [float(row[name]) for row in self.past]
            self.past.append(row)
            if all(row[name] > other if more else row[name] < other for other in past):
                self._write(lambda: weights.save(self.twin, self.directory / "best.npz"), step)
        if last:
            self._write(lambda: weights.save(self.twin, self.directory / "weights.npz"), step)

    def _show(self, step, row, headlines):
        with self.board.as_default(step):
            tf.summary.scalar("loss", row["loss"])
            tf.summary.scalar("learning rate", self.model.optimizer.learning_rate)
            for name, (metric, group, value, _) in headlines.items():
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
    elif spec.task == "boxes":
        for each, _, several in scoring.find(localizer, examples):
            pictures.append(functools.reduce(draw.box, several, each.patch))
    else:
        _, points, scores = scoring.locate(localizer, examples)
        for each, place, score in zip(examples, points, scores, strict=True):
            inside = crops.transform(place, each.matrix)
            pictures.append(draw.landmarks(each.patch, inside, spec.landmark_scheme(), score))
    return draw.sheet(pictures, 4, spec.input_size)


def _keep_losses(path, step, losses):
    """The losses since the log's last row, for the run that goes on from this step's checkpoint. Those of the one
    before stay, in case this one's is never written."""
    before = _all_losses(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.atomic_write(path, "w") as file:
        json.dump({**dict([*before.items()][-1:]), str(step): losses}, file)


def _read_losses(path, step):
    return _all_losses(path).get(str(step), [])


def _all_losses(path):
    """{step: losses}. They serve a mean in the log only, so a damaged file holds none."""
    if not path.is_file():
        return {}
    try:
        found = files.read_json(path)
        wrong = not isinstance(found, dict) or not all(map(_are_numbers, found.values()))
    except ValueError:
        wrong = True
    if wrong:
        logger.warning("%s is damaged: the log's next loss is the mean of fewer steps", path)
        return {}
    return found


def _are_numbers(losses):
    return isinstance(losses, list) and all(isinstance(loss, float | int) for loss in losses)


def _append(path, row):
    new = not path.exists() or path.stat().st_size == 0
    with open(path, "a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, row.keys())
        if new:
            writer.writeheader()
        writer.writerow(row)


def columns(names):
    """The log's, of a run that validates on the splits of these names."""
    return ["time", "samples", "loss", *dict.fromkeys(names)]


def read_log(path, wanted):
    """The rows of a run's log.csv, [{column: text}]; a last one that was cut short is left out.

    Args:
        wanted: its `columns`.

    Returns:
        the rows, and whether the file holds nothing else.

    Raises:
        ValueError: it has other columns, or a row is none of a log.
    """
    if not path.is_file():
        return [], True
    with open(path, newline="", encoding="utf-8", errors="replace") as file:
        lines = file.read().splitlines(keepends=True)
    whole = not lines or lines[-1].endswith("\n")
    lines = lines if whole else lines[:-1]
    rows = []
    for number, line in enumerate(lines):
        try:
            row = next(csv.reader([line]))
            if number:
                rows.append(dict(zip(wanted, row, strict=True)))
                int(row[1]), *map(float, row[2:])
        except (ValueError, StopIteration, csv.Error):
            raise ValueError(
                f"{path}, line {number + 1} is no row of a log: mend it or take it out"
            ) from None
        if number == 0 and row != wanted:
            raise ValueError(
                f"{path} has the columns {', '.join(row)[:100]}, not {', '.join(wanted)}: go on with the validation "
                "that the run was begun with, or rename the file, and a new one is begun"
            )
    return rows, whole


def _trim_log(path, samples, wanted):
    """The log's rows up to `samples`, which the run goes on from; later ones are taken out of the file."""
    rows, whole = read_log(path, wanted)
    kept = [row for row in rows if int(row["samples"]) <= samples]
    if len(kept) < len(rows) or not whole:
        with files.atomic_write(path, "w") as file:
            writer = csv.DictWriter(file, wanted)
            writer.writeheader()
            writer.writerows(kept)
    return kept
