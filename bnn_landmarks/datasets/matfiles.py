"""MATLAB files, read so that every set's parser may say `struct.field` and count on floating point."""

import numpy as np


def read(path):
    """A .mat file up to version 7.2 -> dict of arrays; structs are objects with attributes, 1x1 ones not arrays.

    Numbers come as float64: MATLAB stores whole ones as small integers, whose arithmetic wraps (0 - 1 is 65535).

    Raises:
        ValueError: it is not such a file.
    """
    from scipy.io import loadmat  # what a set's folder must hold is told without it

    try:
        found = loadmat(path, squeeze_me=True, struct_as_record=False)
    except Exception as error:  # SciPy's reader raises errors of many kinds for damaged files.
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} is not a MATLAB file that can be read: {reason}") from error
    return {name: _floating(value) for name, value in found.items() if not name.startswith("__")}


def _floating(value):
    if hasattr(value, "_fieldnames"):  # SciPy's mat_struct
        for field in value._fieldnames:
            setattr(value, field, _floating(getattr(value, field)))
    elif isinstance(value, np.ndarray) and value.dtype == object:
        for place in np.ndindex(value.shape):
            value[place] = _floating(value[place])
    elif isinstance(value, np.ndarray) and value.dtype.kind in "iub":
        return value.astype(np.float64)
    elif isinstance(value, int | np.integer):
        return float(value)
    return value
