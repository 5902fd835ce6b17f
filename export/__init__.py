"""Networks -> files for devices: `python -m export.lce`, `python -m export.tflite`."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import bnn_landmarks  # noqa: F401 - selects the legacy Keras, so before TensorFlow
