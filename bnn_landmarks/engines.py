"""What runs a network: Keras, Larq Compute Engine, TFLite, or stock LiteRT with this project's runtime.

    engine = open_engine("pose")                        # an entry, on the fastest engine that works here
    engine = open_engine("pose.tflite", "runtime")      # an exported file and its .json; needs no TensorFlow
    maps = engine.run(images)       # float32 [N, S, S, 3] in [0, 1] -> logits [N, S/4, S/4, K]

Importing this module imports none of them.
"""

import collections.abc
import dataclasses
import functools
import hashlib
import importlib
import json
import pathlib
import platform

import numpy as np

from bnn_landmarks.spec import Spec

ENGINES = ("runtime", "lce", "tflite", "keras")
LCE_OPERATOR = b"LceBconv2d"
KERAS_BATCH = 8


@dataclasses.dataclass(frozen=True)
class Engine:
    """name: one of `ENGINES`. spec: the network's.
    run: float32 [N, S, S, 3] in [0, 1] -> float32 maps [N, S/4, S/4, K]; ValueError for another shape."""

    name: str
    spec: Spec
    run: collections.abc.Callable


@dataclasses.dataclass(frozen=True)
class Exported:
    """A `.tflite` in memory. input: "float32" in [0, 1], or "uint8"."""

    data: bytes
    spec: Spec
    input: str = "float32"


@dataclasses.dataclass(frozen=True)
class _Network:
    """What the openers open. model: tf.keras.Model, or None. exported: a module, "export.lce" or
    "export.tflite", -> `Exported`."""

    spec: Spec
    model: object
    exported: collections.abc.Callable


def open_engine(source, engine="auto", num_threads=1):
    """A network ready to run.

    Args:
        source: an entry's name; a packed weights file (.npz); an exported file (.tflite) with its .json
            beside it; or a tf.keras.Model with `.spec`.
        engine: "keras", "lce" (Larq Compute Engine's interpreter), "tflite" (the float TFLite of the
            network), "runtime" (stock LiteRT with `bnn_landmarks.runtime`), or "auto": for a binary network
            the first that works here of runtime, lce and keras, for a float `.tflite` tflite. What is no
            exported file yet is converted in memory.
        num_threads: threads of the lce, tflite and runtime interpreters.

    Raises:
        ValueError: an unknown engine or entry, an engine that can't run this file, a damaged file.
        FileNotFoundError: no such file, or a `.tflite` without its `.json`.
        ImportError: the engine is not installed.
    """
    if engine != "auto" and engine not in ENGINES:
        raise ValueError(f"unknown engine {engine!r}; the engines are auto, {', '.join(ENGINES)}")
    if num_threads < 1:
        raise ValueError(f"num_threads must be at least 1, not {num_threads}")
    if isinstance(source, str | pathlib.Path) and str(source).endswith(".tflite"):
        exported = read_exported(source)
        network = _Network(exported.spec, None, lambda module: exported)
        choices = ("runtime", "lce") if LCE_OPERATOR in exported.data else ("tflite",)
        if engine != "auto" and engine not in choices:
            kind = "holds binary operators" if len(choices) > 1 else "is a float TFLite"
            raise ValueError(f"engine {engine} can't run {source}: it {kind}; use {' or '.join(choices)}")
    else:
        network = _load(source)
        choices = (
            ("runtime", "lce", "keras") if network.spec.options.get("binary", True) else ("tflite", "keras")
        )
    return _first(choices, network, num_threads) if engine == "auto" else OPEN[engine](network, num_threads)


def read_exported(path):
    """An exported file and the `.json` beside it, as `export` writes them -> `Exported`.

    Raises:
        FileNotFoundError: either is missing.
        ValueError: the `.json` is not the exporter's, or belongs to other bytes.
    """
    path = pathlib.Path(path)
    record_path = path.with_suffix(".json")
    for file in (path, record_path):
        if not file.is_file():
            beside = "; an exported file needs the .json written beside it" if file == record_path else ""
            raise FileNotFoundError(f"there is no {file}{beside}")
    data = path.read_bytes()
    try:
        record = json.loads(record_path.read_text())
        spec, kind, expected = Spec.from_dict(record["spec"]), record["input"], record["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{record_path} is not the record of an exported file ({error})") from None
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise ValueError(
            f"{path} is not the file that {record_path.name} describes: its SHA-256 is {found[:12]}..., "
            f"not {expected[:12]}...; export it again"
        )
    if kind not in ("float32", "uint8"):
        raise ValueError(f"{record_path} names the input type {kind!r}; known are float32 and uint8")
    return Exported(data, spec, kind)


def _load(source):
    """An entry's name, a packed weights file or a model -> `_Network`."""
    if not isinstance(source, str | pathlib.Path):
        if not isinstance(getattr(source, "spec", None), Spec):
            raise ValueError(
                f"a network is an entry's name, a file, or a tf.keras.Model with .spec, not {source!r}"
            )
        return _of_model(source)
    try:
        if pathlib.Path(source).suffix == ".npz":
            from bnn_landmarks import weights

            return _of_model(weights.load(source))
        if isinstance(source, pathlib.Path) or "/" in source or pathlib.Path(source).is_file():
            raise ValueError(f"{source} is no network: give an entry's name, a .tflite or a .npz file")
        model = _entry(source)
    except ModuleNotFoundError as error:
        raise ImportError(
            f"to build {source} needs {error.name}: pip install 'bnn-landmarks[train]', or export it where "
            "that is installed (python -m export.lce) and give the .tflite"
        ) from None
    return _Network(model.spec, model, functools.partial(_convert_entry, source))


@functools.cache
def _entry(name):
    from bnn_landmarks import zoo

    return zoo.load(name)


def _of_model(model):
    # Cached in this network only: a model may be trained on between two calls of open_engine.
    return _Network(model.spec, model, functools.cache(functools.partial(_convert, model)))


@functools.cache
def _convert_entry(name, module):
    return _convert(_entry(name), module)


def _convert(model, module):
    return Exported(importlib.import_module(module).convert(model), model.spec)


def _first(choices, network, num_threads):
    reasons = []
    for name in choices:
        try:
            return OPEN[name](network, num_threads)
        except (ImportError, OSError, RuntimeError, NotImplementedError) as error:
            reasons.append(f"{name}: {error}")
    raise ImportError("no engine can run this network here: " + "; ".join(reasons))


def _open_keras(network, num_threads):
    import tensorflow as tf

    size = network.spec.input_size

    @tf.function(input_signature=[tf.TensorSpec((None, size, size, 3), tf.float32)])
    def forward(images):
        maps = network.model(images, training=False)
        return maps[-1] if isinstance(maps, list) else maps

    return Engine("keras", network.spec, _in_batches(lambda images: forward(images).numpy(), network.spec))


def _open_lce(network, num_threads):
    try:
        from larq_compute_engine.tflite.python.interpreter import Interpreter
    except ImportError as error:
        raise ImportError(
            f"engine lce needs larq-compute-engine: pip install 'bnn-landmarks[train]' ({error})"
        ) from None
    exported = network.exported("export.lce")
    # On x86 this kernel is four times faster; it has no threads. On ARM the default one is the fast one.
    indirect = num_threads == 1 and platform.machine().lower() in ("x86_64", "amd64")
    interpreter = Interpreter(exported.data, num_threads=num_threads, use_indirect_bgemm=indirect)
    # Interpreter.predict cuts every batch into single images: the wrapped one takes a file's own batch.
    run = _as_input(lambda images: interpreter.interpreter.predict([images])[-1], exported.input)
    return Engine("lce", exported.spec, _in_batches(run, exported.spec, interpreter.input_shapes[0][0]))


def _open_tflite(network, num_threads):
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        try:
            import tensorflow as tf
        except ImportError:
            raise ImportError(
                "engine tflite needs ai-edge-litert: pip install 'bnn-landmarks[runtime]'"
            ) from None
        Interpreter = tf.lite.Interpreter
    exported = network.exported("export.tflite")
    interpreter = Interpreter(model_content=exported.data, num_threads=num_threads)
    interpreter.allocate_tensors()
    return Engine("tflite", exported.spec, _lite(interpreter, exported))


def _open_runtime(network, num_threads):
    from bnn_landmarks import runtime

    exported = network.exported("export.lce")
    return Engine("runtime", exported.spec, _lite(runtime.interpreter(exported.data, num_threads), exported))


OPEN = {"runtime": _open_runtime, "lce": _open_lce, "tflite": _open_tflite, "keras": _open_keras}


def _lite(interpreter, exported):
    """`run` of an allocated TFLite interpreter."""
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[-1]

    def predict(images):
        interpreter.set_tensor(source["index"], images)
        interpreter.invoke()
        return interpreter.get_tensor(target["index"])

    return _in_batches(_as_input(predict, exported.input), exported.spec, int(source["shape"][0]))


def _as_input(predict, kind):
    if kind == "float32":
        return predict
    return lambda images: predict(np.rint(images * 255).astype(np.uint8))


def _in_batches(predict, spec, batch=None):
    """`predict` on any number of images. batch: the only number it takes; any up to KERAS_BATCH if None."""
    step = batch or KERAS_BATCH

    def run(images):
        images = np.asarray(images, np.float32)
        if images.ndim != 4 or images.shape[1:] != (spec.input_size, spec.input_size, 3):
            wanted = f"[N, {spec.input_size}, {spec.input_size}, 3]"
            raise ValueError(f"{spec.name} takes images {wanted}, not {list(images.shape)}")
        parts = [np.zeros((0, spec.map_size, spec.map_size, spec.outputs), np.float32)]
        for start in range(0, len(images), step):
            chunk = images[start : start + step]
            missing = step - len(chunk) if batch else 0
            padded = (
                np.concatenate([chunk, np.zeros((missing, *chunk.shape[1:]), np.float32)])
                if missing
                else chunk
            )
            parts.append(np.asarray(predict(padded), np.float32)[: len(chunk)])
        return np.concatenate(parts)

    return run
