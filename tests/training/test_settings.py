"""`--set key=value`: what a recipe takes, converted; what it does not take, in one line that helps."""

import dataclasses

import pytest

from bnn_landmarks import recipes
from bnn_landmarks.spec import Spec
from bnn_landmarks.training.recipe import BOXES, LOSSES, PARTS, override, parse

POSE = recipes.load("pose")


def changed(*settings, recipe=POSE):
    return override(recipe, dict(parse(setting) for setting in settings))


@pytest.mark.parametrize(
    ("setting", "field", "value"),
    [
        ("samples=1e5", "samples", 100_000),
        ("batch_size=16.0", "batch_size", 16),
        ("learning_rate=1", "learning_rate", 1),
        ("jit_compile=true", "jit_compile", True),
        ("teacher=runs/real", "teacher", "runs/real"),
        ("teacher=None", "teacher", None),
        ("schedule=[(0.5, 1e-4)]", "schedule", ((0.5, 1e-4),)),
        ("train=[['mpii', 'train']]", "train", (("mpii", "train"),)),
        (" seed = 7 ", "seed", 7),
    ],
)
def test_values_are_what_the_field_wants(setting, field, value):
    found = getattr(changed(setting), field)
    assert found == value and type(found) is type(value)


def test_nested_values():
    before = dict(POSE.spec.options)
    recipe = changed(
        "augmentation.scale=[0.5, 2]", "spec.options.binary=False", "spec.options.activation=none"
    )
    assert recipe.augmentation == dataclasses.replace(POSE.augmentation, scale=(0.5, 2))
    assert recipe.spec.options == {**before, "binary": False, "activation": "none"}
    assert POSE.spec.options == before


def test_the_order_of_settings_does_not_matter():
    """Four samples are no step of the recipe's batch, but of the one that is set beside them."""
    assert changed("samples=4", "batch_size=2") == changed("batch_size=2", "samples=4")
    assert changed("loss=parts", "spec.task=parts", "spec.scheme=parts7").loss == "parts"


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("samples=abc", "samples takes a whole number, not 'abc'"),
        ("samples=1.5", "samples takes a whole number, not 1.5"),
        ("samples=True", "samples takes a whole number, not True"),
        ("samples=4", "a run of 4 samples has no step of 8"),
        ("learning_rate=fast", "learning_rate takes a number, not 'fast'"),
        ("learning_rate=0", "learning_rate must be above 0"),
        ("learning_rate=1e999", "learning_rate takes a number, not inf"),
        ("batch_size=0", "batch_size must be at least 1"),
        ("average=1", "below 1"),
        ("average=-0.1", "average must be from 0 to 1"),
        ("jit_compile=1", "jit_compile takes True or False, not 1"),
        ("loss=softmx", "loss must be one of softmax"),
        ("schedule=linear", "schedule must be one of cosine"),
        ("train=mpii", "train takes a tuple"),
        ("stages=({'spec.optoins': {}},)", "no setting spec.optoins; did you mean spec.options?"),
        ("augmentation.scale=0.5", "scale takes a tuple (a number, a number), as (0.7, 1.3), not 0.5"),
        ("augmentation.scale=(1.3, 0.7)", "(low, high)"),
        ("augmentation.profile=2", "profile must be from 0 to 1"),
        ("augmentation=5", "augmentation takes"),
        ("spec.options.activaton=none", "did you mean activation?"),
        ("spec.options.activation=relo", "activation must be one of relu"),
        ("spec.options.binary=1", "binary takes True or False"),
        ("spec.options=none", "options takes"),
        (
            "loss=sigmoid",
            "the loss 'sigmoid' makes are read by spec.score=sigmoid, not softmax: set that, too",
        ),
        ("loss=l2", "the loss 'l2' makes are read by spec.score=sigmoid"),
        ("spec.score=sigmoid", "the loss 'softmax' makes are read by spec.score=softmax, not sigmoid"),
        ("spec.stride=8", "the maps are a quarter of the input: Spec.stride is 4, not 8"),
        ("schedule=()", "the steps of a schedule are ((share, rate), ...)"),
        ("schedule=((0.8, 1e-4), (0.5, 1e-5))", "shares of the run that rise from 0 to 1"),
        ("schedule=((0.5, -1e-4),)", "rates above 0, not ((0.5, -0.0001),)"),
        ("schedule=((1.5, 1e-4),)", "the steps of a schedule"),
        ("stages=({1: 2},)", "a stage is {setting: value}, as {'samples': 8000}, not {1: 2}"),
        ("augmentation.noise=-1", "Augmentation.noise must be at least 0, not -1"),
        ("spec.landmarks={'name': 'mine', 'names': ['a', 'a']}", "Scheme.names holds 'a' twice"),
        ("spec.input_size=0", "input_size must be at least 1"),
        ("spec.landmarks={'name': 'mine'}", "needs the field 'names'"),
        ("spec.landmarks={'name': 'mine', 'names': ['a'], 'edges': [[0, 1]]}", "edges must be from 0 to 0"),
        ("batchsize=4", "no setting batchsize; did you mean batch_size?"),
        ("augmentatoin.scale=(1, 1)", "did you mean augmentation?"),
        ("xyz=4", "there are spec, train, validate"),
        ("batch_size.x=4", "no setting batch_size.x"),
        ("samples", "a setting is key=value"),
        ("=4", "a setting is key=value"),
    ],
)
def test_what_is_refused_is_one_line_that_helps(setting, said):
    with pytest.raises(ValueError) as refused:
        changed(setting)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_losses_are_those_that_a_recipe_takes():
    from bnn_landmarks.training import losses

    assert set(losses._PER_MAP) == {*LOSSES} - {*PARTS, *BOXES}


def test_a_spec_comes_back_from_its_record():
    spec = dataclasses.replace(POSE.spec, options={"scale": "mean"})
    assert Spec.from_dict(spec.to_dict()) == spec
    for record, said in (
        ({}, "needs the field 'name'"),
        ({"name": "x", "colour": 1}, "unknown fields colour"),
        ({"name": 5}, "name takes a text"),
        ({"name": "x", "options": {"scal": "mean"}}, "did you mean scale?"),
    ):
        with pytest.raises(ValueError, match=said.replace("?", r"\?")):
            Spec.from_dict(record)
