"""What runs a network: this project's runtime, Larq Compute Engine, TFLite or Keras.

    engine = open_engine("pose")                        # an entry, on the fastest engine that works here
    engine = open_engine("pose.tflite", "runtime")      # an exported file and its .json; needs no TensorFlow
    maps = engine.run(images)       # float32 [N, S, S, 3] in [0, 1] -> logits [N, S/4, S/4, K]

One engine may run for many threads at once: each gets its own images' maps. Importing this module imports none of them.
"""

import collections.abc
import concurrent.futures
import dataclasses
import functools
import pathlib
import platform
import threading
from typing import Any

import numpy as np

from bnn_landmarks import extras, runtime
from bnn_landmarks.inference import exported
from bnn_landmarks.spec import Spec

ENGINES: tuple[str, ...] = ("runtime", "lce", "tflite", "keras")
KERAS_BATCH = 8


class Refused(ValueError):
    """An engine that is there can't run this network; another one may."""


@dataclasses.dataclass(frozen=True)
class Engine:
    """name: one of `ENGINES`. spec: the network's.
    run: float32 [N, S, S, 3] in [0, 1] -> float32 maps [N, S/4, S/4, K]; ValueError for another shape."""

    name: str
    spec: Spec
    run: collections.abc.Callable


@dataclasses.dataclass(frozen=True)
class _Network:
    """What the openers open. model: -> tf.keras.Model, None of an exported file. exported: a module, "export.lce" or
    "export.tflite", -> `Exported`."""

    spec: Spec
    model: collections.abc.Callable | None
    exported: collections.abc.Callable


def open_engine(source: Any, engine: str = "auto", num_threads: int = 1) -> Engine:
    """A network ready to run.

    Args:
        source: an entry's name; a packed weights file (.npz); an exported file (.tflite) with its .json
            beside it; or a tf.keras.Model with `.spec`.
        engine: "keras", "lce" (Larq Compute Engine's interpreter), "tflite" (the float TFLite of the
            network), "runtime" (`bnn_landmarks.runtime`, which needs nothing else), or "auto": for a binary network
            the first that works here of runtime, lce and keras, for a real-valued one of tflite, runtime
            and keras. What is no exported file yet is converted (`exported`).
        num_threads: threads of the runtime, lce and tflite; the runtime's share the images of a call, or one image.

    Raises:
        ValueError: an unknown engine or entry, an engine that can't run this file, a damaged file.
        FileNotFoundError: no such file, or a `.tflite` without its `.json`.
        ImportError: the engine is not installed.
    """
    if engine != "auto" and engine not in ENGINES:
        raise ValueError(f"unknown engine {engine!r}; the engines are auto, {', '.join(ENGINES)}")
    if isinstance(num_threads, bool) or not isinstance(num_threads, int) or num_threads < 1:
        raise ValueError(f"num_threads must be a whole number from 1, not {num_threads!r}")
    network, choices = _load(source), ENGINES
    if network.model is None:
        binary = network.exported(None).binary
        choices = ("runtime", "lce") if binary else ("tflite", "runtime")
        if engine != "auto" and engine not in choices:
            kind = "holds binary operators" if binary else "is a float TFLite"
            raise ValueError(f"engine {engine} can't run {source}: it {kind}; use {' or '.join(choices)}")
    else:
        binary = network.spec.binary
        choices = ("runtime", "lce", "keras") if binary else ("tflite", "runtime", "keras")
    try:
        return (
            _first(choices, network, num_threads) if engine == "auto" else _open(engine, network, num_threads)
        )
    except runtime.Damaged as error:
        raise ValueError(f"{source}: {error}") from None


def spec_of(source: Any) -> Spec:
    """The `Spec` of what `open_engine` takes; errors as there."""
    return _load(source).spec


def exported_file(source: Any, engine: str) -> exported.Exported:
    """The file an engine loads of a network -> `exported.Exported`; source and errors as `open_engine`."""
    return _load(source).exported("export.tflite" if engine == "tflite" else "export.lce")


def _load(source):
    """What `open_engine` takes -> `_Network`."""
    if isinstance(source, str | pathlib.Path) and str(source).endswith(".tflite"):
        file = exported.read(source)
        _refuse_damaged(source, file.data)
        return _Network(file.spec, None, lambda module: file)
    if not isinstance(source, str | pathlib.Path):
        if not isinstance(getattr(source, "spec", None), Spec):
            raise ValueError(
                f"a network is an entry's name, a file, or a tf.keras.Model with .spec, not {source!r}"
            )
        # Converted once an opening, not once a model, which may be trained on in between.
        convert = functools.cache(functools.partial(exported.of_model, source))
        return _Network(source.spec, lambda: source, convert)

    from bnn_landmarks.network import weights

    if pathlib.Path(source).suffix == weights.SUFFIX:
        return _packed(source, weights.read(source)[0], functools.partial(weights.load, source))
    if isinstance(source, pathlib.Path) or "/" in source or pathlib.Path(source).is_file():
        raise ValueError(f"{source} is no network: give an entry's name, a .tflite or a .npz file")

    from bnn_landmarks import zoo

    entry, load = zoo.entry(source), functools.partial(zoo.load, source)
    if entry.weights is None:
        load()  # raises, saying how to train it
    network = _packed(zoo.WEIGHTS / entry.weights, entry.spec, load)
    shipped = (zoo.WEIGHTS / entry.weights).with_suffix(".tflite")

    def file(module):
        return (
            exported.read(shipped)
            if module == "export.lce" and shipped.is_file()
            else network.exported(module)
        )

    return dataclasses.replace(network, exported=file)


def _refuse_damaged(source, data):
    """ValueError where bytes are no whole `.tflite`, of which interpreters speak badly, or crash."""
    try:
        runtime.check_model(data)
    except runtime.Damaged as error:
        raise ValueError(f"{source}: {error}") from None
    except (ImportError, ValueError):
        pass  # nothing here that could tell, or an operator that another engine may know


def _packed(path, spec, load):
    """`_Network` of packed weights, built at most once and only if an engine needs the model itself."""

    @functools.cache
    def model():
        try:
            with extras.needed_for(f"building {spec.name}"):
                return load()
        except ImportError as error:
            raise ImportError(
                f"{error}, or export it where that is installed (python -m export.lce) and give the .tflite"
            ) from error

    return _Network(spec, model, functools.partial(exported.of_packed, path, spec, model))


def _open(name, network, num_threads):
    try:
        return OPEN[name](network, num_threads)
    except RuntimeError as error:  # what interpreters raise that refuse a file
        raise Refused(f"engine {name} can't run this network: {' '.join(str(error).split())}") from error


def _first(choices, network, num_threads):
    reasons, missing = {}, False
    for name in choices:
        try:
            return _open(name, network, num_threads)
        except (ImportError, OSError, Refused) as error:
            reasons.setdefault(str(error), []).append(name)
            missing |= not isinstance(error, Refused)
    told = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in reasons.items())
    raise (ImportError if missing else ValueError)(f"no engine can run this network here: {told}")


def _open_keras(network, num_threads):
    model, size = network.model(), network.spec.input_size

    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((None, size, size, 3), tf.float32)])
    def forward(images):
        maps = model(images, training=False)
        return maps[-1] if isinstance(maps, list) else maps

    run = _one_at_a_time(lambda images: forward(images).numpy())
    return Engine("keras", network.spec, _in_batches(run, network.spec))


def _open_lce(network, num_threads):
    try:
        from larq_compute_engine.tflite.python.interpreter import Interpreter
    except ImportError as error:
        raise ImportError(
            f"engine lce needs larq-compute-engine: pip install 'bnn-landmarks[train]' ({error})"
        ) from None
    file = network.exported("export.lce")
    # On x86 this kernel is four times faster; it has no threads. On ARM the default one is the fast one.
    indirect = num_threads == 1 and platform.machine().lower() in ("x86_64", "amd64")
    interpreter = Interpreter(file.data, num_threads=num_threads, use_indirect_bgemm=indirect)
    # Interpreter.predict cuts every batch into single images: the wrapped one takes a file's own batch.
    run = _one_at_a_time(lambda images: interpreter.interpreter.predict([images])[-1])
    run = _as_input(run, file.input)
    return Engine("lce", file.spec, _in_batches(run, file.spec, interpreter.input_shapes[0][0]))


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
    file = network.exported("export.tflite")
    interpreter = Interpreter(model_content=file.data, num_threads=num_threads)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[-1]

    def predict(images):
        interpreter.set_tensor(source["index"], images)
        interpreter.invoke()
        return interpreter.get_tensor(target["index"])

    run = _as_input(_one_at_a_time(predict), file.input)
    return Engine("tflite", file.spec, _in_batches(run, file.spec, int(source["shape"][0])))


def _open_runtime(network, num_threads):
    from bnn_landmarks.runtime.engine import MOST_THREADS, Network

    file = network.exported("export.lce" if network.spec.binary else "export.tflite")
    workers = min(num_threads, MOST_THREADS)
    try:
        opened = Network(file.data, workers)
    except runtime.Damaged:
        raise  # other engines may crash on it
    except ValueError as error:
        raise Refused(str(error)) from error

    def predict(threads):
        return _as_input(lambda images: opened.run([images], threads)[-1], file.input)

    batch = opened.inputs[0][0][0]
    together, alone = predict(workers), predict(1)
    return Engine("runtime", file.spec, _in_batches(together, file.spec, batch, alone, workers))


OPEN = {"runtime": _open_runtime, "lce": _open_lce, "tflite": _open_tflite, "keras": _open_keras}


def _one_at_a_time(predict):
    """`predict` for an interpreter that serves one caller at a time."""
    lock = threading.Lock()

    def run(images):
        with lock:
            return np.array(predict(images))

    return run


def _as_input(predict, kind):
    if kind == "float32":
        return predict
    return lambda images: predict(np.rint(images * 255).astype(np.uint8))


def _in_batches(predict, spec, batch=None, alone=None, workers=1):
    """`predict` on any number of images.

    Args:
        batch: the only number it takes; any up to KERAS_BATCH if None.
        alone: the same on one thread, for `workers` threads that share more images than one batch; or None.
    """
    step = batch or KERAS_BATCH

    def part(images, predict):
        missing = step - len(images) if batch else 0
        if missing:
            images = np.concatenate([images, np.zeros((missing, *images.shape[1:]), np.float32)])
        return np.asarray(predict(images), np.float32)[: step - missing]

    def run(images):
        images = np.asarray(images, np.float32)
        if images.ndim != 4 or images.shape[1:] != (spec.input_size, spec.input_size, 3):
            wanted = f"[N, {spec.input_size}, {spec.input_size}, 3]"
            raise ValueError(f"{spec.name} takes images {wanted}, not {list(images.shape)}")
        chunks = [images[start : start + step] for start in range(0, len(images), step)]
        if alone and workers > 1 and len(chunks) > 1:
            with concurrent.futures.ThreadPoolExecutor(min(workers, len(chunks))) as pool:
                parts = list(pool.map(lambda chunk: part(chunk, alone), chunks))
        else:
            parts = [part(chunk, predict) for chunk in chunks]
        empty = np.zeros((0, spec.map_size, spec.map_size, spec.outputs), np.float32)
        return np.concatenate([empty, *parts])

    return run
