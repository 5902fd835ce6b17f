"""The hourglass network of the paper (section 3; Newell et al. 2016), single or stacked.

model = hourglass_network(256, 16)                       # [N, 256, 256, 3] in [0, 1] -> [N, 64, 64, 16] logits
model = hourglass_network(256, 16, stacks=8, options=Options(binary=False))     # a list of eight outputs
"""

import dataclasses
import functools

import tensorflow as tf

from bnn_landmarks.network.blocks import BLOCKS
from bnn_landmarks.network.layers import IntegerConv2D, Upsample, batch_norm, pool, projection, real_conv
from bnn_landmarks.network.model import LandmarkNetwork
from bnn_landmarks.spec import Options

DEPTH = 4
STRIDE = 4
FEATURES = 256


def hourglass(x, block, options, name, depth=DEPTH):
    """One hourglass: at each level a skip block beside pool -> block -> inner level -> block -> upsample."""
    skip = block(x, name=f"{name}_skip{depth}")
    y = pool(x, 2, 2, options, f"{name}_pool{depth}")
    y = block(y, name=f"{name}_down{depth}")
    if depth > 1:
        y = hourglass(y, block, options, name, depth - 1)
    else:
        y = block(y, name=f"{name}_bottom")
    y = block(y, name=f"{name}_up{depth}")
    y = Upsample(name=f"{name}_upsample{depth}")(y)
    return tf.keras.layers.Add(name=f"{name}_add{depth}")([skip, y])


def _stem(images, options):
    if options.binary and options.stem == "integer":
        return IntegerConv2D(64, 7, strides=2, name="stem")(images)
    return real_conv(images, 64, 7, strides=2, name="stem")


def hourglass_network(
    input_size,
    outputs,
    block="hierarchical",
    channels=256,
    stacks=1,
    options=None,
    name=None,
    early_pool=False,
):
    """The whole network as a tf.keras.Model.

    Args:
        input_size: side of the square input in pixels, a multiple of 64 (the stem divides by 4, the hourglass by 16).
        outputs: maps K, one per landmark or class.
        block: a key of `blocks.BLOCKS`.
        channels: width of the hourglass (256 in the paper, 192 in table 4).
        stacks: hourglasses in a row, 1 to 8, each with its own output; more than one gives a list of outputs.
        options: `spec.Options`; the released networks' by default.
        early_pool: halve the stem's maps before its first block, not behind it: that block costs a quarter.

    Returns:
        float32 images [N, S, S, 3] in [0, 1] -> float32 logits [N, S/4, S/4, K].

    Raises:
        ValueError: an unknown block, a size that is not a multiple of 64, stacks outside 1 to 8.
    """
    options = options or Options()
    if block not in BLOCKS:
        raise ValueError(f"unknown block {block!r}; the blocks are {', '.join(BLOCKS)}")
    if input_size <= 0 or input_size % (STRIDE * 2**DEPTH):
        raise ValueError(f"input_size must be a positive multiple of {STRIDE * 2**DEPTH}, not {input_size}")
    if not 1 <= stacks <= 8:
        raise ValueError(f"stacks must be from 1 to 8, not {stacks}")
    residual = functools.partial(BLOCKS[block], options=options)
    wide = functools.partial(residual, channels=channels)
    first = functools.partial(residual, channels=128, name="stem_block1")
    if options.first == "real":
        first = functools.partial(first, options=dataclasses.replace(options, binary=False))

    images = tf.keras.Input((input_size, input_size, 3), name="image")
    x = _stem(images, options)
    x = tf.keras.layers.ReLU(name="stem_relu")(batch_norm(x, "stem_bn"))
    if early_pool:
        x = first(pool(x, 2, 2, options, "stem_pool"))
    else:
        x = pool(first(x), 2, 2, options, "stem_pool")
    x = residual(x, 128, name="stem_block2")
    x = wide(x, name="stem_block3")

    heads = []
    for stack in range(1, stacks + 1):
        y = hourglass(x, wide, options, f"hg{stack}")
        y = wide(y, name=f"tail{stack}_block")
        y = projection(batch_norm(y, f"tail{stack}_bn"), FEATURES, options, f"tail{stack}_conv")
        y = tf.keras.layers.ReLU(name=f"head{stack}_relu")(batch_norm(y, f"head{stack}_bn"))
        maps = real_conv(y, outputs, 1, use_bias=True, name=f"head{stack}")
        heads.append(tf.keras.layers.Activation("linear", dtype="float32", name=f"maps{stack}")(maps))
        if stack < stacks:
            back = [real_conv(y, channels, 1, name=f"back{stack}_features")]
            back.append(real_conv(maps, channels, 1, name=f"back{stack}_maps"))
            x = tf.keras.layers.Add(name=f"back{stack}_add")([x, *back])
    return LandmarkNetwork(images, heads if stacks > 1 else heads[0], name=name or block)
