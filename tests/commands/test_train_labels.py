"""`bnn-landmarks train`: what its options about labels become. Training itself is tests/training's."""

import click.testing
import pytest
from coco_folders import BIRD, annotation, image, write, write_record

from bnn_landmarks.commands import train
from bnn_landmarks.training import trainer


@pytest.fixture
def trained(monkeypatch):
    """What the command trains, and how."""
    found = {}

    def instead(recipe, data, output, **how):
        found.update(recipe=recipe, data=data, **how)

    monkeypatch.setattr(trainer, "train", instead)
    return found


@pytest.fixture
def zoo(tmp_path):
    fish = {"id": 2, "name": "fish", "keypoints": ["mouth", "left_fin", "right_fin"]}
    annotations = [annotation(1), annotation(2, category_id=2, keypoints=[25, 25, 2, 50, 30, 2, 60, 50, 2])]
    return write(tmp_path / "zoo", categories=[BIRD, fish], annotations=annotations)


def run(*arguments):
    return click.testing.CliRunner().invoke(train.command, [str(a) for a in arguments])


def test_a_category_and_bad_files(zoo, trained, tmp_path):
    result = run("landmarks", "--data", zoo, "--output", tmp_path / "run", "--category", "fish", "--skip-bad")
    assert result.exit_code == 0, result.output
    recipe = trained["recipe"]
    assert (recipe.category, trained["skip_bad"]) == ("fish", True)
    assert recipe.spec.landmark_scheme().names == ("mouth", "left_fin", "right_fin")
    assert recipe.spec.landmark_scheme().mirror_pairs == ((1, 2),)


def test_of_several_categories_one_has_to_be_named(zoo, trained, tmp_path):
    result = run("landmarks", "--data", zoo, "--output", tmp_path / "run")
    assert isinstance(result.exception, ValueError) and "--category NAME" in str(result.exception)


def test_a_recipe_that_is_none_of_a_folder_takes_a_category(zoo, trained, tmp_path):
    assert run("pose", "--data", zoo, "--output", tmp_path / "run", "--category", "bird").exit_code == 0
    assert (trained["recipe"].category, trained["skip_bad"]) == ("bird", False)


def test_roboflows_folder_is_validated_on_its_valid(trained, tmp_path):
    for split in ("train", "valid"):
        write_record(tmp_path / "birds" / split / "_annotations.coco.json", [image(1)], [annotation(1)])
    assert run("landmarks", "--data", tmp_path / "birds", "--output", tmp_path / "run").exit_code == 0
    assert trained["recipe"].validate == ((".", "valid"),)
