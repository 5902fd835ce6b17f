import concurrent.futures
import dataclasses
import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tiny_files

import bnn_landmarks
from bnn_landmarks.inference import engines, exported
from bnn_landmarks.inference.engines import Engine, open_engine
from bnn_landmarks.inference.localizer import Localizer
from bnn_landmarks.runtime import RuntimeUnavailable


@pytest.fixture(scope="module")
def float_file(tiny_model):
    return tiny_files.float_file(tiny_model)


@pytest.fixture(scope="module")
def lce_file(tiny_model):
    return tiny_files.lce_file(tiny_model)


@pytest.fixture(scope="module")
def inputs():
    """float32 [3, 64, 64, 3] of whole pixel values / 255, so that uint8 files see the same."""
    return (np.random.default_rng(1).integers(0, 256, (3, 64, 64, 3)) / 255).astype(np.float32)


@pytest.fixture(scope="module")
def keras_maps(inputs, tiny_model):
    return open_engine(tiny_model, "keras").run(inputs)


def copied(path, directory):
    """An exported file and its record in another directory."""
    for file in (path, path.with_suffix(".json")):
        shutil.copy(file, directory / file.name)
    return directory / path.name


def test_keras_gives_the_models_own_maps(inputs, keras_maps, tiny_model):
    assert keras_maps.dtype == np.float32
    assert np.allclose(keras_maps, tiny_model(inputs, training=False).numpy(), atol=1e-4)


@pytest.mark.parametrize("file", ["float_file", "lce_file"])
def test_exported_files_agree_with_keras_on_any_number_of_images(
    file, inputs, keras_maps, tiny_spec, request
):
    engine = open_engine(request.getfixturevalue(file))
    assert engine.spec == tiny_spec
    maps = engine.run(inputs)
    assert maps.shape == (3, 16, 16, 16) and maps.dtype == np.float32
    assert np.abs(maps - keras_maps).max() < 1e-3 * np.abs(keras_maps).max()
    assert engine.run(inputs[:0]).shape == (0, 16, 16, 16)


def test_lce_runs_a_binary_file(inputs, keras_maps, lce_file):
    engine = open_engine(str(lce_file), "lce")
    assert engine.name == "lce"
    assert np.abs(engine.run(inputs) - keras_maps).max() < 1e-3 * np.abs(keras_maps).max()


def test_auto_takes_tflite_for_a_float_file(float_file):
    assert open_engine(float_file).name == "tflite"


def test_runtime_runs_a_float_file_as_litert_does(inputs, float_file):
    maps = open_engine(float_file, "tflite").run(inputs)
    ours = open_engine(float_file, "runtime").run(inputs)
    assert np.abs(ours - maps).max() < 1e-5 * np.abs(maps).max()


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_each_thread_gets_the_maps_of_its_own_image(engine, tiny_model, lce_file, float_file):
    """Sixteen threads share one engine; every call must give what it gives alone."""
    source = {"keras": tiny_model, "tflite": float_file}.get(engine, lce_file)
    shared = open_engine(source, engine, num_threads=2)
    size = shared.spec.input_size
    images = np.random.default_rng(5).random((16, 1, size, size, 3)).astype(np.float32)
    alone = [shared.run(image) for image in images]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for _ in range(3):
            for got, wanted in zip(pool.map(shared.run, images), alone, strict=True):
                np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_runtime_shares_a_batch_among_its_threads(threads, lce_file):
    engine = open_engine(lce_file, "runtime", threads)
    size = engine.spec.input_size
    images = np.random.default_rng(6).random((5, size, size, 3)).astype(np.float32)
    together = engine.run(images)
    np.testing.assert_array_equal(together, np.concatenate([engine.run(image[None]) for image in images]))


@pytest.fixture
def openers(monkeypatch):
    """Openers that only say what they were given; a name in `broken` raises."""
    seen, broken = [], {}

    def opener(name):
        def run(network, num_threads):
            seen.append(name)
            if name in broken:
                raise broken[name]
            return Engine(name, network.spec, None)

        return run

    monkeypatch.setattr(engines, "OPEN", {name: opener(name) for name in engines.ENGINES})
    return seen, broken


def test_auto_takes_the_first_engine_that_works(openers, tiny_model):
    seen, broken = openers
    assert open_engine(tiny_model).name == "runtime"
    broken["runtime"] = RuntimeUnavailable("no compiled runtime")
    assert open_engine(tiny_model).name == "lce"
    broken["lce"] = ImportError("no larq-compute-engine")
    assert open_engine(tiny_model).name == "keras"
    assert seen == ["runtime", "runtime", "lce", "runtime", "lce", "keras"]


def test_auto_says_why_no_engine_works(openers, lce_file):
    openers[1].update(
        runtime=RuntimeUnavailable("no compiled runtime"), lce=ImportError("no larq-compute-engine")
    )
    with pytest.raises(ImportError, match=r"runtime: no compiled runtime; lce: no larq-compute-engine"):
        open_engine(lce_file)
    openers[1]["runtime"] = openers[1]["lce"]
    with pytest.raises(ImportError, match=r"runtime, lce: no larq-compute-engine"):
        open_engine(lce_file)
    openers[1].update(runtime=engines.Refused("cut short"), lce=RuntimeError("not a flatbuffer"))
    with pytest.raises(
        ValueError, match=r"runtime: cut short; lce: engine lce can't run this network: not a flat"
    ):
        open_engine(lce_file)


def test_an_error_in_the_network_is_not_hidden_by_another_engine(openers, tiny_model):
    openers[1]["runtime"] = ValueError("wrong network")
    with pytest.raises(ValueError, match="wrong network"):
        open_engine(tiny_model)


def test_a_real_valued_network_is_not_sent_to_binary_engines(openers, tiny_spec):
    class Model:
        spec = dataclasses.replace(tiny_spec, options={"binary": False})

    assert open_engine(Model()).name == "tflite"


@pytest.fixture
def conversions(monkeypatch, tmp_path, lce_file):
    """The models that were converted; the cache is empty."""
    from export import lce

    data, converted = lce_file.read_bytes(), []
    monkeypatch.setattr(lce, "convert", lambda model: converted.append(model) or data)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return converted


@pytest.fixture
def packed(tiny_model, tmp_path, monkeypatch):
    """Packed weights of the tiny network, loaded without building it again."""
    from bnn_landmarks.network import weights

    weights.save(tiny_model, tmp_path / "tiny.npz")
    monkeypatch.setattr(weights, "load", lambda path, *rest: tiny_model)
    return tmp_path / "tiny.npz"


def test_a_model_is_converted_at_every_opening_for_it_may_have_learned(conversions, tiny_model):
    open_engine(tiny_model, "lce")
    open_engine(tiny_model, "lce")
    assert conversions == [tiny_model, tiny_model]


def test_packed_weights_are_converted_once(conversions, packed, tiny_spec, tmp_path):
    for _ in range(2):
        engine = open_engine(packed, "lce")
        assert (engine.name, engine.spec) == ("lce", tiny_spec)
    assert len(conversions) == 1
    kept = (tmp_path / "cache" / "bnn-landmarks").iterdir()
    assert all(file.name.startswith("tiny-") for file in kept)


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[:-9], lambda data: data[::-1], None])
def test_a_kept_conversion_that_is_damaged_is_made_again(conversions, packed, tmp_path, damage):
    open_engine(packed, "lce")
    (kept,) = (tmp_path / "cache" / "bnn-landmarks").glob("*.tflite")
    data = kept.read_bytes()
    if damage:
        kept.write_bytes(damage(data))
    else:
        kept.with_suffix(".json").unlink()
    for _ in range(2):
        open_engine(packed, "lce")
    assert len(conversions) == 2 and kept.read_bytes() == data


def test_no_other_engine_is_given_a_damaged_file(tmp_path, lce_file, monkeypatch):
    path, given = tmp_path / "cut.tflite", []
    exported.write(dataclasses.replace(exported.read(lce_file), data=lce_file.read_bytes()[:-5000]), path)
    monkeypatch.setattr(engines.runtime, "check_model", lambda data: None)
    monkeypatch.setitem(engines.OPEN, "lce", lambda *arguments: given.append(arguments))
    with pytest.raises(ValueError, match=r"cut\.tflite: .* damaged") as error:
        open_engine(path)
    assert not given and "\n" not in str(error.value)


def test_other_weights_are_converted_anew(conversions, packed, tmp_path):
    open_engine(packed, "lce")
    with np.load(packed) as arrays:
        np.savez(tmp_path / "other.npz", **arrays)
    open_engine(tmp_path / "other.npz", "lce")
    assert len(conversions) == 2


def test_where_nothing_can_be_kept_it_still_works(conversions, packed, tmp_path):
    (tmp_path / "cache").write_text("a file where the cache would be")
    assert open_engine(packed, "lce").name == "lce"
    assert open_engine(packed, "lce").name == "lce"
    assert len(conversions) == 2


def test_an_entry_is_its_packed_weights(conversions, packed, tiny_spec, tiny_model, monkeypatch):
    from bnn_landmarks import zoo

    entry = dataclasses.replace(zoo.entry("pose"), spec=tiny_spec, weights=packed.name)
    monkeypatch.setitem(zoo.ENTRIES, "pose", entry)
    monkeypatch.setattr(zoo, "WEIGHTS", packed.parent)
    monkeypatch.setattr(zoo, "load", lambda name: tiny_model)
    for _ in range(2):
        assert open_engine("pose", "lce").spec == tiny_spec
    assert len(conversions) == 1
    assert open_engine("pose", "keras").name == "keras"


def test_an_entry_without_weights_says_so(monkeypatch):
    from bnn_landmarks import zoo

    monkeypatch.setitem(zoo.ENTRIES, "pose", dataclasses.replace(zoo.entry("pose"), weights=None))
    with pytest.raises(ValueError, match="no trained weights"):
        open_engine("pose")


@pytest.mark.parametrize("engine", ["karas", "LCE", "", None])
def test_an_unknown_engine_is_named_with_the_known_ones(engine, float_file):
    with pytest.raises(ValueError, match="runtime, lce, tflite, keras"):
        open_engine(float_file, engine)


def test_an_engine_that_cannot_run_the_file_says_which_can(float_file, lce_file):
    for engine in ("keras", "lce"):
        with pytest.raises(ValueError, match=r"float TFLite; use tflite or runtime"):
            open_engine(float_file, engine)
    with pytest.raises(ValueError, match="use runtime or lce"):
        open_engine(lce_file, "tflite")


def test_an_unknown_entry_is_refused_with_the_close_names():
    with pytest.raises(ValueError, match="pose"):
        open_engine("poze")


@pytest.mark.parametrize(
    ("source", "said"), [(3, "entry's name"), (None, "entry's name"), (pathlib.Path("pose"), "no network")]
)
def test_what_is_no_network_is_refused(source, said):
    with pytest.raises(ValueError, match=said):
        open_engine(source)


def test_threads_must_be_positive(float_file):
    with pytest.raises(ValueError, match="num_threads"):
        open_engine(float_file, num_threads=0)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.tflite"):
        open_engine(tmp_path / "nowhere.tflite")
    with pytest.raises(FileNotFoundError, match=r"nowhere\.npz"):
        open_engine(tmp_path / "nowhere.npz")


def test_an_exported_file_needs_its_json(tmp_path, float_file):
    path = copied(float_file, tmp_path)
    path.with_suffix(".json").unlink()
    with pytest.raises(FileNotFoundError, match=r"float\.json; an exported file needs"):
        open_engine(path)


def test_another_file_under_the_same_name_is_refused(tmp_path, float_file):
    path = copied(float_file, tmp_path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="SHA-256") as error:
        open_engine(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda record: "not json",
        lambda record: json.dumps([1]),
        lambda record: json.dumps({k: v for k, v in record.items() if k != "sha256"}),
        lambda record: json.dumps({**record, "spec": {**record["spec"], "task": "dance"}}),
        lambda record: json.dumps({**record, "input": "int4"}),
        lambda record: json.dumps({**record, "sha256": None}),
        lambda record: json.dumps({**record, "sha256": 5}),
        lambda record: json.dumps({**record, "spec": None}),
    ],
)
def test_a_damaged_json_is_refused(change, tmp_path, float_file):
    path = copied(float_file, tmp_path)
    record = path.with_suffix(".json")
    record.write_text(change(json.loads(record.read_text())))
    with pytest.raises(ValueError, match=r"float\.json"):
        open_engine(path)


@pytest.mark.parametrize("shape", [(64, 64, 3), (1, 32, 32, 3), (1, 64, 64, 1)])
def test_images_of_another_shape_are_refused(shape, float_file):
    with pytest.raises(ValueError, match=r"\[N, 64, 64, 3\]"):
        open_engine(float_file).run(np.zeros(shape, np.float32))


WITHOUT_TENSORFLOW = """
import json, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tensorflow", "tf_keras", "keras", "larq", "larq_compute_engine"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Refuse())
import numpy as np
import bnn_landmarks
from bnn_landmarks import schemes
from bnn_landmarks.evaluation import metrics
from bnn_landmarks.geometry import crops, draw, heatmaps
from bnn_landmarks.training import augment
localizer = bnn_landmarks.Localizer(sys.argv[1])
image = np.random.default_rng(2).integers(0, 256, (90, 120, 3), dtype=np.uint8)
(found,) = localizer(image, [10, 10, 70, 60])
found.draw(image)
try:
    bnn_landmarks.Localizer(sys.argv[2])
except ImportError as error:
    said = str(error)
print(json.dumps({"engine": localizer.engine.name, "points": found.points.tolist(), "said": said}))
"""


def test_an_exported_file_runs_where_there_is_no_tensorflow(tiny_model, tmp_path, float_file):
    pytest.importorskip("ai_edge_litert")
    from bnn_landmarks.network import weights

    weights.save(tiny_model, tmp_path / "tiny.npz")
    root = pathlib.Path(bnn_landmarks.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW, str(float_file), str(tmp_path / "tiny.npz")],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    image = np.random.default_rng(2).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    (expected,) = Localizer(float_file)(image, [10, 10, 70, 60])
    assert told["engine"] == "tflite"
    assert np.allclose(told["points"], expected.points)
    assert "tensorflow" in told["said"] and "export" in told["said"]
