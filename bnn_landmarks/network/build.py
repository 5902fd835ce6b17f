"""A `Spec` -> its network."""

from bnn_landmarks.network.hourglass import hourglass_network
from bnn_landmarks.network.layers import Options


def build(spec):
    """The untrained tf.keras.Model of a spec: float32 [N, S, S, 3] -> logits [N, S/4, S/4, K]; `model.spec` is set."""
    model = hourglass_network(
        spec.input_size,
        spec.outputs,
        block=spec.block,
        channels=spec.channels,
        stacks=spec.stacks,
        options=Options(**spec.options),
        name=spec.name,
    )
    model.spec = spec
    return model
