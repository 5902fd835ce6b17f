"""The evaluator: right answers score full marks, shifted ones what the shift is worth, through crop and decode."""

import dataclasses
import json
import re

import cv2
import numpy as np
import pytest

from bnn_landmarks.datasets.sample import Sample
from bnn_landmarks.evaluation import cards, plots, scoring
from bnn_landmarks.geometry import crops, heatmaps
from bnn_landmarks.inference.engines import Engine
from bnn_landmarks.inference.localizer import Localizer
from bnn_landmarks.schemes import SCHEMES
from bnn_landmarks.spec import Spec

POSE = Spec("pose", input_size=64)
FACE = Spec("face", scheme="ibug68", input_size=64, box_side="mean")
PARTS = Spec("parts", task="parts", scheme="parts7", input_size=64, box_side="mean")


class Split(list):
    def __init__(self, scheme, samples):
        super().__init__(samples)
        self.scheme = scheme


def bodies(count=4, **facts):
    rng = np.random.default_rng(3)
    samples = []
    for i in range(count):
        landmarks = rng.uniform(60, 100, (16, 2)).astype(np.float32)  # a shift keeps them inside the crop
        box = np.array([40, 40, 80, 80], np.float32)
        image = np.full((160, 160, 3), 60 * i, np.uint8)
        samples.append(Sample(f"{i}.jpg", image, landmarks, np.full(16, 2), box, head_size=20.0, **facts))
    return Split(SCHEMES["mpii16"], samples)


def face_points():
    angle = np.linspace(0.1, 3.0, 68)
    return (80 + 40 * np.stack([np.cos(angle), np.sin(3 * angle)], axis=1)).astype(np.float32)


def faces(yaws):
    image = np.zeros((160, 160, 3), np.uint8)
    box = np.array([40, 40, 80, 80], np.float32)
    return Split(
        SCHEMES["ibug68"],
        [
            Sample(f"{i}.jpg", image, face_points(), np.full(68, 2), box, yaw=yaw)
            for i, yaw in enumerate(yaws)
        ],
    )


def oracle(spec, dataset, shift=0.0):
    """A network that knows the landmarks, moved `shift` image pixels to the right, as distributions."""
    waiting = iter(scoring.examples(dataset, spec))

    def run(images):
        group = [next(waiting) for _ in images]
        moved = [crops.transform(e.points + [shift, 0], e.matrix) for e in group]
        maps = [heatmaps.encode(p, np.ones(len(p)), spec.map_size, sigma=spec.sigma) for p in moved]
        return np.log(np.stack(maps) + 1e-9)

    return Localizer(Engine("oracle", spec, run))


def test_a_perfect_network_scores_full_marks_in_every_group():
    found = scoring.evaluate(oracle(POSE, bodies()), bodies())
    for group in ("mean", "limbs", "head", "wrist", "r_ankle"):
        assert found.metrics["PCKh@0.5"][group]["value"] == 100
    assert found.metrics["PCKh@0.5"]["limbs"]["count"] == 4 * 12
    assert found.metrics["PCKh@0.5"]["mean"]["count"] == 4 * 14
    assert "PCKh@0.5 visible" not in found.metrics


def test_a_shift_beyond_half_a_head_fails_everywhere():
    found = scoring.evaluate(oracle(POSE, bodies(), shift=14), bodies())
    assert found.metrics["PCKh@0.5"]["mean"]["value"] == 0
    assert scoring.headline(found.metrics) == ("PCKh@0.5", "limbs", 0, True)


def test_hidden_landmarks_get_figures_of_their_own():
    split = bodies()
    split[0].visible[[0, 1]] = 1
    found = scoring.evaluate(oracle(POSE, split), split)
    assert found.metrics["PCKh@0.5"]["mean"]["count"] == 56
    assert found.metrics["PCKh@0.5 visible"]["mean"]["count"] == 54


def test_nme_of_a_known_shift_by_yaw_bin():
    yaws = [0, 30, 31, 60, 61, 90]
    found = scoring.evaluate(oracle(FACE, faces(yaws), shift=8), faces(yaws)).metrics["NME"]
    assert found["all images"]["value"] == pytest.approx(
        10, abs=1.5
    )  # 8 of the 80 pixels of the box, sqrt(w h)
    for group in ("[0,30]", "[30,60]", "[60,90]"):
        assert found[group]["count"] == 2
    assert found["mean of bins"]["value"] == pytest.approx(found["all images"]["value"])
    assert found["failure rate"]["value"] == 100
    assert found["area under curve"]["value"] == 0


def test_the_annotation_is_converted_to_the_networks_scheme():
    spec = dataclasses.replace(FACE, scheme="aflw21")
    found = scoring.evaluate(oracle(spec, faces([5])), faces([5]))
    assert found.metrics["NME"]["brow_1"]["count"] == 1
    assert found.metrics["NME"]["ear_1"]["count"] == 0
    assert found.metrics["NME"]["ear_1"]["value"] is None
    with pytest.raises(ValueError, match="no conversion"):
        scoring.evaluate(oracle(POSE, faces([5])), faces([5]))


def test_parts_are_scored_over_the_pixels_of_the_crop():
    split = faces([5, 10])

    def run(images):
        labels = [e.labels[2::4, 2::4] for e in scoring.examples(split, PARTS)]
        return 20.0 * np.eye(7)[np.stack(labels)]

    found = scoring.evaluate(Localizer(Engine("oracle", PARTS, run)), split)
    assert found.metrics["parts"]["pixel accuracy"]["value"] > 90
    nothing = scoring.evaluate(
        Localizer(Engine("nothing", PARTS, lambda x: np.eye(7)[np.zeros((len(x), 16, 16), int)])), split
    )
    background = np.mean([(e.labels == 0).mean() for e in scoring.examples(split, PARTS)])
    assert nothing.metrics["parts"]["pixel accuracy"]["value"] == pytest.approx(100 * background)
    assert nothing.metrics["parts"]["mean class accuracy"]["value"] < 51


def test_an_empty_split_says_so():
    with pytest.raises(ValueError, match="nothing to evaluate"):
        scoring.evaluate(oracle(POSE, bodies()), bodies(0))


def test_record_csv_card_and_pictures(tmp_path):
    found = scoring.evaluate(oracle(POSE, bodies(), shift=5), bodies())
    source = tmp_path / "pose.npz"
    source.write_bytes(b"weights")
    record = scoring.record(
        found,
        source=source,
        ran=b"exported",
        engine="lce",
        flip=False,
        data="mpii",
        split="val",
        terms=cards.terms("mpii"),
        command="bnn-landmarks evaluate pose mpii/val",
    )
    scoring.write(found, record, tmp_path / "out")
    again = json.loads((tmp_path / "out" / "record.json").read_text())
    assert again == json.loads(json.dumps(record))
    assert (
        again["ran"]["bytes"] == 8
        and again["bytes"] == 7
        and len(again["sha256"]) == 64
        and again["images"] == 4
    )
    assert Spec.from_dict(again["spec"]) == POSE
    lines = (tmp_path / "out" / "images.csv").read_text().splitlines()
    assert len(lines) == 5 and lines[0].startswith("image,error,score,r_ankle")

    plots.curves(found, tmp_path / "curves.png")
    plots.worst(found, bodies(), tmp_path / "worst.jpg", count=3, columns=2)
    assert cv2.imread(str(tmp_path / "curves.png")) is not None
    assert cv2.imread(str(tmp_path / "worst.jpg")).shape[1] > 2 * plots.TILE

    comparison = cards.comparison(record)
    assert "BlazePose" in comparison and "78.10" in comparison
    (tmp_path / cards.record_name(record)).write_text(json.dumps(record))
    text = cards.write("pose", tmp_path, trained_on=(("lspet", "train"),), recipe="pose").read_text()
    for wanted in (
        "research, non-commercial",
        "bnn-landmarks train pose",
        "mean 78.10",
        record["sha256"],
        "BlazePose",
    ):
        assert wanted in text


def test_the_card_has_the_changed_conditions_where_it_fails_and_a_picture(tmp_path):
    split = bodies()
    found = scoring.evaluate(oracle(POSE, split, shift=25), split)
    scores = {
        "unchanged": {"value": 40.0, "low": 35.0, "high": 45.0, "count": 48},
        "blur": {"value": 31.23456, "low": 28.0, "high": 34.0, "count": 48},
    }
    record = scoring.record(
        found,
        source=None,
        engine="lce",
        flip=False,
        data="mpii",
        split="val",
        terms="",
        command="",
        robustness={"metric": "PCKh@0.5", "group": "limbs", "images": 4, "scores": scores},
    )
    assert record["robustness"]["scores"]["blur"]["value"] == 31.235
    assert {"what", "where", "share", "count"} == set(record["failures"][0])
    (tmp_path / cards.record_name(record)).write_text(json.dumps(record))
    text = cards.write("pose", tmp_path).read_text()
    assert "worse, 4 images\n\n| change | PCKh@0.5, limbs | difference |" in text
    assert "| unchanged | 40.00 (35.00 to 45.00) |  |" in text
    assert "| blur | 31.23 (28.00 to 34.00) | -8.77 |" in text
    assert "Percent of joints off by more than one head size\n\n| where | % | of |" in text
    assert re.search(r"\| wrist \| \d+\.\d \| 8 \|", text)
    assert "![" not in text
    (tmp_path / "pose.jpg").write_bytes(b"")
    assert "](pose.jpg)" in cards.write("pose", tmp_path).read_text()

    # Records from before have neither.
    older = {key: value for key, value in record.items() if key not in ("failures", "robustness")}
    text = cards.card("pose", {"old.json": older})
    assert "difference" not in text and "Percent of joints off" not in text and "\n\n\n" not in text


def test_a_card_says_when_a_test_set_was_learned_from(tmp_path):
    split = faces([5, 35, 65])
    found = scoring.evaluate(oracle(FACE, split), split)
    record = scoring.record(
        found, source=None, engine="keras", flip=True, data="aflw2000", split="val_68", terms="", command=""
    )
    (tmp_path / cards.record_name(record)).write_text(json.dumps(record))
    assert (
        "do not belong in one column"
        in cards.write("face", tmp_path, trained_on=(("aflw2000", "train_68"),)).read_text()
    )
    assert (
        "do not belong in one column"
        not in cards.write("face", tmp_path, trained_on=(("helen", "train"),)).read_text()
    )
    with pytest.raises(FileNotFoundError, match="no evaluation records"):
        cards.write("pose", tmp_path)


def test_the_split_is_named_by_option_or_by_the_last_part(tmp_path):
    folder = tmp_path / "mine"
    (folder / "annotations").mkdir(parents=True)
    record = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "annotations": [{"image_id": 1, "bbox": [0, 0, 4, 4], "keypoints": [1, 1, 2]}],
        "categories": [{"name": "thing", "keypoints": ["tip"]}],
    }
    for split in ("val", "test"):
        (folder / "annotations" / f"{split}.json").write_text(json.dumps(record))
    for arguments, expected in (
        ((str(folder),), "val"),
        ((f"{folder}/test",), "test"),
        ((str(folder), "test"), "test"),
        (("mine/test", None, tmp_path), "test"),
        (("mine", None, tmp_path), "val"),
    ):
        samples, name, split = scoring.open_split(*arguments)
        assert (len(samples), name, split) == (1, "mine", expected)
    with pytest.raises(FileNotFoundError, match="no data set"):
        scoring.open_split("other/val", None, tmp_path)
