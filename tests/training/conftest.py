"""Shared by the tests of training: the crosses, and the small network in the real one's place."""

import pytest
from crosses import build_instead, small, write_folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_folder(folder / "crosses", {"train": 10, "val": 3})
    return folder


@pytest.fixture
def small_network(monkeypatch):
    """The trainer trains the small network; tests/test_recipes.py trains the real one by commands."""
    build_instead(small, monkeypatch)
