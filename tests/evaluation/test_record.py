"""The record of an evaluation, its files, and the card record of records."""

import json
import re

import cv2
import pytest
from oracles import FACE, POSE, bodies, faces, oracle

from bnn_landmarks.evaluation import cards, plots, scoring
from bnn_landmarks.evaluation.record import describe, write
from bnn_landmarks.spec import Spec


def test_record_csv_card_and_pictures(tmp_path):
    found = scoring.evaluate(oracle(POSE, bodies(), shift=5), bodies())
    source = tmp_path / "pose.npz"
    source.write_bytes(b"weights")
    record = describe(
        found,
        source=source,
        ran=b"exported",
        engine="lce",
        flip=False,
        data="mpii",
        split="val",
        command="bnn-landmarks evaluate pose mpii/val",
    )
    write(found, record, tmp_path / "out")
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
    record = describe(
        found,
        source=None,
        engine="lce",
        flip=False,
        data="mpii",
        split="val",
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
    record = describe(
        found, source=None, engine="keras", flip=True, data="aflw2000", split="val_68", command=""
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
