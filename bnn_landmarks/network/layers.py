"""The layers every block is made of: the binary convolution unit and its real-valued twin.

The unit is pre-activation, as in the paper (section 4, figure 1): BN -> sign -> binary convolution -> ReLU -> scale.

    conv_unit(x, 128, 3, Options(), "a")                  # binary
    conv_unit(x, 128, 3, Options(binary=False), "b")      # real twin: BN -> ReLU -> convolution
    conv_unit(x, 128, 3, Options(weights="real"), "c")    # between them: BN -> sign -> real convolution -> ReLU

A binary convolution computes, with W the latent real kernel and s the per-output-channel scale,

    y = s * relu(sign(W) (*) sign(x)),    sign(0) = +1,    padded with +1

The scale comes after the integer-valued sum and has at most 11 significant bits (it is rounded to float16), so that its
product with any sum of up to 2^13 terms is exact in float32. LCE computes K s - 2 s p from the popcount p of K terms,
where a longer s rounds otherwise; with a short one every order of operations gives the same bits as Keras.
Latent kernels are clipped to [-1, 1], beyond which their gradient would be zero for good.
sign has the straight-through gradient: 1 where |x| <= 1, 0 elsewhere (larq's ste_sign; after Courbariaux et al.).
"""

import math

import larq as lq
import tensorflow as tf

from bnn_landmarks.spec import Options

BATCH_NORM = {"momentum": 0.9, "epsilon": 1e-5}

PRELU_SLOPE = 0.25
LARGEST = 127
SMALLEST = 1e-9  # |gamma| of a normalisation


def he_mean(shape):
    """Mean size of the weights [k, k, in, out] of a He-normal kernel (He et al. 2015)."""
    return math.sqrt(2 / math.pi) * math.sqrt(2 / math.prod(shape[:3]))


@tf.keras.utils.register_keras_serializable("bnn_landmarks")
class BinaryConv2D(lq.layers.QuantConv2D):
    """Binary convolution of the sign of its input: y = scale * relu(sign(W) (*) sign(x)), one-padded, no bias.

    Input and output float [N, H, W, C]; the sums are whole numbers until the scale.

    Args:
        relu: clip the sums at zero before the scale.
        scale_mode: one of `spec.SCALES`. "learned" is the variable `scale` [filters], 1 at the start, times the
            constant sqrt(2 / pi) * sqrt(2 / fan_in): the expected mean|W| of a He-normal kernel, so that the factor
            moves at the pace of the other weights. "fixed" is the variable `scale` itself.
    """

    def __init__(self, filters, kernel_size, relu=True, scale_mode="learned", **kwargs):
        fixed = {
            "padding": "same",
            "pad_values": 1.0,
            "use_bias": False,
            "input_quantizer": "ste_sign",
            "kernel_quantizer": "ste_sign",
            "kernel_initializer": "he_normal",
            "kernel_constraint": "weight_clip",
        }
        super().__init__(filters, kernel_size, **{**kwargs, **fixed})
        self.relu = relu
        self.scale_mode = scale_mode

    def build(self, input_shape):
        super().build(input_shape)
        if self.scale_mode == "learned":
            self.scale = self.add_weight(name="scale", shape=(self.filters,), initializer="ones")
            self.unit = he_mean(self.kernel.shape)
        if self.scale_mode == "fixed":
            self.scale = self.add_weight(
                name="scale", shape=(self.filters,), initializer="ones", trainable=False
            )

    def multiplier(self):
        """The per-output-channel factor as a tensor [filters] that float16 holds exactly, or None. The gradient passes
        the rounding unchanged."""
        if self.scale_mode == "none":
            return None
        if self.scale_mode == "mean":
            factor = tf.reduce_mean(tf.abs(self.kernel), axis=[0, 1, 2])
        else:
            factor = tf.convert_to_tensor(self.scale) * (self.unit if self.scale_mode == "learned" else 1.0)
        return factor + tf.stop_gradient(tf.cast(tf.cast(factor, tf.float16), factor.dtype) - factor)

    def call(self, inputs):
        y = super().call(inputs)
        if self.relu:
            y = tf.nn.relu(y)
        factor = self.multiplier()
        return y if factor is None else y * tf.cast(factor, y.dtype)

    def get_config(self):
        return {**super().get_config(), "relu": self.relu, "scale_mode": self.scale_mode}


@tf.keras.utils.register_keras_serializable("bnn_landmarks")
class IntegerConv2D(tf.keras.layers.Conv2D):
    """A convolution of pixels in whole numbers, "same" padding, no bias: float [N, H, W, C] in [0, 1] -> float.

    The input becomes round(255 x), whole numbers from 0 to 255. The kernel is a whole number from -127 to 127 times a
    factor of its output channel. A sum of 147 such products (7x7x3) is below 2^23, so that float32, int32 and any order
    of summation give the same; it leaves times factor / 255, which is what the real kernel would give of [0, 1].

    The latent kernel's gradient passes the rounding unchanged. All is float32 whatever the network's precision:
    bfloat16 does not tell the 255ths apart.
    """

    def __init__(self, filters, kernel_size, **kwargs):
        fixed = {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal", "dtype": "float32"}
        super().__init__(filters, kernel_size, **{**kwargs, **fixed})

    def whole(self):
        """The kernel's whole numbers, float32 [h, w, in, out] from -127 to 127, and the factors, float32 [out].

        A factor is the largest weight / 127, rounded to the 8 bits of a bfloat16: then number * factor is exact in
        float32, and a kernel that is that gives the same numbers and factors again.
        """
        largest = tf.stop_gradient(tf.reduce_max(tf.abs(self.kernel), axis=[0, 1, 2]))
        factor = tf.cast(tf.cast(largest / LARGEST, tf.bfloat16), tf.float32)
        exact = tf.math.divide_no_nan(self.kernel, factor)
        rounded = tf.clip_by_value(tf.round(exact), -LARGEST, LARGEST)
        return exact + tf.stop_gradient(rounded - exact), factor

    def multiplier(self):
        """What a sum is multiplied by: factor / 255, float32 [out]."""
        return self.whole()[1] * (1 / 255)

    def sums(self, pixels, numbers):
        """The convolution itself, of whole numbers."""
        return tf.nn.conv2d(pixels, numbers, self.strides, "SAME")

    def call(self, inputs):
        return self.sums(tf.round(inputs * 255.0), self.whole()[0]) * self.multiplier()


@tf.keras.utils.register_keras_serializable("bnn_landmarks")
class Norm(tf.keras.layers.BatchNormalization):
    """Batch normalisation whose inference is (x - turn) * slope, with the same two float32 numbers per channel
    everywhere.

    A fused normalisation rounds as the processor's instructions suit it, and sign(0) is where networks come apart. Here
    turn = mean - beta / slope and slope = gamma / sqrt(variance + epsilon) are made in float64, operations that IEEE
    754 defines to the last bit; the sign of a float32 difference is never wrong, and no compiler can fuse it with the
    product behind it. A gamma nearer to zero than `SMALLEST` counts as that.
    """

    def affine(self):
        """(turn, slope), float32 [C] each."""
        mean, variance, beta, gamma = (
            tf.cast(tf.convert_to_tensor(variable), tf.float64)
            for variable in (self.moving_mean, self.moving_variance, self.beta, self.gamma)
        )
        gamma = tf.where(gamma < 0, tf.minimum(gamma, -SMALLEST), tf.maximum(gamma, SMALLEST))
        # Not gamma / sqrt(...): TensorFlow's optimiser makes an approximate rsqrt of that.
        slope = tf.sign(gamma) * tf.sqrt(gamma * gamma / (variance + self.epsilon))
        return tf.cast(mean - beta / slope, tf.float32), tf.cast(slope, tf.float32)

    def call(self, inputs, training=None):
        training = self._get_training_value(training)
        if tf.is_tensor(training) or training:
            return super().call(inputs, training=training)
        turn, slope = self.affine()
        return tf.cast((tf.cast(inputs, tf.float32) - turn) * slope, inputs.dtype)


@tf.keras.utils.register_keras_serializable("bnn_landmarks")
class Upsample(tf.keras.layers.Layer):
    """Nearest-neighbour upsampling by two, [N, H, W, C] -> [N, 2H, 2W, C].

    The gradient sums each 2x2 cell: what TensorFlow's own gives, without its slow kernel, and XLA can compile it.
    """

    def call(self, inputs):
        height, width = inputs.shape[1:3]

        @tf.custom_gradient
        def upsample(x):
            def gradient(dy):
                return 4.0 * tf.nn.avg_pool2d(dy, 2, 2, "VALID")

            return tf.image.resize(x, (2 * height, 2 * width), "nearest"), gradient

        return upsample(inputs)


def batch_norm(x, name=None):
    return Norm(**BATCH_NORM, name=name)(x)


def real_conv(x, filters, kernel_size, strides=1, use_bias=False, name=None):
    """A plain convolution, He initialised, "same" padding."""
    return tf.keras.layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding="same",
        use_bias=use_bias,
        kernel_initializer="he_normal",
        name=name,
    )(x)


@tf.keras.utils.register_keras_serializable("bnn_landmarks")
class Channels(tf.keras.layers.Layer):
    """Channels `first` to `first + count` of [N, H, W, C]."""

    def __init__(self, first, count, **kwargs):
        super().__init__(**kwargs)
        self.first, self.count = first, count

    def call(self, inputs):
        return inputs[..., self.first : self.first + self.count]

    def get_config(self):
        return {**super().get_config(), "first": self.first, "count": self.count}


def _sign_conv(x, filters, kernel_size, relu, options, name):
    """A convolution of the signs of a normalised input, with binary or real weights."""
    if options.weights == "binary":
        return BinaryConv2D(filters, kernel_size, relu=relu, scale_mode=options.scale, name=name)(x)
    return lq.layers.QuantConv2D(
        filters,
        kernel_size,
        padding="same",
        pad_values=1.0,
        use_bias=False,
        input_quantizer="ste_sign",
        kernel_initializer="he_normal",
        activation="relu" if relu else None,
        name=name,
    )(x)


def conv_unit(x, filters, kernel_size, options: Options, name):
    """One pre-activation convolution on float [N, H, W, C]: binary BN -> sign -> conv -> ReLU -> scale, or the real
    twin BN -> ReLU -> conv."""
    return conv_after_norm(batch_norm(x, f"{name}_bn"), filters, kernel_size, options, name)


def conv_after_norm(x, filters, kernel_size, options, name):
    """`conv_unit` on an input that is already normalised, for convolutions that share one BN."""
    if not options.binary:
        return real_conv(tf.keras.layers.ReLU(name=f"{name}_relu")(x), filters, kernel_size, name=name)
    y = _sign_conv(x, filters, kernel_size, options.activation == "relu", options, name)
    if options.activation == "prelu":
        slope = tf.keras.initializers.Constant(PRELU_SLOPE)
        y = tf.keras.layers.PReLU(slope, shared_axes=[1, 2], name=f"{name}_prelu")(y)
    return y


def projection(x, filters, options, name):
    """A 1x1 convolution without ReLU on a normalised input: the shortcut that changes channels, the one before the
    head. Binary, or real on the rectified input."""
    if options.binary and options.shortcut == "binary":
        return _sign_conv(x, filters, 1, False, options, name)
    return real_conv(tf.keras.layers.ReLU(name=f"{name}_relu")(x), filters, 1, name=name)


def pool(x, size, strides, options, name):
    layer = tf.keras.layers.MaxPool2D if options.pooling == "max" else tf.keras.layers.AveragePooling2D
    return layer(size, strides, padding="same", name=name)(x)
