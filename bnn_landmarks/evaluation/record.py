"""The record of an evaluation, and the files it leaves."""

import csv
import datetime
import hashlib
import io
import json
import pathlib
import subprocess

import numpy as np

import bnn_landmarks
from bnn_landmarks import files
from bnn_landmarks.datasets import terms
from bnn_landmarks.evaluation import failures


def describe(
    evaluation,
    *,
    source,
    engine,
    flip,
    data,
    split,
    command,
    ran=None,
    robustness=None,
    steadiness=None,
):
    """The JSON record of an evaluation: what was measured, of what, on what, how.

    source: the network's weights or file, or None where it has none. ran: the bytes of the `.tflite` that ran.
    robustness, steadiness: what `robustness.measure` and `steadiness.measure` found, where they were asked for.
    """
    source = None if source is None else pathlib.Path(source)
    stamp = datetime.datetime.now(datetime.timezone.utc)
    return {
        "model": evaluation.spec.name,
        "file": source and source.name,
        "bytes": source and source.stat().st_size,
        "sha256": source and hashlib.sha256(source.read_bytes()).hexdigest(),
        "ran": ran and {"bytes": len(ran), "sha256": hashlib.sha256(ran).hexdigest()},
        "engine": engine,
        "flip": flip,
        "data": data,
        "split": split,
        "images": len(evaluation.rows),
        "terms": terms.of(data, split),
        "metrics": {
            metric: {group: rounded(estimate) for group, estimate in groups.items()}
            for metric, groups in evaluation.metrics.items()
        },
        "failures": failures.shares(evaluation),
        "robustness": robustness
        and robustness | {"scores": {name: rounded(score) for name, score in robustness["scores"].items()}},
        "steadiness": steadiness
        and steadiness | {"movement": {name: rounded(f) for name, f in steadiness["movement"].items()}},
        "spec": evaluation.spec.to_dict(),
        "version": bnn_landmarks.__version__,
        "commit": commit(),
        "command": command,
        "date": stamp.strftime("%Y-%m-%d %H:%M UTC"),
    }


def rounded(estimate):
    """A dict with its floats to three places."""
    return {key: round(value, 3) if isinstance(value, float) else value for key, value in estimate.items()}


def commit():
    """The checkout's commit, with "+" where files differ from it; None outside a checkout."""
    root = pathlib.Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+"],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return described.stdout.strip()


def write(evaluation, entry, directory):
    """record.json and images.csv into a directory, which is made."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    with files.atomic_write(directory / "record.json", "w") as file:
        json.dump(entry, file, indent=1)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, evaluation.rows[0])
    writer.writeheader()
    for row in evaluation.rows:
        writer.writerow({key: _cell(value) for key, value in row.items()})
    with files.atomic_write(directory / "images.csv", "w") as file:
        file.write(text.getvalue())


def _cell(value):
    if isinstance(value, str | int):
        return value
    return "" if np.isnan(value) else f"{value:.5f}"
