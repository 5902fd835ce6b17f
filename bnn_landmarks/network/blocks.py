"""The residual blocks of the paper (figure 4 and figure 1b) and one of ours, each a plain function on tensors.

    y = BLOCKS["hierarchical"](x, 256, Options(), name="block")      # [N, H, W, C] -> [N, H, W, 256]

All are pre-activation: every convolution reads BN -> sign of its input (BN -> ReLU when real), and the block adds its
body to the shortcut. A shortcut that changes channels is a 1x1 convolution of the same normalised input that the
body's first convolution reads. Channel counts are given in the comments for 256 and scale with `channels`.
"""

import tensorflow as tf

from bnn_landmarks.network.layers import Channels, batch_norm, conv_after_norm, conv_unit, pool, projection


def _shortcut(x, normed, channels, options, name):
    return x if x.shape[-1] == channels else projection(normed, channels, options, f"{name}_shortcut")


def _add_shortcut(x, normed, body, channels, options, name):
    return tf.keras.layers.Add(name=f"{name}_add")([_shortcut(x, normed, channels, options, name), body])


def _concat(branches, name):
    return tf.keras.layers.Concatenate(name=f"{name}_concat")(branches)


def bottleneck(x, channels, options, name, middle=None):
    """Figure 4a: 1x1 256->128, 3x3 128->128, 1x1 128->256. `middle` is the inner width, half of `channels` unless
    given: 196 gives table 5's "bottleneck (wider)"."""
    middle = middle or channels // 2
    normed = batch_norm(x, f"{name}_bn")
    y = conv_after_norm(normed, middle, 1, options, f"{name}_conv1")
    y = conv_unit(y, middle, 3, options, f"{name}_conv2")
    y = conv_unit(y, channels, 1, options, f"{name}_conv3")
    return _add_shortcut(x, normed, y, channels, options, name)


def wider(x, channels, options, name):
    """Figure 4b: the bottleneck without its bottleneck, 1x1 256->256, 3x3 256->256, 1x1 256->256."""
    return bottleneck(x, channels, options, name, middle=channels)


def bottleneck_wide(x, channels, options, name):
    """Table 5's bottleneck widened to 7.0M parameters: middle width 196 of 256 (our reading: it meets the
    total)."""
    return bottleneck(x, channels, options, name, middle=channels * 196 // 256)


def bottleneck_no_1x1(x, channels, options, name):
    """Table 3's bottleneck without 1x1 filters: 3x3 256->81, 3x3 81->256 (the width is our reading: it meets the
    total of 5.8M)."""
    normed = batch_norm(x, f"{name}_bn")
    y = conv_after_norm(normed, channels * 81 // 256, 3, options, f"{name}_conv1")
    y = conv_unit(y, channels, 3, options, f"{name}_conv2")
    return _add_shortcut(x, normed, y, channels, options, name)


def multi_scale(x, channels, options, name):
    """Figure 4c. Left: 1x1 256->64, 3x3 64->64. Right: 3x3 pooling, 1x1 256->128, then 3x3 128->32 beside
    3x3 128->64, 3x3 64->32. Concatenated to 128, then 1x1 128->256 (the right split is our reading of 4.0M)."""
    quarter, eighth = channels // 4, channels // 8
    normed = batch_norm(x, f"{name}_bn")
    left = conv_after_norm(normed, quarter, 1, options, f"{name}_left1")
    left = conv_unit(left, quarter, 3, options, f"{name}_left2")
    right = pool(x, 3, 1, options, f"{name}_pool")
    right = conv_unit(right, channels // 2, 1, options, f"{name}_right")
    right_normed = batch_norm(right, f"{name}_inner_bn")
    short = conv_after_norm(right_normed, eighth, 3, options, f"{name}_short")
    long = conv_after_norm(right_normed, quarter, 3, options, f"{name}_long1")
    long = conv_unit(long, eighth, 3, options, f"{name}_long2")
    y = conv_unit(_concat([left, short, long], name), channels, 1, options, f"{name}_out")
    return _add_shortcut(x, normed, y, channels, options, name)


def multi_scale_no_1x1(x, channels, options, name):
    """Figure 4d. Left: 3x3 256->128. Right: 3x3 pooling, then 3x3 256->64 beside 3x3 256->64, 3x3 64->64.
    Concatenated to 256 (the right split is our reading of 9.3M)."""
    quarter = channels // 4
    normed = batch_norm(x, f"{name}_bn")
    left = conv_after_norm(normed, channels // 2, 3, options, f"{name}_left")
    right = batch_norm(pool(x, 3, 1, options, f"{name}_pool"), f"{name}_right_bn")
    short = conv_after_norm(right, quarter, 3, options, f"{name}_short")
    long = conv_after_norm(right, quarter, 3, options, f"{name}_long1")
    long = conv_unit(long, quarter, 3, options, f"{name}_long2")
    return _add_shortcut(x, normed, _concat([left, short, long], name), channels, options, name)


def hierarchical(x, channels, options, name):
    """Figure 4e, the paper's final block (figure 1b at 192 channels): 3x3 256->128, 3x3 128->64, 3x3 64->64, each
    reading the one before, all three concatenated: every convolution is one step from the output."""
    quarter = channels // 4
    normed = batch_norm(x, f"{name}_bn")
    a = conv_after_norm(normed, channels // 2, 3, options, f"{name}_conv1")
    b = conv_unit(a, quarter, 3, options, f"{name}_conv2")
    c = conv_unit(b, quarter, 3, options, f"{name}_conv3")
    return _add_shortcut(x, normed, _concat([a, b, c], name), channels, options, name)


def hierarchical_shortcuts(x, channels, options, name):
    """The hierarchical block with a shortcut around every convolution (the idea of Bi-Real Net, Liu et al. 2018): each
    adds its own part of the block's shortcut, channels 1-128, 129-192 and 193-256, before the next one reads it.

    The output is `hierarchical`'s x + concat(a, b, c), with its parameters and their names; what differs is that the
    second and third convolution take the sign of a real-valued sum, not of a binary convolution alone. (The identity
    of Bi-Real Net itself is the convolution's own input, which here has twice the channels.)"""
    quarter = channels // 4
    normed = batch_norm(x, f"{name}_bn")
    shortcut = _shortcut(x, normed, channels, options, name)

    def add(number, y):
        first = (0, 2 * quarter, 3 * quarter)[number - 1]
        part = Channels(first, y.shape[-1], name=f"{name}_part{number}")(shortcut)
        return tf.keras.layers.Add(name=f"{name}_add{number}")([part, y])

    a = add(1, conv_after_norm(normed, 2 * quarter, 3, options, f"{name}_conv1"))
    b = add(2, conv_unit(a, quarter, 3, options, f"{name}_conv2"))
    c = add(3, conv_unit(b, quarter, 3, options, f"{name}_conv3"))
    return _concat([a, b, c], name)


BLOCKS = {
    block.__name__: block
    for block in (
        bottleneck,
        wider,
        bottleneck_wide,
        bottleneck_no_1x1,
        multi_scale,
        multi_scale_no_1x1,
        hierarchical,
        hierarchical_shortcuts,
    )
}
