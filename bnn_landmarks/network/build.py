"""A `Spec` -> its network."""

from bnn_landmarks.network.hourglass import hourglass_network
from bnn_landmarks.spec import CHANNELS

# The logit of a score of 0.1: a map of centres starts at "hardly anywhere" (Lin et al. 2017, section 4.1).
RARE = -2.2


def build(spec):
    """The untrained tf.keras.Model of a spec: float32 [N, S, S, 3] -> logits [N, S/4, S/4, K]; `model.spec` is set.

    Raises:
        ValueError: the spec has another stride.
    """
    spec.check_stride()
    model = hourglass_network(
        spec.input_size,
        spec.outputs,
        block=spec.block,
        channels=spec.channels,
        stacks=spec.stacks,
        options=spec.layer_options(),
        name=spec.name,
        early_pool=spec.early_pool,
    )
    if spec.task == "boxes":
        for stack in range(1, spec.stacks + 1):
            bias = model.get_layer(f"head{stack}").bias
            bias.assign([RARE if k % CHANNELS == 0 else 0.0 for k in range(spec.outputs)])
    model.spec = spec
    return model
