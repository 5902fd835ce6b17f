"""Shared by all tests: TensorFlow quiet and on few threads, the small network most tests use."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

import warnings

import numpy as np
import pytest
from networks import randomise

import bnn_landmarks  # noqa: F401  selects Keras 2 before any test imports TensorFlow

warnings.filterwarnings("ignore", module="larq")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """What a test and its fixtures draw without a generator of their own, first weights above all, is the same on
    every run."""
    import tensorflow as tf

    tf.keras.utils.set_random_seed(0)


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory):
    """Conversions and compiled operations are kept in a folder of the tests' own, which all processes of a run share,
    not in the user's cache."""
    several = "PYTEST_XDIST_WORKER" in os.environ
    run = tmp_path_factory.getbasetemp().parent if several else tmp_path_factory.getbasetemp()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(run / "cache"))
        yield


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def shared_data():
    """The annotated images beside the checkout; tests that want them skip where they are not."""
    import pathlib

    path = pathlib.Path(__file__).parents[2] / "shared" / "data"
    if not path.is_dir():
        pytest.skip("the data folder ../shared/data is not on this machine")
    return path


@pytest.fixture(scope="session")
def tiny_spec():
    """A landmark network small enough for a unit test: 64x64 input, 32 channels, MPII's joints."""
    from bnn_landmarks.spec import Spec

    return Spec("tiny", input_size=64, channels=32, sigma=1.0)


@pytest.fixture(scope="session")
def tiny_model(tiny_spec):
    """An untrained network of `tiny_spec` with lively batch-norm statistics. Read only."""
    from bnn_landmarks.network.build import build

    return randomise(build(tiny_spec))
