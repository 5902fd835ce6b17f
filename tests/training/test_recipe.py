"""Recipes: settings on the command line."""

import pytest
from crosses import tiny

from bnn_landmarks.training.recipe import override, parse


def test_settings_replace_values_by_path():
    changed = override(
        tiny(), dict(map(parse, ["spec.channels=64", "augmentation.rotate=0.5", "optimizer=rmsprop"]))
    )
    assert (changed.spec.channels, changed.augmentation.rotate, changed.optimizer) == (64, 0.5, "rmsprop")
    changed = override(changed, {"spec.options.binary": False})
    assert changed.spec.options == {"binary": False}
    for setting, message in (
        ("spec.widht=3", "there is no setting spec.widht"),
        ("loss=l3", "loss"),
        ("loss", "key=value"),
    ):
        with pytest.raises(ValueError, match=message):
            override(tiny(), dict([parse(setting)]))
