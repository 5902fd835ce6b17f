"""Binary convolutional landmark localizers: body pose, faces and facial parts in about a megabyte.

    import bnn_landmarks
    people = bnn_landmarks.Localizer("pose")("photo.jpg")     # -> [Landmarks(points, scores, scheme)]
    model = bnn_landmarks.zoo.load("pose")                    # -> tf.keras.Model

Importing this package does not import TensorFlow: the geometry, the metrics and an exported file need only
NumPy and OpenCV. TensorFlow is loaded by the first thing that needs a network (`zoo.load`, `engine="keras"`,
training). larq needs Keras 2, so the legacy Keras is selected here, before TensorFlow's Keras is touched.
"""

import contextlib
import importlib
import importlib.util
import os
import pathlib
import sys
from typing import TYPE_CHECKING

__version__ = "0.1.0"


def _select_legacy_keras():
    """TensorFlow reads this variable when it is imported, for `import tensorflow.keras`, and when tf.keras is first
    touched. It may have been imported before us: then what it set up for `import tensorflow.keras` is put right."""
    tensorflow = sys.modules.get("tensorflow")
    # vars, not getattr: asking TensorFlow's lazy loader for anything makes it load Keras 3.
    keras = vars(tensorflow or object).get("keras")
    state = vars(keras) if keras else {}
    if state.get("_tfll_keras_version") == "keras_3" or state.get("__name__", "").startswith("keras."):
        raise ImportError(
            "bnn_landmarks needs Keras 2 (the package tf-keras), but tf.keras is already Keras 3 in this process. "
            "Import bnn_landmarks before anything that uses tf.keras, or set the environment variable "
            "TF_USE_LEGACY_KERAS=1 before Python starts."
        )
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    if "tf_keras" not in sys.modules:
        sys.meta_path.insert(0, _AfterKeras())
    if tensorflow and (legacy := importlib.util.find_spec("tf_keras")):
        tensorflow.__path__.insert(0, str(pathlib.Path(legacy.origin).parent / "api" / "_v2"))


class _AfterKeras:
    """A finder that makes the package's layers known to Keras as soon as that is loaded: `load_model` finds them in a
    process that has done no more than import bnn_landmarks."""

    def find_spec(self, name, path=None, target=None):
        if name != "tf_keras":
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        spec = next(filter(None, (finder.find_spec(name, path) for finder in others)), None)
        if spec:
            execute = spec.loader.exec_module

            def execute_and_register(module):
                execute(module)
                _register_layers()

            spec.loader.exec_module = execute_and_register
        return spec


def _register_layers():
    with contextlib.suppress(ImportError):  # without larq there are no networks to load
        importlib.import_module("bnn_landmarks.network.hourglass")


_select_legacy_keras()


class _CheckoutsZoo:
    """Finds the package bnn_landmarks.zoo in a checkout: there it is the folder zoo/ beside this one (setup.cfg's
    package_dir)."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        checkout = pathlib.Path(__file__).parents[1]
        if name != f"{__name__}.zoo" or not (checkout / "setup.cfg").is_file():
            return None
        folder = checkout / "zoo"
        return importlib.util.spec_from_file_location(
            name, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )


sys.meta_path.insert(0, _CheckoutsZoo)  # first: this checkout's, whatever else is installed

if TYPE_CHECKING:  # what `_LAZY` is to a type checker
    from bnn_landmarks import zoo as zoo  # type: ignore[attr-defined]  # in a checkout
    from bnn_landmarks.geometry import crops as crops
    from bnn_landmarks.geometry import draw as draw
    from bnn_landmarks.geometry import heatmaps as heatmaps
    from bnn_landmarks.geometry import images as images
    from bnn_landmarks.inference import detect as detect
    from bnn_landmarks.inference import video as video
    from bnn_landmarks.inference.localizer import Landmarks as Landmarks
    from bnn_landmarks.inference.localizer import Localizer as Localizer
    from bnn_landmarks.inference.localizer import Parts as Parts

_LAZY = {
    "Localizer": ("bnn_landmarks.inference.localizer", "Localizer"),
    "Landmarks": ("bnn_landmarks.inference.localizer", "Landmarks"),
    "Parts": ("bnn_landmarks.inference.localizer", "Parts"),
    "crops": ("bnn_landmarks.geometry.crops", None),
    "heatmaps": ("bnn_landmarks.geometry.heatmaps", None),
    "images": ("bnn_landmarks.geometry.images", None),
    "draw": ("bnn_landmarks.geometry.draw", None),
    "detect": ("bnn_landmarks.inference.detect", None),
    "video": ("bnn_landmarks.inference.video", None),
    "zoo": ("bnn_landmarks.zoo", None),
}


def __getattr__(name):
    if name not in _LAZY:
        raise AttributeError(f"module 'bnn_landmarks' has no attribute {name!r}")
    module, attribute = _LAZY[name]
    loaded = importlib.import_module(module)
    return getattr(loaded, attribute) if attribute else loaded


def __dir__():
    return sorted([*globals(), *_LAZY])


if "tf_keras" in sys.modules:
    _register_layers()
