"""The evaluator: right answers score full marks, shifted ones what the shift is worth, through crop and decode."""

import dataclasses

import numpy as np
import pytest
from oracles import FACE, POSE, bodies, faces, oracle

from bnn_landmarks.evaluation import scoring
from bnn_landmarks.evaluation.examples import examples
from bnn_landmarks.inference.engines import Engine
from bnn_landmarks.inference.localizer import Localizer
from bnn_landmarks.spec import Spec

PARTS = Spec("parts", task="parts", scheme="parts7", input_size=64, box_side="mean")


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
        labels = [e.labels[2::4, 2::4] for e in examples(split, PARTS)]
        return 20.0 * np.eye(7)[np.stack(labels)]

    found = scoring.evaluate(Localizer(Engine("oracle", PARTS, run)), split)
    assert found.metrics["parts"]["pixel accuracy"]["value"] > 90
    nothing = scoring.evaluate(
        Localizer(Engine("nothing", PARTS, lambda x: np.eye(7)[np.zeros((len(x), 16, 16), int)])), split
    )
    background = np.mean([(e.labels == 0).mean() for e in examples(split, PARTS)])
    assert nothing.metrics["parts"]["pixel accuracy"]["value"] == pytest.approx(100 * background)
    assert nothing.metrics["parts"]["mean class accuracy"]["value"] < 51


def test_an_empty_split_says_so():
    with pytest.raises(ValueError, match="nothing to evaluate"):
        scoring.evaluate(oracle(POSE, bodies()), bodies(0))
