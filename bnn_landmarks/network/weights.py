"""Packed weights: one `.npz` per network, one bit per binary weight, its `Spec` at the head.

    save(model, "pose.npz")                      # -> the file's SHA-256
    model = load("pose.npz")                     # tf.keras.Model, model.spec set

    python -m bnn_landmarks.network.weights runs/pose zoo/weights/pose.npz      # a training run's, ready to ship
    python -m bnn_landmarks.network.weights runs/pose trunk.npz --latent        # one to go on training from

The archive holds `spec` (JSON) and one array a variable, named layer/variable. The kernel of a `BinaryConv2D` is its
signs: uint8 [..., ceil(filters / 8)], the first filter in the highest bit, 1 for +1; everything else is float32. What
is loaded computes bit for bit what was saved: sign is all that a binary convolution reads of its kernel, except under
`scale="mean"`, whose factor mean|W| is stored and read as `scale="fixed"`. Latent kernels come back as +1 and -1.

With `latent=True` the kernel is an int8 code instead, sign(w) * 127 * sqrt(|w| / size) rounded away from zero, size the
largest |w|, beside it as layer/kernel_size: the same signs, and what training needs to go on where it was, in 8 bits.

The kernel of an integer stem (`layers.IntegerConv2D`) is its whole numbers, int8 [7, 7, 3, 64], and beside it as
stem/kernel_factor its factors, float32 [64]; with `latent=True` it stays float32. `--integer-stem` gives one to a
network that was trained without it.
"""

import argparse
import dataclasses
import hashlib
import io
import json
import pathlib
import zipfile
import zlib

import numpy as np

from bnn_landmarks import terminal
from bnn_landmarks.files import atomic_write
from bnn_landmarks.network import checkpoints
from bnn_landmarks.spec import Spec

SUFFIX = ".npz"
SIZE = "_size"
FACTOR = "_factor"


def save(model, path, latent=False):
    """Write a model's weights, packed.

    Args:
        model: as `network.build` makes it, with `model.spec`. path: where to; its directory must exist.
        latent: keep 8 bits of each latent weight, not its sign alone.

    Returns:
        the file's SHA-256, hexadecimal.

    Raises:
        ValueError: a weight is NaN or infinite. FileNotFoundError: there is no such directory.
    """
    spec, arrays = model.spec, {}
    if spec.options.get("scale") == "mean":
        spec = dataclasses.replace(spec, options={**spec.options, "scale": "fixed"})
    for layer in model.layers:
        for variable in layer.weights:
            if latent and _is_binary(layer, variable):
                arrays |= _pack_latent(variable_key(layer, variable), variable.numpy())
            elif not latent and _is_integer(layer):
                numbers, factor = layer.whole()
                arrays[variable_key(layer, variable)] = numbers.numpy().astype(np.int8)
                arrays[variable_key(layer, variable) + FACTOR] = factor.numpy()
            else:
                arrays[variable_key(layer, variable)] = _pack(layer, variable)
        if getattr(layer, "scale_mode", None) == "mean":
            arrays[f"{layer.name}/scale"] = layer.multiplier().numpy()
    wrong = [
        key for key, array in arrays.items() if array.dtype == np.float32 and not np.isfinite(array).all()
    ]
    if wrong:
        raise ValueError(
            f"can't pack {spec.name}: {wrong[0]} holds values that are not finite; did training diverge?"
        )
    buffer = io.BytesIO()
    np.savez_compressed(buffer, spec=np.array(json.dumps(spec.to_dict())), **arrays)
    with atomic_write(path) as file:
        file.write(buffer.getvalue())
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def load(path, name=None, sha256=None):
    """The network of a packed file, with its weights.

    Args:
        path: the `.npz`. name: the entry it must hold, any if None. sha256: the hash it must have, any if None.

    Returns:
        tf.keras.Model, float32 [N, S, S, 3] -> logits [N, S/4, S/4, K]; `model.spec` is the file's.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is damaged, no packed network, another one, or does not fit the architecture its spec names.
    """
    spec, arrays = read(path, sha256)
    if name is not None and spec.name != name:
        raise ValueError(f"{path} holds the network {spec.name!r}, not {name!r}")

    from bnn_landmarks.network.build import build
    from bnn_landmarks.network.model import float32

    with float32():
        model = build(spec)
    variables = {
        variable_key(layer, variable): (layer, variable)
        for layer in model.layers
        for variable in layer.weights
    }
    beside = [f"{key}{suffix}" for key in variables for suffix in (SIZE, FACTOR)]
    sizes = {key: arrays.pop(key) for key in beside if key in arrays}
    odd = sorted(set(variables) ^ set(arrays))
    if odd:
        raise ValueError(
            f"{path} does not fit the network its spec describes: {odd[0]} is "
            + ("missing" if odd[0] in variables else "not part of it")
            + (f" (and {len(odd) - 1} more)" if len(odd) > 1 else "")
        )
    for key, (layer, variable) in variables.items():
        size = sizes.get(f"{key}{SIZE}")
        if _is_integer(layer) and arrays[key].dtype == np.int8:
            variable.assign(_unpack_integer(path, key, arrays[key], sizes.get(f"{key}{FACTOR}"), variable))
        elif size is None:
            variable.assign(_unpack(path, key, arrays[key], layer, variable))
        else:
            variable.assign(_unpack_latent(path, key, arrays[key], size, variable))
    return model


def read(path, sha256=None):
    """The spec and the arrays {layer/variable: array} of a packed file, without building its network. Raises as
    `load`."""
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no weights file {path}")
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if sha256 is not None and found != sha256:
        raise ValueError(f"{path} is damaged or another file: its SHA-256 is {found}, not {sha256}")
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        spec = json.loads(str(arrays.pop("spec")))
    except (
        *(ValueError, KeyError, EOFError, OSError, AttributeError, TypeError),
        *(RecursionError, NotImplementedError, zipfile.BadZipFile, zlib.error),
    ) as error:
        raise ValueError(f"{path} is no packed network, or is cut short or damaged ({error})") from None
    try:
        return Spec.from_dict(spec), arrays
    except ValueError as error:
        raise ValueError(f"{path} is no packed network: {error}") from None


def load_checkpoint(run, latent=False):
    """The network of a training run: of a finished one its `weights.npz`, of another its recipe's spec with the weights
    of the last checkpoint (not their moving average).

    Args:
        run: the directory `trainer.train` wrote: `recipe.json`, `checkpoints/`, at the end `weights.npz`.
        latent: of the last checkpoint in any case, whose binary kernels are latent weights, not signs.

    Raises:
        FileNotFoundError: it has no recipe or no checkpoint. ValueError: one of them is damaged, or the checkpoint is
            of another network.
    """
    import tensorflow as tf

    from bnn_landmarks.network.build import build
    from bnn_landmarks.network.model import float32

    run = pathlib.Path(run)
    recipe = checkpoints.recipe_file(run)
    if not latent and (run / "weights.npz").is_file():
        return load(run / "weights.npz")
    checkpoint = checkpoints.latest(run)
    if checkpoint is None:
        raise FileNotFoundError(f"{run} holds no checkpoint yet")
    with float32():
        model = build(Spec.from_dict(checkpoints.read_recipe(run)["spec"]))
    with checkpoints.reading(checkpoint):
        try:
            status = tf.train.Checkpoint(model=model).restore(checkpoint)
            status.assert_existing_objects_matched().expect_partial()
        except (AssertionError, ValueError):
            raise ValueError(f"{checkpoint} does not hold the network that {recipe} describes") from None
    return model


def variable_key(layer, variable):
    """The name of a layer's variable in a packed file: layer/variable."""
    return f"{layer.name}/{variable.name.split('/')[-1].split(':')[0]}"


def _is_binary(layer, variable):
    from bnn_landmarks.network.layers import BinaryConv2D

    return isinstance(layer, BinaryConv2D) and variable is layer.kernel


def _is_integer(layer):
    from bnn_landmarks.network.layers import IntegerConv2D

    return isinstance(layer, IntegerConv2D)


def _unpack_integer(path, key, numbers, factor, variable):
    """A kernel of whole numbers times factors that comes back as them (`IntegerConv2D.whole`), float32."""
    shape = list(variable.shape)
    right = list(numbers.shape) == shape and factor is not None and list(factor.shape) == shape[-1:]
    if not (right and factor.dtype == np.float32 and np.isfinite(factor).all() and (factor >= 0).all()):
        raise ValueError(
            f"{path}: {key} is int8 {list(numbers.shape)}, but the network its spec describes needs int8 {shape} and "
            f"{key}{FACTOR}, float32 {shape[-1:]} of numbers from 0 up"
        )
    return numbers * factor


def integer_stem(model):
    """A network with its stem's kernel rounded to whole numbers (`layers.IntegerConv2D`), all else as it was.

    Args:
        model: as `network.build` makes it, binary.

    Raises:
        ValueError: a real-valued network has no integer stem.
    """
    from bnn_landmarks.network.build import build

    spec = model.spec
    if not spec.options.get("binary", True):
        raise ValueError(f"{spec.name} is real-valued: it has no integer stem")
    rounded = build(dataclasses.replace(spec, options={**spec.options, "stem": "integer"}))
    rounded.set_weights(model.get_weights())
    return rounded


def _pack(layer, variable):
    if _is_binary(layer, variable):
        return np.packbits(variable.numpy() >= 0, axis=-1)
    return variable.numpy().astype(np.float32)


def _pack_latent(key, kernel):
    size = np.float32(max(np.abs(kernel).max(), np.finfo(np.float32).tiny))
    code = np.ceil(127 * np.sqrt(np.abs(kernel) / size)).clip(1, 127)
    return {key: np.where(kernel >= 0, code, -code).astype(np.int8), f"{key}{SIZE}": size}


def _unpack_latent(path, key, code, size, variable):
    if list(code.shape) != list(variable.shape) or code.dtype != np.int8 or size.shape:
        raise ValueError(f"{path}: {key} is no latent kernel of the network its spec describes")
    code = code.astype(np.float32)
    return np.sign(code) * size * (np.abs(code) / 127) ** 2


def _unpack(path, key, array, layer, variable):
    shape, dtype = list(variable.shape), np.float32
    if _is_binary(layer, variable):
        shape, dtype = [*shape[:-1], -(-shape[-1] // 8)], np.uint8
    if list(array.shape) != shape or array.dtype != dtype:
        raise ValueError(
            f"{path}: {key} is {array.dtype} {list(array.shape)}, but the network its spec describes "
            f"needs {np.dtype(dtype)} {shape}"
        )
    if dtype == np.uint8:
        return np.unpackbits(array, axis=-1, count=variable.shape[-1]).astype(np.float32) * 2 - 1
    return array


def main():
    parser = argparse.ArgumentParser(
        prog="python -m bnn_landmarks.network.weights",
        description="Pack a training run's weights for shipping and print the lines for zoo/entries.py.",
    )
    parser.add_argument("run", help="directory of the run, or a packed file")
    parser.add_argument("output", help="the .npz to write")
    parser.add_argument("--name", help="entry name to give it; the recipe's by default")
    parser.add_argument(
        "--latent", action="store_true", help="keep 8 bits per weight, to go on training from"
    )
    parser.add_argument(
        "--integer-stem", action="store_true", help="round the stem's kernel to whole numbers"
    )
    arguments = parser.parse_args()
    run, output = pathlib.Path(arguments.run), pathlib.Path(arguments.output)
    model = load(run) if run.is_file() else load_checkpoint(run, latent=arguments.latent)
    if arguments.integer_stem:
        model = integer_stem(model)
    if arguments.name:
        model.spec = dataclasses.replace(model.spec, name=arguments.name)
    sha256 = save(model, output, arguments.latent)
    print(f"{output}: {output.stat().st_size:,} bytes, {model.spec}")
    print(f'weights="{output.name}",\nsha256="{sha256}",')


if __name__ == "__main__":
    with terminal.errors_in_a_line("weights"):
        main()
