"""The network as it is trained: on TensorFlow's or our own kernels, compiled with its loss and its optimizer."""

import sys

import tensorflow as tf
from tqdm import tqdm

from bnn_landmarks import training_ops
from bnn_landmarks.network.build import build
from bnn_landmarks.network.layers import BinaryConv2D
from bnn_landmarks.training.initial import network_of
from bnn_landmarks.training.losses import distillation, landmark_loss

VIEW_NOISE = 1.0  # grey levels, standard deviation


def learning_rate(recipe):
    """The recipe's schedule over its steps."""
    schedules, rate = tf.keras.optimizers.schedules, recipe.learning_rate
    length = recipe.steps - recipe.first_step
    warmup = int(recipe.warmup * length)
    if recipe.schedule == "cosine":
        schedule = schedules.CosineDecay(
            0.0 if warmup else rate,
            length - warmup,
            warmup_target=rate if warmup else None,
            warmup_steps=warmup,
        )
    elif recipe.schedule == "hold":
        schedule = schedules.PolynomialDecay(0.0 if warmup else rate, max(warmup, 1), rate)
    elif recipe.schedule == "decay":
        schedule = schedules.PolynomialDecay(rate, length, 0.0)
    else:
        shares, rates = zip(*recipe.schedule, strict=True)
        schedule = schedules.PiecewiseConstantDecay([int(s * length) for s in shares], [rate, *rates])
    return _Later(schedule, recipe.first_step) if recipe.first_step else schedule


class _Later(tf.keras.optimizers.schedules.LearningRateSchedule):
    """A schedule that begins at step `first`."""

    def __init__(self, schedule, first):
        self.schedule, self.first = schedule, first

    def __call__(self, step):
        return self.schedule(step - self.first)

    def get_config(self):
        return {"schedule": self.schedule, "first": self.first}


def make_optimizer(recipe, fast=False):
    adam = training_ops.FastAdam if fast else tf.keras.optimizers.Adam
    kind = {"adam": adam, "rmsprop": tf.keras.optimizers.RMSprop}[recipe.optimizer]
    average = {"use_ema": True, "ema_momentum": recipe.average} if recipe.average else {}
    optimizer = kind(learning_rate(recipe), **average)
    if recipe.precision == "float16":
        optimizer = tf.keras.mixed_precision.LossScaleOptimizer(optimizer)
    return optimizer


KERNELS = ("auto", "cpu", "tensorflow")


def chooses_cpu_kernels(kernels, recipe, strategy=None):
    """Whether to train on `training_ops`: with "auto" where they work, with "cpu" always, with "tensorflow" never.

    Raises:
        ValueError: "cpu", and they don't work here or for this recipe.
    """
    if kernels not in KERNELS:
        raise ValueError(f"kernels must be one of {', '.join(KERNELS)}, not {kernels!r}")
    if kernels == "tensorflow":
        return False
    if strategy or recipe.precision != "float32" or recipe.jit_compile:
        reason = "they compute in float32, without XLA and without a strategy"
    else:
        reason = training_ops.problem()
    if reason and kernels == "cpu":
        raise ValueError(f"the CPU kernels can't be used: {reason}; --kernels tensorflow trains without them")
    if reason:
        tqdm.write(f"training on TensorFlow's own kernels, not the CPU kernels: {reason}", file=sys.stderr)
    return reason is None


def build_for_training(recipe, synchronised=False, fast=False):
    """The recipe's network in its precision, compiled with its loss and optimizer.

    fast: on `training_ops`.
    synchronised: batch normalisation takes its statistics over all replicas, so that they learn what one machine
        with the joint batch would.
    """
    policy = recipe.precision if recipe.precision == "float32" else f"mixed_{recipe.precision}"
    tf.keras.mixed_precision.set_global_policy(policy)
    try:
        model = build(recipe.spec)
        if fast:
            model = training_ops.accelerate(model)
        if recipe.agreement is not None:
            model = _with_two_views(model, recipe)
        if recipe.teacher:
            model = _with_teacher(model, network_of(recipe.teacher), recipe)
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    if synchronised:
        for layer in model.layers:
            if isinstance(layer, tf.keras.layers.BatchNormalization):
                layer.fused, layer.synchronized = False, True
    loss = landmark_loss(recipe.loss, recipe.spec.stride, recipe.spec.sigma)
    model.compile(make_optimizer(recipe, fast), loss, jit_compile=recipe.jit_compile)
    model.distribute_reduction_method = "first"  # the loss that is logged is already the mean over replicas
    model.optimizer.build(model.trainable_variables)
    return model


def _with_teacher(model, teacher, recipe):
    match = distillation(recipe.loss)

    class Student(type(model)):
        """The network, whose loss also asks for the teacher's maps."""

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
            loss = super().compute_loss(x, y, y_pred, sample_weight)
            wanted = tf.stop_gradient(_each(teacher(x, training=False))[-1])
            return loss + recipe.teacher_weight * tf.add_n([match(maps, wanted) for maps in _each(y_pred)])

    if teacher.spec.landmark_scheme().names != recipe.spec.landmark_scheme().names:
        raise ValueError(f"the teacher finds {teacher.spec.scheme}, not {recipe.spec.scheme}")
    if teacher.spec.input_size != recipe.spec.input_size:
        raise ValueError(f"the teacher reads {teacher.spec.input_size} pixels, not {recipe.spec.input_size}")
    return _as(Student, model)


def _as(kind, model):
    """The network, its layers and its spec as a model of another class."""
    new = kind(model.inputs, model.outputs, name=model.name)
    new.spec = model.spec
    return new


def _with_two_views(model, recipe):
    match = distillation(recipe.loss)

    def noisy(images, step, view):
        seed = (recipe.seed, 2 * tf.cast(step, tf.int32) + view)
        noise = tf.round(tf.random.stateless_normal(tf.shape(images), seed, stddev=VIEW_NOISE))
        return tf.clip_by_value(images + noise / 255, 0.0, 1.0)

    class TwoViews(type(model)):
        """The network, each of whose batches is two views of the one given, and whose loss asks for equal maps."""

        def train_step(self, data):
            images, targets = data
            views = [noisy(images, self.optimizer.iterations, view) for view in range(2)]
            twice = tf.nest.map_structure(lambda each: tf.concat([each, each], 0), targets)
            return super().train_step((tf.concat(views, 0), twice))

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
            loss = super().compute_loss(x, y, y_pred, sample_weight)
            for maps in _each(y_pred):
                one, other = tf.split(maps, 2)
                apart = match(one, tf.stop_gradient(other)) + match(other, tf.stop_gradient(one))
                loss += recipe.agreement / 2 * apart
            return loss

    return _as(TwoViews, model)


def widen(model, window):
    """Let the signs' straight-through windows be so many times as wide, and the signs as they are.

    Raises:
        ValueError: the network has no convolution of binary weights and inputs.
    """
    if window == 1:
        return
    signed = [layer for layer in model.layers if isinstance(layer, BinaryConv2D)]
    if not signed:
        raise ValueError("a window is of signs, and the network to train has none: leave `window` at 1")
    for name in {layer.inbound_nodes[0].inbound_layers.name for layer in signed}:
        before = model.get_layer(name)
        for variable in (before.gamma, before.beta):
            variable.assign(variable / window)


def _each(maps):
    """The maps of every stack, a list."""
    return maps if isinstance(maps, list) else [maps]


def steps_done(model):
    """Steps its optimizer has taken, also before a killed run was resumed."""
    return int(model.optimizer.iterations.numpy())
