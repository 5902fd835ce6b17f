"""benchmarks/peers.py: the page says what was measured and where ours is worse; peers are given the squares and read
the way that they should be, whatever they find is in the image's pixels, and what they miss is wrong."""

import base64
import dataclasses
import importlib
import json
import pathlib
import types

import cv2
import numpy as np
import pytest
from sight import SIZE, discs, see

from bnn_landmarks.datasets.sample import Sample
from bnn_landmarks.evaluation import peers as kept
from bnn_landmarks.geometry import crops, heatmaps
from bnn_landmarks.schemes import SCHEMES

BENCHMARKS = pathlib.Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module


@pytest.fixture
def peers(module):
    return module("peers")


def scored(value, low=None, high=None):
    return {"value": value, "low": value if low is None else low, "high": value if high is None else high}


def ours(value, low, high, **facts):
    fields = {
        "model": "pose",
        "data": "mpii",
        "split": "val",
        "images": 132,
        "flip": False,
        "ran": {"bytes": 940_000, "sha256": "0"},
        "spec": {"scheme": "mpii16"},
        "metrics": {"PCKh@0.5": {"limbs": scored(value, low, high)}},
        "date": "2030-01-01 10:00 UTC",
    }
    return {**fields, **facts}


def theirs(value, way="box", name="BlazePose Full", **facts):
    fields = {
        "name": name,
        "package": "mediapipe (PyPI)",
        "file": "full.tflite",
        "bytes": 6_400_000,
        "way": way,
        "factor": 1.25,
        "data": "mpii",
        "split": "val",
        "images": 132,
        "missed": 0,
        "metrics": {"PCKh@0.5": {"limbs": scored(value)}},
        "date": "2030-01-02 10:00 UTC",
    }
    return {**fields, **facts}


def rows(page, title):
    """The cells of a section's table."""
    text = page.partition(f"## {title}\n")[2].partition("\n## ")[0]
    return [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line[:1] == "|"
    ][2:]


def times(**milliseconds):
    each = {name: {"median": ms, "low": ms, "high": ms} for name, ms in milliseconds.items()}
    return {
        "machine": "a processor",
        "threads": 1,
        "rounds": 9,
        "date": "2030-01-03 10:00 UTC",
        "milliseconds": each,
    }


def test_without_records_every_task_says_so_beside_its_aim(peers):
    page = peers.render([], {"records": [], "times": None})
    assert page.count("Not measured yet.") == len(peers.TASKS) == 6
    assert "Aim: 70." in page and "The paper's: 68.05, binary" in page
    assert "Nothing is measured yet." in page and "![" not in page


def test_two_records_of_a_network_are_refused(peers):
    with pytest.raises(ValueError, match="two records of pose on mpii val: remove one"):
        peers.render([ours(61, 59, 63, engine="runtime"), ours(60, 58, 62, engine="lce")], kept.read("none"))


def test_peers_and_ours_are_one_table_best_first_and_where_we_lose_is_said(peers):
    moved = {
        name: {"rms": rms, "p95": 9}
        for name, rms in zip(peers.DISTURBANCES, (0.51, 0.92, 1.234), strict=True)
    }
    records = [ours(61, 59, 63), ours(48, 44, 53, model="pose_128")]
    measured = {
        "records": [
            theirs(73, steadiness={"movement": moved}),
            theirs(75, "box, twice"),
            theirs(70, "whole", missed=3),
            theirs(50, name="Level"),
            theirs(60, "box, twice", name="Level"),
            theirs(49, name="Behind"),
        ],
        "times": times(pose=19.12, **{"BlazePose Full": 14.6}),
    }
    page = peers.render(records, measured)
    assert rows(page, "Body pose, MPII") == [
        ["BlazePose Full", "6.40 MB", "14.6", "73.00 (73.00 to 73.00)", "75.00", "70.00, 3 not found"]
        + ["0.51 / 0.92 / 1.23 (9.00 / 9.00 / 9.00)", "**ours is worse**"],
        ["**pose**", "0.94 MB", "19.1", "61.00 (59.00 to 63.00)", "-", "-", "-", ""],
        ["Level", "6.40 MB", "-", "50.00 (50.00 to 50.00)", "60.00", "-", "-", "level"],
        ["Behind", "6.40 MB", "-", "49.00 (49.00 to 49.00)", "-", "-", "-", "ours is better"],
        ["**pose_128**", "0.94 MB", "-", "48.00 (44.00 to 53.00)", "-", "-", "-", ""],
    ]
    assert rows(page, "Body pose, Leeds Sports") == []
    assert "from 2030-01-01 10:00 UTC to 2030-01-02 10:00 UTC" in page
    assert f"![accuracy over time on one thread]({peers.PICTURE})" in page
    assert "BlazePose Full on mpii 1.25" in page and "median of 9 rounds" in page
    assert "- mediapipe (PyPI): Behind, BlazePose Full, Level." in page


def test_of_errors_less_is_better_and_bins_are_shown(peers):
    def faces(*values):
        names = ("[0,30]", "[30,60]", "[60,90]", "mean of bins")
        groups = {
            name: scored(value, value - 1, value + 1) for name, value in zip(names, values, strict=True)
        }
        return {"data": "aflw2000", "split": "val_68", "metrics": {"NME": groups}}

    records = [ours(0, 0, 0, model="face", spec={"scheme": "ibug68"}, **faces(3, 4, 8, 5))]
    measured = {"records": [theirs(0, **faces(3.5, 6, 13, 7.5))], "times": None}
    found = rows(peers.render(records, measured), "68 points, AFLW2000-3D")
    assert found[0][3] == "5.00 [3.00 / 4.00 / 8.00] (4.00 to 6.00)"
    assert found[1][-1] == "ours is better"
    measured["records"] = [theirs(0, **faces(3, 3, 3, 3.9))]
    found = rows(peers.render(records, measured), "68 points, AFLW2000-3D")
    assert found[0][0] == "BlazePose Full" and found[0][-1] == "**ours is worse**"


def test_of_parts_the_pixels_that_change_are_told(peers):
    moved = dict(
        zip(peers.DISTURBANCES, [{"changed": 0.5}, {"changed": 1.0}, {"changed": 2.25}], strict=True)
    )
    record = ours(
        63,
        62,
        64,
        model="face_parts",
        data="helen_afw",
        spec={"scheme": "parts7"},
        metrics={"parts": {"mean IU": scored(63, 62, 64)}},
        steadiness={"movement": moved},
    )
    found = rows(peers.render([record], kept.read("none")), "Seven facial parts, HELEN")
    assert [row[6] for row in found] == ["0.50 / 1.00 / 2.25"]


def test_without_a_box_the_better_of_two_ways_is_told(peers):
    records = [ours(61, 59, 63)]
    without = {k: v for k, v in theirs(40, "whole", name="pose").items() if k not in ("bytes", "factor")}
    measured = {
        "records": [
            theirs(73),
            theirs(58, "whole"),
            theirs(66, "whole, twice"),
            without,
            {**without, "name": "gone"},
        ],
        "times": None,
    }
    found = rows(peers.render(records, measured), "Body pose, MPII")
    assert [row[5] for row in found] == ["66.00", "40.00"], "an entry that is gone has no line"


@pytest.mark.parametrize(
    "facts", [{"ran": None}, {"split": "train"}, {"spec": {"scheme": "lsp14"}}, {"flip": True}]
)
def test_other_records_fill_no_line(peers, facts):
    assert rows(peers.render([ours(61, 59, 63, **facts)], kept.read("none")), "Body pose, MPII") == []


def test_the_page_and_the_picture_are_written_by_one_command(peers, tmp_path):
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "pose.json").write_text(json.dumps(ours(61, 59, 63)))
    measured = {"records": [theirs(73)], "times": times(pose=19.1, **{"BlazePose Full": 14.6})}
    kept.write(measured, tmp_path / "peers.json")
    words = ["--records", tmp_path / "cards", "--measured", tmp_path / "peers.json"]
    arguments = peers.parse([str(word) for word in (*words, "--output", tmp_path / "page.md")])
    arguments.do(arguments)
    assert (tmp_path / "page.md").read_text() == peers.render([ours(61, 59, 63)], measured)
    assert cv2.imread(str(tmp_path / peers.PICTURE)).shape[1] > 800
    with pytest.raises(ValueError, match="nothing was timed"):
        peers.draw([], {"records": [], "times": None}, tmp_path / "none.png")


def test_a_record_takes_the_place_of_its_older_one(tmp_path):
    path = tmp_path / "peers.json"
    for record in (theirs(70), theirs(71, "whole"), theirs(72), theirs(60, data="lspet")):
        kept.keep(record, path)
    found = kept.read(path)
    assert found["times"] is None
    assert [(r["data"], r["way"]) for r in found["records"]] == [
        ("lspet", "box"),
        ("mpii", "box"),
        ("mpii", "whole"),
    ]
    figure, *none = kept.figures("mpii", "val", "PCKh@0.5", 132, path)
    assert (figure.method, figure.values, figure.size) == ("BlazePose Full", {"limbs": 72}, "6.40 MB")
    assert not none and not figure.where
    assert kept.figures("mpii", "val", "PCKh@0.5", 9, path)[0].where == "132 images of mpii val"
    assert kept.figures("mpii", "val", "NME", 132, path) == []


def test_every_peer_was_measured_on_every_split_in_every_way(module):
    models, measure = module("peer_models"), module("peer_measure")
    found = kept.read()["records"]
    for name in models.PEERS:
        for data, split, _ in measure.SPLITS[models.PEERS[name].scheme][1]:
            there = {r["way"] for r in found if (r["name"], r["data"], r["split"]) == (name, data, split)}
            assert {"box", "box, twice", "whole"} <= there, (name, data)


# The peers themselves.


def test_blazepose_landmarks_move_to_where_their_heatmap_is_sure(module):
    points = np.full((39, 5), 100.0, np.float32)
    maps = np.full((1, 64, 64, 39), -9.0, np.float32)
    maps[0, 26, 27, 0] = 9.0  # one sure place, near the landmark
    maps[0, 26, 27, 1] = -1.0  # near, not sure
    maps[0, 40, 40, 2] = 9.0  # sure, far away
    points[3] = -500  # outside the crop
    found = module("peer_models").blazepose({(1, 195): points.reshape(1, 195), (1, 64, 64, 39): maps})
    np.testing.assert_allclose(found[0], (4 * 27, 4 * 26), atol=0.05)
    np.testing.assert_array_equal(found[1:3], 100)
    np.testing.assert_array_equal(found[3], -500)


def test_the_numbers_of_landmarks_are_those_of_the_schemes(module):
    models = module("peer_models")
    for peer in models.PEERS.values():
        assert len(set(peer.landmarks)) == len(peer.landmarks) == len(SCHEMES[peer.scheme])
    coco = SCHEMES["coco17"].names
    # BlazePose's own names, from MediaPipe's enumeration PoseLandmark.
    blazepose = {0: "nose", 2: "left_eye", 7: "left_ear", 11: "left_shoulder", 16: "right_wrist"}
    blazepose |= {23: "left_hip", 26: "right_knee", 28: "right_ankle"}
    for number, name in blazepose.items():
        index = models.COCO_OF_BLAZEPOSE.index(number)
        assert coco[index] == name


def test_regions_are_upright_and_as_large_as_their_rules_say(module):
    models = module("peer_models")
    lying = np.zeros((39, 2))
    lying[models.HIPS], lying[models.CROWN] = (50, 60), (90, 60)  # its head to the right
    center, side, degrees = models.blazepose_region(lying)
    np.testing.assert_array_equal(center, (50, 60))
    assert side == 1.25 * 2 * 40
    shown = crops.transform(lying[[models.HIPS, models.CROWN]], crops.affine(center, side, 100, degrees))
    np.testing.assert_allclose(shown, [(49.5, 49.5), (49.5, 9.5)], atol=1e-6)

    face = np.full((468, 2), 50.0)
    face[0], face[1] = (20, 30), (80, 70)
    face[models.LEFT_OF_EYES], face[models.RIGHT_OF_EYES] = (40, 40), (60, 60)
    center, side, degrees = models.facemesh_region(face)
    assert tuple(center) == (50, 50) and side == 1.5 * 60
    eyes = crops.transform(
        face[[models.LEFT_OF_EYES, models.RIGHT_OF_EYES]], crops.affine(center, side, 100, degrees)
    )
    assert eyes[0, 1] == pytest.approx(eyes[1, 1]) and eyes[0, 0] < eyes[1, 0]

    body = np.full((17, 2), 50.0)
    body[16] = (50, 90)  # an ankle 40 below the hips
    center, side, degrees = models.movenet_region(body)
    assert tuple(center) == (50, 50) and side == pytest.approx(2 * 1.2 * 40) and degrees == 0
    body[5] = (50, 20)  # a shoulder 30 above
    assert models.movenet_region(body)[1] == pytest.approx(2 * 1.9 * 30)


class Sight:
    """A finder that sees three discs (left, right, middle), instead of a network."""

    def __init__(self, models, region):
        peer = models.Peer("sight", "", "", "", "coco17", None, [2, 0, 1], region)
        self.finder = object.__new__(models.Finder)
        self.finder.peer, self.finder.size, self.looks = peer, SIZE, 0
        self.finder.own = self.own

    def own(self, patch):
        self.looks += 1
        maps = see(crops.to_input(patch[None]))
        return heatmaps.decode(maps, 4, "sigmoid")[0][0].astype(np.float64)


def test_both_looks_are_told_in_the_images_pixels_and_in_the_schemes_order(module):
    models = module("peer_models")
    points = np.array([[150.0, 120.0], [230.0, 150.0], [180.0, 190.0]])  # left, right, middle
    image = discs(points)
    order = [2, 0, 1]
    sight = Sight(models, lambda p: (p.mean(axis=0), 170.0, 20.0))
    looks = sight.finder.looks(image, (190, 150), 200.0)
    assert sight.looks == 2 and looks.shape == (2, 3, 2) and (looks[0] != looks[1]).any()
    for found in looks:
        np.testing.assert_allclose(found, points[order], atol=2.5)
    np.testing.assert_array_equal(sight.finder.locate(image, (190, 150), 200.0), looks[0])
    lost = Sight(models, lambda p: (p.mean(axis=0), np.nan, 0.0))
    np.testing.assert_array_equal(lost.finder.looks(image, (190, 150), 200.0), looks[[0, 0]])


def test_a_peers_square_is_a_multiple_of_the_box_or_of_mpiis_scale(module):
    square = module("peer_models").square
    sample = Sample(
        "a", np.zeros((9, 9, 3), np.uint8), np.zeros((16, 2)), np.ones(16), np.array([10, 20, 30, 40.0])
    )
    center, side = square(sample, 1.5)
    assert tuple(center) == (25, 40) and side == 60
    own = dataclasses.replace(sample, center=np.array([5.0, 6.0]), scale=0.5)
    center, side = square(own, 1.25)
    assert tuple(center) == (5, 6) and side == 125


class Split(list):
    scheme = SCHEMES["lsp14"]


def test_what_is_missed_is_wrong_and_the_torso_is_the_diagonal_for_peers_too(module):
    measure = module("peer_measure")
    names = SCHEMES["lsp14"].names
    rng = np.random.default_rng(0)
    samples = Split()
    for i in range(4):
        points = rng.uniform(20, 80, (14, 2)).astype(np.float32)
        points[names.index("r_hip")], points[names.index("l_shoulder")] = (20, 80), (60, 50)  # 50 apart
        samples.append(
            Sample(
                str(i), np.zeros((100, 100, 3), np.uint8), points, np.full(14, 2), np.array([20, 20, 60, 60])
            )
        )
    truth = measure.truths(samples, "mpii16")
    exact = np.full((4, 17, 2), np.nan)
    for k, name in enumerate(SCHEMES["coco17"].names):
        own = name.replace("left_", "l_").replace("right_", "r_")
        if own in names:
            exact[:, k] = [s.landmarks[names.index(own)] for s in samples]

    def limbs(points):
        found = measure.measures(truth, measure.in_scheme(points, "coco17", "mpii16"), "mpii16")
        assert list(found) == ["PCK@0.2 torso"] and list(found["PCK@0.2 torso"]) == ["limbs"]
        assert found["PCK@0.2 torso"]["limbs"]["count"] == 48
        return found["PCK@0.2 torso"]["limbs"]["value"]

    assert limbs(exact) == 100
    assert limbs(exact + (9.9, 0)) == 100 and limbs(exact + (10.1, 0)) == 0
    missed = exact.copy()
    missed[0] = np.nan
    assert limbs(missed) == 75


def test_a_face_that_is_missed_counts_as_a_hundred_percent(module):
    measure = module("peer_measure")
    split = Split(
        Sample(
            str(i),
            np.zeros((100, 100, 3), np.uint8),
            np.full((68, 2), 50, np.float32),
            np.full(68, 2),
            np.array([20, 20, 60, 60]),
        )
        for i in range(4)
    )
    split.scheme = SCHEMES["ibug68"]
    truth = measure.truths(split, "ibug68")
    points = np.full((4, 68, 2), 50.0)
    points[3] = np.nan
    found = measure.measures(truth, points, "ibug68")["NME"]
    assert found["all images"]["value"] == 25 and found["failure rate"]["value"] == 25
    assert not [group for group in found if group.startswith("ibug_")]


def test_whole_pictures_are_whole_in_their_square(module):
    center, side = module("peer_measure").whole_square(np.zeros((50, 80, 3), np.uint8))
    matrix = crops.affine(center, side, 80)
    np.testing.assert_allclose(
        crops.transform([[-0.5, -0.5], [79.5, 49.5]], matrix), [[-0.5, 14.5], [79.5, 64.5]]
    )


def test_networks_are_timed_in_turn_and_kept_beside_the_records(module, monkeypatch, tmp_path):
    measure, turns = module("peer_measure"), []

    class Network:
        def __init__(self, name, engine, num_threads):
            assert engine == "runtime" and num_threads == 1
            spec = types.SimpleNamespace(input_size=32)
            self.spec, self.engine = spec, types.SimpleNamespace(run=lambda images: self.run(name, images))

        def run(self, name, images):
            assert images.shape == (1, 32, 32, 3) and images.dtype == np.float32 and images.max() <= 1
            turns.append(name)

    entries = [types.SimpleNamespace(name=name) for name in ("a", "b")]
    for name, value in (("PEERS", {}), ("entries", lambda: entries), ("Localizer", Network)):
        monkeypatch.setattr(measure, name, value)
    kept.keep(theirs(70), tmp_path / "peers.json")
    measure.time_all(tmp_path, tmp_path / "peers.json", rounds=5, tell=lambda text: None)
    assert turns == ["a", "b"] * 8, "three rounds to warm up"
    found = kept.read(tmp_path / "peers.json")
    assert found["records"] == [theirs(70)] and found["times"]["rounds"] == 5
    assert set(found["times"]["milliseconds"]) == {"a", "b"} and found["times"]["machine"]
    each = found["times"]["milliseconds"]["a"]
    assert each["low"] <= each["median"] <= each["high"]


def test_unknown_networks_are_refused_by_name(module, tmp_path):
    with pytest.raises(ValueError, match="unknown network 'BlazePose': choose from BlazePose Lite"):
        module("peer_measure").measure(tmp_path, tmp_path, tmp_path / "peers.json", ["BlazePose"])


def test_a_peer_that_was_not_fetched_says_how(module, tmp_path):
    models = module("peer_models")
    with pytest.raises(FileNotFoundError, match=r"python benchmarks/peers\.py setup makes it"):
        models.Finder(models.PEERS["FaceMesh"], tmp_path)


def test_without_npm_setup_says_what_is_missing(module, monkeypatch, tmp_path):
    setup = module("peer_setup")
    monkeypatch.setattr(setup, "_run", lambda *command, **options: None)
    monkeypatch.setattr(setup.shutil, "which", lambda name: None)
    with pytest.raises(ImportError, match="npm is missing"):
        setup.setup(tmp_path)


def text(*words):
    return [base64.b64encode(word.encode()).decode() for word in words]


def graph_model(directory, fused="Relu6"):
    """A TF.js graph model of two fused convolutions, its weights as float16; and what it computes."""
    rng = np.random.default_rng(0)
    values = {
        "kernel": rng.normal(0, 0.3, (3, 3, 3, 4)),
        "bias": rng.normal(0, 0.3, 4),
        "depthwise": rng.normal(0, 1, (3, 3, 4, 1)),
        "bias2": rng.normal(0, 1, 4),
    }
    values = {name: value.astype(np.float16) for name, value in values.items()}
    kind = {"type": "DT_FLOAT"}

    def convolution(name, op, inputs, after):
        attributes = {
            "T": kind,
            "num_args": {"i": "1"},
            "strides": {"list": {"i": ["1", "2", "2", "1"]}},
            "dilations": {"list": {"i": ["1", "1", "1", "1"]}},
            "padding": {"s": text("SAME")[0]},
            "data_format": {"s": text("NHWC")[0]},
            "fused_ops": {"list": {"s": text("BiasAdd", *after)}},
        }
        return {"name": name, "op": op, "input": inputs, "attr": attributes}

    shape = {"shape": {"dim": [{"size": str(n)} for n in (1, 16, 16, 3)]}}
    nodes = [
        {"name": "input", "op": "Placeholder", "attr": {"shape": shape, "dtype": kind}},
        *({"name": n, "op": "Const", "attr": {"dtype": kind, "value": {"tensor": {}}}} for n in values),
        convolution("first", "_FusedConv2D", ["input", "kernel", "bias"], [fused]),
        convolution("second", "FusedDepthwiseConv2dNative", ["first", "depthwise", "bias2"], []),
        {"name": "Identity", "op": "Identity", "input": ["second"], "attr": {"T": kind}},
    ]
    manifest = [
        {
            "name": name,
            "shape": list(value.shape),
            "dtype": "float32",
            "quantization": {"dtype": "float16", "original_dtype": "float32"},
        }
        for name, value in values.items()
    ]
    (directory / "small.bin").write_bytes(b"".join(value.tobytes() for value in values.values()))
    model = {
        "signature": {"inputs": {"input:0": {}}, "outputs": {"Identity:0": {}}},
        "modelTopology": {"node": nodes, "versions": {"producer": 1000}},
        "weightsManifest": [{"paths": ["small.bin"], "weights": manifest}],
    }
    (directory / "small.json").write_text(json.dumps(model))
    return directory / "small.json", {name: value.astype(np.float32) for name, value in values.items()}


def test_a_tfjs_model_computes_the_same_as_tflite(module, tmp_path):
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    path, values = graph_model(tmp_path)
    interpreter = Interpreter(model_content=module("tfjs_models").to_tflite(path), num_threads=1)
    interpreter.allocate_tensors()
    image = np.random.default_rng(1).normal(0, 2, (1, 16, 16, 3)).astype(np.float32)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    first = tf.nn.relu6(tf.nn.conv2d(image, values["kernel"], 2, "SAME") + values["bias"])
    second = tf.nn.depthwise_conv2d(first, values["depthwise"], (1, 2, 2, 1), "SAME") + values["bias2"]
    assert found.std() > 0.5
    np.testing.assert_allclose(found, second, atol=1e-4)


def test_a_fused_operation_nobody_knows_is_refused(module, tmp_path):
    path, _ = graph_model(tmp_path)
    tfjs = module("tfjs_models")
    model = json.loads(path.read_text())
    node = next(n for n in model["modelTopology"]["node"] if n["name"] == "first")
    node["attr"]["fused_ops"]["list"]["s"] = text("FusedBatchNorm")
    path.write_text(json.dumps(model))
    with pytest.raises(ValueError, match=r"first: the fused operations \['FusedBatchNorm'\]"):
        tfjs.graph(path)
