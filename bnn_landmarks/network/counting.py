"""What a built network costs, counted from its layers.

count(network.build(spec)).binary_macs            # 8.0e9
"""

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class Count:
    """binary_weights, real_weights: of convolutions. other: trained scales, biases and normalisations.
    binary_macs, real_macs: multiply-accumulates of one image, padding counted as computed."""

    binary_weights: int
    real_weights: int
    other: int
    binary_macs: int
    real_macs: int

    @property
    def parameters(self) -> int:
        """All trained numbers."""
        return self.binary_weights + self.real_weights + self.other

    @property
    def bytes(self) -> int:
        """One bit per binary weight, 32 bits per other number."""
        return math.ceil(self.binary_weights / 8) + 4 * (self.real_weights + self.other)


def count(model) -> Count:
    """The cost of a tf.keras.Model of convolutions with static shapes; images of its own input size."""
    import tensorflow as tf

    from bnn_landmarks.network.layers import BinaryConv2D

    weights, macs = {True: 0, False: 0}, {True: 0, False: 0}
    for layer in model.layers:
        if isinstance(layer, tf.keras.layers.Conv2D):
            binary, size = isinstance(layer, BinaryConv2D), math.prod(layer.kernel.shape)
            weights[binary] += size
            macs[binary] += size * math.prod(layer.output_shape[1:3])
    trained = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    return Count(
        binary_weights=weights[True],
        real_weights=weights[False],
        other=trained - weights[True] - weights[False],
        binary_macs=macs[True],
        real_macs=macs[False],
    )
