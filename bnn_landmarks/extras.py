"""Libraries that the base installation does without, and which extra brings each."""

import contextlib

_EXTRAS = {"ai_edge_litert": "runtime", "ziglang": "web"}
_EXTRAS |= dict.fromkeys(
    "tensorflow tf_keras larq larq_compute_engine tensorflow_datasets matplotlib scipy tensorboard".split()
    + "absl flatbuffers".split(),
    "train",
)


@contextlib.contextmanager
def needed_for(what: str):
    """Turns the ModuleNotFoundError of a library of an extra into one that says how to install it.

    Raises:
        ImportError: the library is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in _EXTRAS:
            raise
        raise ImportError(
            f"{what} needs {library}, which is not installed: pip install 'bnn-landmarks[{_EXTRAS[library]}]'"
        ) from error
