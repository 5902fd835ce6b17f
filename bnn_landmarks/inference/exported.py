"""Exported files: reading them, and converting a network when there is none yet.

    exported = read("pose.tflite")                       # with its .json beside it
    exported = of_packed("pose.npz", spec, load, "export.lce")   # converted now, or the last time

A conversion takes TensorFlow and seconds, so that of packed weights is kept under $XDG_CACHE_HOME (~/.cache), in
bnn-landmarks, named after the weights' hash and the exporter's.
"""

import contextlib
import dataclasses
import functools
import hashlib
import importlib
import json
import logging
import os
import pathlib

from bnn_landmarks import extras
from bnn_landmarks.files import atomic_write, cache_directory, read_json
from bnn_landmarks.spec import Spec

logger = logging.getLogger(__name__)

INPUTS = ("float32", "uint8")
LCE_OPERATOR = b"LceBconv2d"


@dataclasses.dataclass(frozen=True)
class Exported:
    """A `.tflite` in memory. input: "float32" in [0, 1], or "uint8"."""

    data: bytes
    spec: Spec
    input: str = "float32"

    @property
    def binary(self) -> bool:
        """Whether it holds operators of Larq Compute Engine."""
        return LCE_OPERATOR in self.data


def read(path: str | os.PathLike) -> Exported:
    """An exported file and the `.json` beside it, as `export` writes them -> `Exported`.

    Raises:
        FileNotFoundError: either is missing.
        ValueError: the `.json` is not the exporter's, or belongs to other bytes.
    """
    path = pathlib.Path(path)
    record_path = path.with_suffix(".json")
    for file in (path, record_path):
        if not file.is_file():
            beside = "; an exported file needs the .json written beside it" if file == record_path else ""
            raise FileNotFoundError(f"there is no {file}{beside}")
    data = path.read_bytes()
    record = read_json(record_path)
    try:
        spec, kind, expected = Spec.from_dict(record["spec"]), record["input"], record["sha256"]
        if not isinstance(expected, str):
            raise ValueError(f"its sha256 is {expected!r}")
    except (ValueError, KeyError, TypeError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else error
        if not isinstance(record, dict):
            reason = "it is no record at all"
        raise ValueError(f"{record_path} is not the record of an exported file: {reason}") from None
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise ValueError(
            f"{path} is not the file that {record_path.name} describes: its SHA-256 is {found[:12]}..., "
            f"not {expected[:12]}...; export it again"
        )
    if kind not in INPUTS:
        raise ValueError(f"{record_path} names the input type {kind!r}; known are {', '.join(INPUTS)}")
    return Exported(data, spec, kind)


def write(file: Exported, path: str | os.PathLike) -> None:
    """An `Exported` as a `.tflite` with as much of a `.json` as `read` wants; `export.record` writes the whole one."""
    path = pathlib.Path(path)
    record = {
        "spec": file.spec.to_dict(),
        "input": file.input,
        "sha256": hashlib.sha256(file.data).hexdigest(),
    }
    with atomic_write(path) as data:
        data.write(file.data)
    with atomic_write(path.with_suffix(".json"), "w") as text:
        json.dump(record, text)


def of_model(model, module):
    """A model converted now -> `Exported`. module: "export.lce" or "export.tflite"."""
    return Exported(_exporter(module, model.spec).convert(model), model.spec)


def _exporter(module, spec):
    with extras.needed_for(f"converting {spec.name}"):
        return importlib.import_module(module)


def of_packed(path, spec, load, module):
    """Packed weights converted, or as they were converted before -> `Exported`.

    Args:
        path: the `.npz`. spec: its `Spec`. load: makes the tf.keras.Model, called only if it has to be converted.
        module: as `of_model`.
    """
    weights = hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()
    kept = (
        cache_directory()
        / f"{spec.name}-{weights[:16]}-{module.rpartition('.')[2]}-{_exporters_hash()[:8]}.tflite"
    )
    # One that is not whole is converted again.
    with contextlib.suppress(ValueError, OSError):
        return read(kept)
    model = load()
    _exporter(module, spec)
    logger.info("converting %s, once for these weights: this takes a little", spec.name)
    exported = of_model(model, module)
    with contextlib.suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        write(exported, kept)
    return exported


@functools.cache
def _exporters_hash():
    """Hash of the code that decides what a conversion gives."""
    import export
    from bnn_landmarks import network

    files = [
        file
        for package in (export, network)
        for file in sorted(pathlib.Path(package.__file__).parent.glob("*.py"))
    ]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
