"""Writing files so that a failure leaves nothing half-written; the directory of what is kept from run to run."""

import contextlib
import os
import pathlib
import secrets
from collections.abc import Iterator
from typing import IO


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike, mode: str = "wb") -> Iterator[IO]:
    """Open a temporary file beside `path`; on success it takes its name, on an error it is removed.

    with atomic_write("model.tflite") as file:
        file.write(data)

    Raises:
        FileNotFoundError: the directory does not exist. OSError: it can't be written to, or the disk is full.
    """
    path = pathlib.Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"can't write {path}: there is no directory {path.parent}")
    temporary = hidden_name(path)
    try:
        with open(temporary, mode.replace("w", "x")) as file:
            yield file
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def cache_directory() -> pathlib.Path:
    """Where conversions and compiled operations are kept: bnn-landmarks in $XDG_CACHE_HOME, which is ~/.cache where
    it is not set. It need not exist."""
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "bnn-landmarks"


def hidden_name(path: pathlib.Path) -> pathlib.Path:
    """A free name beside `path`, with its suffix. It is known before there is a file, as `tempfile.mkstemp`'s is not:
    an exception that a signal raises right after that finds what to remove."""
    return path.with_name(f".{path.stem}.{secrets.token_hex(6)}{path.suffix}")
