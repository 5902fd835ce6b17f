"""The public interface: what the lazy table names is there, and says the types of what it takes and returns."""

import inspect

import pytest

import bnn_landmarks

NAMES = sorted(bnn_landmarks._LAZY)


def functions(name):
    """The public functions of a module, or the public methods of a class."""
    thing = getattr(bnn_landmarks, name)
    for own, function in vars(thing).items():
        if own in ("__call__", "__init__") or not own.startswith("_"):
            defined = getattr(function, "__module__", None) == getattr(thing, "__module__", thing.__name__)
            if inspect.isfunction(function) and defined and not hasattr(function, "__dataclass_fields__"):
                yield f"{name}.{own}", function


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_there_and_has_a_docstring(name):
    assert getattr(bnn_landmarks, name).__doc__
    assert name in dir(bnn_landmarks)


@pytest.mark.parametrize("name", ["Localizer", "crops", "detect", "draw", "heatmaps", "images", "zoo"])
def test_public_functions_are_typed(name):
    found = dict(functions(name))
    assert found
    missing = []
    for own, function in found.items():
        signature = inspect.signature(function)
        arguments = [p for p in signature.parameters.values() if p.name != "self"]
        untyped = [p.name for p in arguments if p.annotation is p.empty]
        if signature.return_annotation is signature.empty:
            untyped.append("return")
        if untyped:
            missing.append(f"{own}: {', '.join(untyped)}")
    assert not missing
