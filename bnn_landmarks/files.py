"""Writing files so that a failure leaves nothing half-written; the directory of what is kept from run to run."""

import contextlib
import os
import pathlib
import tempfile
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
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, mode) as file:
            yield file
        give_permissions(temporary)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def cache_directory() -> pathlib.Path:
    """Where conversions and compiled operations are kept: bnn-landmarks in $XDG_CACHE_HOME, which is ~/.cache where
    it is not set. It need not exist."""
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "bnn-landmarks"


def give_permissions(path):
    """The permissions of a file that was simply opened: `tempfile`'s are for its owner alone."""
    mask = os.umask(0)
    os.umask(mask)
    os.chmod(path, 0o666 & ~mask)
