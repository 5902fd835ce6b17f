"""Importing the package: Keras 2 in every order that can work, a clear refusal in the one that can't, and no
TensorFlow where none is needed. Each in a process of its own."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest

import bnn_landmarks

LAYERS = "import bnn_landmarks.network.layers, tensorflow as tf; print(tf.keras.layers.Layer.__module__)"
ROOT = pathlib.Path(bnn_landmarks.__file__).parent
LIGHT = (
    "schemes spec files cli zoo evaluation.metrics training.augment training.samples datasets.sample datasets.coco "
    "inference.detect inference.engines inference.localizer inference.exported"
).split() + [f"geometry.{path.stem}" for path in (ROOT / "geometry").glob("[!_]*.py")]


def python(program):
    environment = {key: value for key, value in os.environ.items() if key != "TF_USE_LEGACY_KERAS"}
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)


@pytest.mark.parametrize("first", ["pass", "import tensorflow", "import keras"])
def test_keras_2_is_used_whatever_was_imported_before(first):
    done = python(f"{first}\nimport bnn_landmarks\n{LAYERS}")
    assert done.stdout.startswith("tf_keras."), done.stderr[-800:]


def test_keras_3_in_use_is_refused():
    done = python("import tensorflow as tf\ntf.keras.layers\nimport bnn_landmarks")
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: bnn_landmarks needs Keras 2")
    assert "TF_USE_LEGACY_KERAS=1" in last


def test_what_needs_no_network_needs_no_tensorflow():
    blocked = "import sys; sys.modules.update(dict.fromkeys(['tensorflow', 'tf_keras', 'larq', 'keras'])); "
    done = python(blocked + "; ".join(f"import bnn_landmarks.{name}" for name in LIGHT))
    assert done.returncode == 0, done.stderr[-800:]


@pytest.mark.parametrize("folder", ["benchmarks", "deploy", "docs", "export", "tests"])
def test_of_the_folders_beside_the_package_only_the_zoo_is_its_own(folder):
    assert importlib.util.find_spec("bnn_landmarks.zoo.entries").origin == str(
        ROOT.parent / "zoo" / "entries.py"
    )
    assert importlib.util.find_spec(f"bnn_landmarks.{folder}") is None


def test_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Localiser'"):
        bnn_landmarks.Localiser  # noqa: B018
