"""Writing files so that a failure leaves nothing half-written; reading JSON; the directory of what is kept from run to
run."""

import contextlib
import json
import os
import pathlib
import secrets
import tempfile
from collections.abc import Iterator
from typing import IO, Any


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike, mode: str = "wb") -> Iterator[IO]:
    """Open a temporary file beside `path`; on success it takes its name, on an error it is removed.
    Text is UTF-8, whatever the locale; what can't be, of a file's name, is written with backslashes.

    with atomic_write("model.tflite") as file:
        file.write(data)

    Raises:
        FileNotFoundError: the directory does not exist. OSError: it can't be written to, or the disk is full.
    """
    path = pathlib.Path(path)
    check_place(path)
    temporary = hidden_name(path)
    encoding, errors = (None, None) if "b" in mode else ("utf-8", "backslashreplace")
    try:
        with open(temporary, mode.replace("w", "x"), encoding=encoding, errors=errors) as file:
            yield file
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.errno and error.filename in (None, str(temporary), temporary):
            raise type(error)(f"can't write {path}: {error.strerror}") from None
        raise


def check_place(path: pathlib.Path) -> None:
    """Raise where a file can't take its name: there is no directory for it, or a folder or a device has that name.

    Raises:
        FileNotFoundError, FileExistsError.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"can't write {path}: there is no directory {path.parent}")
    if path.exists() and not path.is_file():
        what = "folder" if path.is_dir() else "device"
        raise FileExistsError(f"can't write {path}: a {what} of that name is in the way")


def check_directory(path: str | os.PathLike) -> None:
    """Raise before the work, not after it, where a directory can't be made or written to.

    Raises:
        OSError: it, or what it would lie in, is a file, or takes none.
    """
    path = pathlib.Path(path)
    there = path
    try:
        there = next(place for place in (path, *path.absolute().parents) if place.exists())
        if there.is_dir():
            with tempfile.TemporaryFile(dir=there):
                return
    except OSError as error:
        raise type(error)(f"can't write to {path}: {there} takes no file ({error.strerror})") from None
    raise NotADirectoryError(f"can't write to {path}: {there} is not a folder")


@contextlib.contextmanager
def made_if_filled(path: pathlib.Path) -> Iterator[None]:
    """Makes a directory, with those above it, for a block; afterwards those go again that nothing was written to.

    Raises:
        OSError: as `check_directory`.
    """
    check_directory(path)
    made = [place for place in (path, *path.parents) if not place.exists()]
    path.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            for place in made:
                place.rmdir()


def read_json(path: str | os.PathLike) -> Any:
    """What a JSON file holds, whatever its encoding and with or without a byte order mark.

    Raises:
        FileNotFoundError: there is no such file. ValueError: it is not JSON.
    """
    try:
        return json.loads(pathlib.Path(path).read_bytes())
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not JSON in UTF-8: save it in that encoding") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    except RecursionError:
        raise ValueError(f"{path} is not JSON that can be read: it is nested too deeply") from None
    except ValueError:
        raise ValueError(f"{path} is not JSON that can be read: a number has too many digits") from None


def name_as_text(name: str | os.PathLike) -> str:
    """The name of a file as text that UTF-8 takes: bytes that this locale has no characters for are read as UTF-8, and
    those that are none have backslashes."""
    return str(name).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def cache_directory() -> pathlib.Path:
    """Where conversions and compiled operations are kept: bnn-landmarks in $XDG_CACHE_HOME, which is ~/.cache where
    it is not set. It need not exist."""
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "bnn-landmarks"


def hidden_name(path: pathlib.Path) -> pathlib.Path:
    """A free name beside `path`, with its suffix. It is known before there is a file, as `tempfile.mkstemp`'s is not:
    an exception that a signal raises right after that finds what to remove."""
    return path.with_name(f".{path.stem}.{secrets.token_hex(6)}{path.suffix}")
