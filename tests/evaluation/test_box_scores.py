"""Scores of a finder: what it finds right, wrong and not at all, of whole images."""

import dataclasses
import json

import numpy as np
import pytest

from bnn_landmarks.datasets.sample import Sample
from bnn_landmarks.evaluation import cards, plots, record, scoring
from bnn_landmarks.evaluation.examples import example, examples
from bnn_landmarks.geometry import boxes, crops
from bnn_landmarks.inference.engines import Engine
from bnn_landmarks.inference.localizer import Localizer
from bnn_landmarks.schemes import SCHEMES
from bnn_landmarks.spec import CHANNELS, Spec

SPEC = Spec("finder", task="boxes", scheme="subjects", input_size=64, padding=1.0, score="sigmoid")


class Split(list):
    scheme = SCHEMES["mpii16"]


@pytest.fixture
def split():
    rng = np.random.default_rng(3)
    samples = Split()
    for i in range(4):
        points = rng.uniform(30, 130, (16, 2)).astype(np.float32)
        points[:2] = (25, 25), (135, 135)
        image = np.full((160, 200, 3), 60 * i, np.uint8)
        samples.append(Sample(f"{i}.jpg", image, points, np.full(16, 2), np.array([25, 25, 110, 110])))
    return samples


def knowing(split, missed=(), invented=()):
    """A network that knows the boxes, but for the images `missed`, and finds one more on `invented`."""
    waiting = iter(enumerate(examples(split, SPEC)))

    def run(images):
        maps = np.zeros((len(images), 16, 16, 2 * CHANNELS), np.float32)
        for out, (i, each) in zip(maps, waiting, strict=False):
            low, high = crops.transform(each.points, each.matrix)
            wanted = [] if i in missed else [np.concatenate([low, high - low])]
            wanted += [[4.0, 4.0, 12.0, 12.0]] if i in invented else []
            target = boxes.encode([wanted, []], np.ones((2, 16, 16)), 16).reshape(16, 16, 2, -1)
            found = np.concatenate([np.where(target[..., :1] > 0.999, 6, -6), target[..., 2:-1]], axis=-1)
            out[:] = found.reshape(16, 16, -1)
        return maps

    return Localizer(Engine("keras", SPEC, run))


def test_what_is_right_wrong_and_missed(split):
    found = scoring.evaluate(knowing(split, missed=[1], invented=[0, 2]), split).metrics["boxes"]
    assert found["recall"]["value"] == pytest.approx(75)
    assert found["precision"]["value"] == pytest.approx(60)
    assert found["overlap"]["value"] == pytest.approx(75, abs=0.5)
    assert scoring.score(knowing(split), list(examples(split, SPEC))) == (
        "boxes",
        "recall",
        100.0,
        True,
    )


def test_a_record_a_card_and_a_sheet_of_the_worst(split, tmp_path):
    evaluation = scoring.evaluate(knowing(split, missed=[1]), split)
    assert evaluation.order[0] == 1
    made = record.describe(
        evaluation,
        source=None,
        ran=None,
        engine="keras",
        flip=False,
        data="mine",
        split="val",
        command="c",
    )
    assert made["failures"][0] == {
        "what": "images whose subject is not found",
        "where": "all",
        "share": 25.0,
        "count": 4,
    }
    record.write(evaluation, json.loads(json.dumps(made)), tmp_path)
    assert (tmp_path / "images.csv").read_text().splitlines()[2].startswith("1.jpg,1.00000,0")
    plots.worst(evaluation, split, tmp_path / "worst.jpg")
    assert (tmp_path / "worst.jpg").stat().st_size > 1000
    text = cards.card("finder", {"a.json": made})
    assert "where people and faces are" in text and "75.00" in text and "the whole image" in text


def test_an_example_is_the_whole_image_and_its_subjects_box(split):
    each = example(split[0], split.scheme, SPEC)
    assert each.kind == 0
    np.testing.assert_allclose(each.points, [[25, 25], [135, 135]])
    np.testing.assert_allclose(each.matrix, boxes.letterbox((160, 200), 64))
    assert dataclasses.replace(each, patch=None).patch is None
