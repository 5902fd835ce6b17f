"""What a training run keeps: its checkpoints, of which the last one is asked for here, and its recipe."""

import contextlib
import pathlib
import re

from bnn_landmarks.files import read_json
from bnn_landmarks.spec import Spec

_FILE = re.compile(r"ckpt-(\d+)\.(index|data-\d+-of-\d+)")


def check_path(path):
    """Raise where TensorFlow would take a path for a pattern: it reads nothing there, and removes whatever fits it.

    Raises:
        ValueError: the path holds one of * ? [ and a backslash.
    """
    if found := re.search(r"[*?\[\\]", pathlib.Path(path).as_posix()):
        raise ValueError(
            f"TensorFlow reads no checkpoints where a path holds {found[0]!r}, as {path} does: rename the directory"
        )


def latest(run):
    """The path, without suffix, of a run's last checkpoint: the one that its list of checkpoints names, else the newest
    that is there; None without one."""
    directory = pathlib.Path(run) / "checkpoints"
    there = _indexed(directory)
    with contextlib.suppress(OSError):
        state = (directory / "checkpoint").read_bytes()
        named = re.search(rb'^model_checkpoint_path: "(?:.*/)?ckpt-(\d+)"', state, re.MULTILINE)
        if named and int(named[1]) in there:
            there = [int(named[1])]
    return str(directory / f"ckpt-{there[-1]}") if there else None


def holds_run(run):
    """Whether a directory holds a run that has written something that a new one would write over."""
    run = pathlib.Path(run)
    directory = run / "checkpoints"
    kept = directory.is_dir() and any(_FILE.fullmatch(path.name) for path in directory.iterdir())
    written = any((run / name).is_file() for name in ("log.csv", "weights.npz"))
    return kept or (written and (run / "recipe.json").is_file())


@contextlib.contextmanager
def reading(path):
    """For what reads a checkpoint in this block.

    Raises:
        ValueError: it is damaged; or as `check_path`.
    """
    import tensorflow as tf

    check_path(path)
    try:
        yield
    except tf.errors.ResourceExhaustedError:
        raise
    except (tf.errors.OpError, IndexError) as error:  # An IndexError is of a file that is too short.
        path = pathlib.Path(path)
        number = path.name.rpartition("-")[2]
        before = [n for n in _indexed(path.parent) if number.isdecimal() and n < int(number)]
        hint = f"; the one before it is {path.with_name(f'ckpt-{before[-1]}')}" if before else ""
        hint += f", and without {path.name}.index the run goes on from that" if before else ""
        raise ValueError(f"the checkpoint {path} is damaged{hint}") from error


def recipe_file(run):
    """The path of a run's recipe.json.

    Raises:
        FileNotFoundError: there is none.
    """
    path = pathlib.Path(run) / "recipe.json"
    if not path.is_file():
        raise FileNotFoundError(f"{run} is no training run: it has no recipe.json")
    return path


def read_recipe(run, needed=("spec",)):
    """A run's recipe.json as it is there, whose spec is one.

    Args:
        needed: what it must hold.

    Raises:
        FileNotFoundError: there is none. ValueError: it is damaged.
    """
    path = recipe_file(run)
    record = read_json(path)
    missing = [key for key in needed if not isinstance(record, dict) or key not in record]
    if missing:
        raise ValueError(f"{path} is not the recipe of a training run: it has no {missing[0]}")
    try:
        Spec.from_dict(record["spec"])
    except ValueError as error:
        raise ValueError(f"{path} is not the recipe of a training run: {error}") from None
    return record


def _indexed(directory):
    """The numbers of the checkpoints that have an index, in order."""
    if not directory.is_dir():
        return []
    found = (_FILE.fullmatch(path.name) for path in directory.iterdir())
    return sorted(int(each[1]) for each in found if each and each[2] == "index")
