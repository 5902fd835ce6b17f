"""`save` and `load_model` in a new process that imports no more than the package; loading under mixed precision."""

import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from networks import randomise

from bnn_landmarks.network import weights
from bnn_landmarks.network.build import build

LOADED = """
import sys
import numpy as np
import bnn_landmarks
import tensorflow as tf
image, *files = sys.argv[1:]
for file in files:
    model = tf.keras.models.load_model(file)
    print(repr(model.spec))
    np.save(file + ".npy", model(np.load(image)))
"""
SCHEME = {"name": "mine", "names": ["tip", "tail"], "mirror_pairs": [], "edges": [[0, 1]], "classes": False}


OPTIONS = {
    "released": {},
    "exact": {"stem": "integer"},
    "switched": {"scale": "mean", "activation": "prelu", "shortcut": "real", "first": "real"},
    "between": {"weights": "real", "pooling": "average"},
}


def test_saved_networks_come_back_in_a_new_process(tiny_spec, tmp_path, rng):
    images = rng.random((1, 64, 64, 3), np.float32)
    np.save(tmp_path / "images.npy", images)
    models = {}
    for name, options in OPTIONS.items():
        model = randomise(build(dataclasses.replace(tiny_spec, options=options, landmarks=SCHEME)))
        for file in (f"{tmp_path / name}.keras", f"{tmp_path / name}.h5"):
            model.save(file)
            models[file] = model
    environment = {k: v for k, v in os.environ.items() if k != "TF_USE_LEGACY_KERAS"}
    arguments = [sys.executable, "-c", LOADED, str(tmp_path / "images.npy"), *models]
    done = subprocess.run(arguments, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines() == [repr(model.spec) for model in models.values()]
    for file, model in models.items():
        np.testing.assert_array_equal(np.load(f"{file}.npy"), model(images))


def test_a_scheme_of_ones_own_is_the_same_after_json(tiny_spec):
    spec = dataclasses.replace(tiny_spec, landmarks=SCHEME)
    assert type(spec).from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_trained_weights_compute_in_float32_under_any_policy(tiny_model, tmp_path, rng, policy):
    weights.save(tiny_model, tmp_path / "tiny.npz")
    images = rng.random((1, 64, 64, 3), np.float32)
    tf.keras.mixed_precision.set_global_policy(policy)
    try:
        loaded = weights.load(tmp_path / "tiny.npz")
        assert tf.keras.mixed_precision.global_policy().name == policy
        np.testing.assert_array_equal(loaded(images), tiny_model(images))
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
