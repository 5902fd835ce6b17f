"""MATLAB files, read so that every set's parser may say `struct.field`."""

from scipy.io import loadmat
from scipy.io.matlab import MatReadError


def read(path):
    """A .mat file up to version 7.2 -> dict of arrays; structs are objects with attributes, 1x1 ones not arrays.

    Raises:
        ValueError: it is not such a file.
    """
    try:
        return loadmat(path, squeeze_me=True, struct_as_record=False)
    except (ValueError, NotImplementedError, TypeError, MatReadError, OSError) as error:
        raise ValueError(f"{path} is not a MATLAB file that can be read: {error}") from error
