"""Starting weights: those of a packed file, another training run or a checkpoint, by their layers' names."""

import pathlib

import numpy as np
import tensorflow as tf

from bnn_landmarks.network import checkpoints, weights
from bnn_landmarks.network.build import build
from bnn_landmarks.network.layers import BinaryConv2D, he_mean


def start_from(model, source):
    """Give a network the variables of another that have its layers' names and shapes.

    Args:
        source: a packed `.npz`, a training run's directory, or the path of a checkpoint of the same network. A packed
            file knows only the signs of binary kernels: their latent weights get the mean size of fresh ones, so that
            they can still turn. Where kernels come from a network without scales (real, or of real weights), the
            learned scale of their binary convolution starts at their mean size.

    Returns:
        how many of the model's variables were set.

    Raises:
        FileNotFoundError: there is nothing there. ValueError: nothing fits, or it is damaged.
    """
    source = pathlib.Path(source)
    if not (source.is_file() or source.is_dir()):
        if not source.with_name(f"{source.name}.index").is_file():
            raise FileNotFoundError(f"no weights, training run or checkpoint at {source}")
        given = build(model.spec)
        with checkpoints.reading(source):
            tf.train.Checkpoint(model=given).restore(str(source)).expect_partial()
        model.set_weights(given.get_weights())
        return len(model.weights)
    network = network_of(source)
    given, taken = _variables(network), set()
    for key, variable in _variables(model).items():
        if key in given and given[key].shape == variable.shape:
            variable.assign(given[key])
            taken.add(key)
    if not taken:
        raise ValueError(f"{source} has no layer in common with the network to train")
    for layer in model.layers:
        if isinstance(layer, BinaryConv2D) and f"{layer.name}/kernel" in taken:
            _fit_scale(layer, getattr(network.get_layer(layer.name), "scale_mode", None))
    return len(taken)


def _fit_scale(layer, theirs):
    """The size of the latent weights of a binary convolution with another's variables, and its learned scale where the
    other's mode, `theirs`, was not that; None for no binary one."""
    size = np.abs(layer.kernel.numpy())
    if layer.scale_mode == "learned" and theirs != "learned":
        factor = layer.scale.numpy() if theirs == "fixed" else size.mean(axis=(0, 1, 2))
        layer.scale.assign(factor / layer.unit)
    if (size == 1).all():
        layer.kernel.assign(layer.kernel * he_mean(layer.kernel.shape))


def network_of(source):
    """The network of a packed file; of a run's directory with the latent weights of its last checkpoint, if it is
    still there."""
    source = pathlib.Path(source)
    if not source.is_dir():
        return weights.load(source)
    return weights.load_checkpoint(source, latent=checkpoints.latest(source) is not None)


def _variables(model):
    return {
        weights.variable_key(layer, variable): variable
        for layer in model.layers
        for variable in layer.weights
    }
