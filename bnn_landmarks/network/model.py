"""The model class of every network: a tf.keras.Model that is saved and loaded with its `Spec`."""

import contextlib

import tensorflow as tf

from bnn_landmarks.spec import Spec


@tf.keras.utils.register_keras_serializable("bnn_landmarks")
class LandmarkNetwork(tf.keras.Model):
    """A functional model whose `spec` goes with it through `save` and `tf.keras.models.load_model`."""

    spec: Spec | None = None

    def get_config(self):
        return {**super().get_config(), "spec": self.spec and self.spec.to_dict()}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        spec = config.pop("spec", None)
        model = super().from_config(config, custom_objects)
        if spec:
            model.spec = Spec.from_dict(spec)
        return model


# What HDF5 files call it: they hold a model's class without the package it is registered under.
tf.keras.utils.get_custom_objects()["LandmarkNetwork"] = LandmarkNetwork


@contextlib.contextmanager
def float32():
    """Layers made here compute in float32, whatever the global policy is."""
    policies = tf.keras.mixed_precision
    before = policies.global_policy()
    policies.set_global_policy("float32")
    try:
        yield
    finally:
        policies.set_global_policy(before)
