"""Recipes: every one builds a valid run, says what it must, and a folder of one's own goes all the way by commands."""

import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from coco_folders import write_record

from bnn_landmarks import paper, recipes
from bnn_landmarks.commands.train import command
from bnn_landmarks.network.blocks import BLOCKS
from bnn_landmarks.schemes import SCHEMES
from bnn_landmarks.spec import Options
from bnn_landmarks.training.recipe import Recipe, override, parse
from bnn_landmarks.zoo.entries import ENTRIES

ROOT = pathlib.Path(__file__).parents[1]
POINTS = ("tip", "left_wing", "right_wing", "tail", "belly")


def write_birds(folder, count=20, size=96):
    """A COCO-keypoints folder with five points of an invented scheme."""
    rng = np.random.default_rng(1)
    (folder / "images").mkdir(parents=True)
    images, annotations = [], []
    for i in range(count):
        x, y = rng.uniform(36, 60, 2)
        points = np.array([[x, y - 20], [x - 20, y], [x + 20, y], [x, y + 20], [x, y]])
        image = np.full((size, size, 3), rng.integers(60, 200, 3), np.uint8)
        for point, colour in zip(points, np.eye(5, 3) * 255, strict=True):
            cv2.circle(image, tuple(np.rint(point).astype(int).tolist()), 4, colour.tolist(), -1)
        cv2.imwrite(str(folder / "images" / f"{i}.png"), image)
        images.append({"id": i, "file_name": f"{i}.png", "width": size, "height": size})
        keypoints = np.concatenate([points, np.full((5, 1), 2)], axis=1).ravel().tolist()
        annotations.append({"id": i, "image_id": i, "bbox": [x - 20, y - 20, 40, 40], "keypoints": keypoints})
    category = {"name": "bird", "keypoints": list(POINTS), "skeleton": [[1, 5], [2, 5], [3, 5], [4, 5]]}
    for split, part in (("train", slice(0, 16)), ("val", slice(16, None))):
        write_record(folder / "annotations" / f"{split}.json", images[part], annotations[part], [category])
    return folder


@pytest.mark.parametrize("name", [name for name in recipes.names() if name != "landmarks"])
def test_a_recipe_is_a_run_that_states_cost_result_and_command(name):
    recipe = recipes.load(name)
    assert isinstance(recipe, Recipe)
    assert recipe.train and recipe.validate and recipe.steps > 0
    text = recipes.text(name)
    assert "Cost: " in text and "Expect: " in text
    assert f"bnn-landmarks train {name} --data DATA --output runs/{name}" in text


def test_every_row_of_the_tables_and_every_entry_has_its_recipe():
    names = set(recipes.names())
    assert {row.recipe for row in paper.ROWS} <= names
    for entry in ENTRIES.values():
        spec = recipes.load(entry.name).spec
        assert (spec.name, spec.scheme, spec.task) == (entry.name, entry.spec.scheme, entry.spec.task)


def test_a_rows_recipe_is_the_row():
    for row in paper.ROWS:
        recipe = recipes.load(row.recipe)
        network = (recipe.spec.block, recipe.spec.channels, recipe.spec.stacks, recipe.spec.options)
        assert network == (row.block, row.channels, row.stacks, row.options), row.label
        assert recipe.loss == row.loss
        assert (recipe.augmentation.scale == (1.0, 1.0)) == (not row.augment)
        assert recipe.spec.outputs == row.outputs


def test_our_switches_are_what_their_recipes_change():
    """Each beside the recipe it varies, and of the same length."""
    pose = recipes.load("pose")
    for name, changes in (
        ("pose_prelu", {"spec.options.activation": "prelu"}),
        ("pose_shortcuts", {"spec.block": "hierarchical_shortcuts"}),
        ("pose_progressive", {"stages": recipes.load("pose_progressive").stages}),
    ):
        assert recipes.load(name) == override(pose, {"spec.name": name, **changes})
    progressive = recipes.load("pose_progressive")
    stages = [override(progressive, {"stages": (), **stage}) for stage in progressive.stages]
    assert sum(stage.samples for stage in stages) == pose.samples
    given = [{"binary": False}, {"weights": "real"}, {}]
    assert [stage.spec.options for stage in stages] == [{**pose.spec.options, **options} for options in given]
    for stage in stages:
        Options(**stage.spec.options)


def test_the_readmes_switches_are_switches():
    settings = re.findall(
        r"`([a-z_.]+=[^`]+)`", (ROOT / "README.md").read_text().partition("## The paper")[2]
    )
    assert len(settings) >= 10
    base = recipes.load("pose")
    for setting in settings:
        changed = override(base, dict([parse(setting)]))
        assert changed != base, setting
        Options(**changed.spec.options)
        assert changed.spec.block in BLOCKS


def test_the_rows_of_an_ablation_share_its_budget(tmp_path):
    spec = importlib.util.spec_from_file_location("ablation", ROOT / "benchmarks" / "ablation.py")
    ablation = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(ablation)
    assert sum(len(table.rows) for table in ablation.TABLES.values()) == len(ablation.ROWS)
    for label, table in ablation.ROWS.items():
        plan, base = ablation.plan(label, 64, 6_000, tmp_path), recipes.load(table.base)
        stages = [override(plan, {"stages": (), **stage}) for stage in plan.stages] or [plan]
        views = 1 if plan.agreement is None else 2
        done = sum(views * stage.samples * (stage.spec.input_size / 64) ** 2 for stage in stages)
        assert done == 6_000 * table.times, label
        assert all(pair in table.validate for pair, _, _ in table.measures.values())
        changes = table.rows[label]
        changes = {} if callable(changes) else dict(changes)
        train = changes.pop("train", table.train)
        assert {(s.batch_size, s.train, s.validate) for s in stages} == {(8, train, ())}
        made = {field: getattr(plan, field) for field in ("stages", "teacher", "agreement")}
        changed = override(base, changes | made)
        assert changed == override(
            plan,
            {
                "spec.input_size": base.spec.input_size,
                "train": base.train,
                "validate": base.validate,
                "samples": base.samples,
                "batch_size": base.batch_size,
            },
        ), f"{label} changes what it says and the budget"
    blocks = {ablation.plan(label, 64, 6_000, tmp_path).spec.block for label in ablation.BODIES}
    assert {row.block for row in paper.ROWS if row.table == 2} < blocks
    teacher = ablation.directory(tmp_path, ablation.REAL)
    assert ablation.plan("taught by the real-valued", 64, 6_000, tmp_path).teacher == str(teacher)


def test_ones_own_landmarks_come_from_the_folder(tmp_path):
    recipe = recipes.load("landmarks")(write_birds(tmp_path / "birds", count=17))
    scheme = recipe.spec.landmark_scheme()
    assert scheme.names == POINTS
    assert scheme.mirror_pairs == ((1, 2),)
    assert scheme.edges == ((0, 4), (1, 4), (2, 4), (3, 4))
    assert recipe.validate == ((".", "val"),)
    assert scheme.name not in SCHEMES


def test_a_recipe_is_found_by_name_or_path(tmp_path):
    own = tmp_path / "own.py"
    own.write_text("from bnn_landmarks.recipes.pose import recipe\n")
    assert recipes.load(own) == recipes.load("pose")
    with pytest.raises(ValueError, match="did you mean pose"):
        recipes.load("pos")
    with pytest.raises(FileNotFoundError, match="no recipe file"):
        recipes.load(tmp_path / "other.py")
    own.write_text("x = 1\n")
    with pytest.raises(ValueError, match="defines no `recipe`"):
        recipes.load(own)
    for text, said in (
        ("x = 1\ny = (\n", "line 2: SyntaxError"),
        ("\n\nrecipe = 1 / 0\n", "line 3: ZeroDivisionError"),
    ):
        own.write_text(text)
        with pytest.raises(ValueError, match=f"own.py does not run: {said}"):
            recipes.load(own)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("recipe = {'a': 1}", "makes no Recipe but dict"),
        ("recipe = 5", "makes no Recipe but int"),
        ("def recipe(data):\n    pass", "makes no Recipe but NoneType"),
        ("def recipe(data):\n    return data.no", "does not run: line 2: AttributeError"),
        ("def recipe():\n    pass", "does not run: TypeError: recipe() takes 0 positional arguments"),
    ],
)
def test_what_is_no_recipe_of_ones_own_is_one_line(tmp_path, text, said):
    own = tmp_path / "own.py"
    own.write_text(text)
    with pytest.raises(ValueError) as refused:
        recipes.make(own, tmp_path)
    assert str(own) in str(refused.value) and said in str(refused.value) and "\n" not in str(refused.value)


def test_a_recipe_of_ones_own_is_made_of_the_data(tmp_path):
    own = tmp_path / "own.py"
    own.write_text(
        "from bnn_landmarks.recipes import pose\n"
        "from bnn_landmarks.training.recipe import override\n"
        "def recipe(data, category=None):\n"
        "    return override(pose.recipe, {'category': category, 'teacher': str(data)})\n"
    )
    made = recipes.make(own, "birds", "wing")
    assert (made.category, made.teacher) == ("wing", "birds")
    assert recipes.make("pose", "birds") == recipes.load("pose")


def test_the_command_lists_the_recipes_and_asks_for_what_is_missing():
    listed = CliRunner().invoke(command, ["--list"])  # without TensorFlow: tests/test_contract.py
    assert listed.exit_code == 0
    assert [line.split()[0] for line in listed.output.splitlines()] == recipes.names()
    for name in ("pose", "table2_wider"):
        told = CliRunner().invoke(command, [name, "--list"])
        assert told.exit_code == 0 and told.output.strip() == recipes.text(name).strip()
    asked = CliRunner().invoke(command, ["pose", "--output", "runs/pose"])
    assert asked.exit_code == 2 and "--data is missing" in asked.output


@pytest.mark.slow
def test_a_folder_of_ones_own_trains_evaluates_exports_and_predicts_by_commands(tmp_path):
    write_birds(tmp_path / "birds")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    program = ("-c", "from bnn_landmarks.cli import main; main()")
    small = "samples=64 spec.input_size=64 spec.channels=32 batch_size=8 precision=float32".split()
    settings = [part for setting in small for part in ("--set", setting)]
    run(*program, "train", "landmarks", "--data", "birds", "--output", "run", *settings)
    text = run(*program, "evaluate", "run/weights.npz", "birds/val", "--engine", "lce", "--output", "scores")
    assert "NME" in text
    record = json.loads((tmp_path / "scores" / "record.json").read_text())
    assert record["images"] == 4 and record["metrics"]["NME"]["tail"]["count"] == 4
    assert record["engine"] == "lce" and record["file"] == "weights.npz"
    run("-m", "export.lce", "--weights", "run/weights.npz", "--output", "birds.tflite")
    told = json.loads((tmp_path / "birds.json").read_text())["spec"]
    assert told["loosest"] == record["spec"]["loosest"] == 2.4  # 96 pixels around birds of 40
    run(*program, "evaluate", "birds.tflite", "birds/val", "--engine", "lce", "--output", "exported")
    exported = json.loads((tmp_path / "exported" / "record.json").read_text())
    assert exported["metrics"] == record["metrics"]
    where = ("--model", "birds.tflite", "--box", "20,20,56,56")
    run(*program, "predict", "birds/images/0.png", *where, "--output", "out")
    assert list(json.loads((tmp_path / "out" / "0.json").read_text()))
