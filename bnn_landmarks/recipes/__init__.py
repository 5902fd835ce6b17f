"""Training recipes: one short file per entry, and those of the paper's tables, made of their rows (`_rows`).

    recipe = load("pose")            # or load("my/own_recipe.py")
    recipe = make("landmarks", "birds")     # of a folder of data, where the recipe depends on it
    names()                          # every recipe of this package
    text("pose")                     # its cost, the result to expect, the command

A recipe file holds `recipe`, a `Recipe`, or `recipe(data, category=None)`, a function that makes one for the directory
that `--data` names and, where it was given, `--category`; its docstring states the cost, the result to expect and the
exact command.
"""

import difflib
import importlib
import importlib.util
import os
import pathlib
import traceback
from typing import Any

from bnn_landmarks.recipes import _rows
from bnn_landmarks.training.recipe import Recipe


def names() -> list[str]:
    """The recipes of this package, sorted."""
    files = [p.stem for p in pathlib.Path(__file__).parent.glob("*.py") if not p.stem.startswith("_")]
    return sorted([*files, *_rows.NAMES])


def load(recipe: str | os.PathLike) -> Any:
    """A recipe by name or by the path of a `.py`: what that file's `recipe` is.

    Raises:
        ValueError: no recipe of that name (the close ones are listed), or the file fails or has no `recipe`.
        FileNotFoundError: there is no such file.
    """
    path = pathlib.Path(recipe)
    if recipe in _rows.NAMES:
        return _rows.of(str(recipe))
    if recipe in names():
        module = importlib.import_module(f"{__name__}.{recipe}")
    elif path.suffix == ".py":
        if not path.is_file():
            raise FileNotFoundError(f"no recipe file {path}")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except ImportError:
            raise
        except Exception as error:
            raise ValueError(f"the recipe {path} does not run: {_where(path, error)}") from error
    else:
        close = difflib.get_close_matches(str(recipe), names(), n=3) or names()
        raise ValueError(
            f"no recipe {recipe!r}; did you mean {', '.join(close)}? A recipe of your own is a path to a .py"
        )
    if not hasattr(module, "recipe"):
        raise ValueError(f"{path} defines no `recipe`")
    return module.recipe


def make(recipe: str | os.PathLike, data: str | os.PathLike, category: str | None = None) -> Recipe:
    """The `Recipe` by name or by the path of a `.py`: what `load` gives, or what that function makes of the data.

    Args:
        data: directory of the data sets. category: the category of landmarks to learn, if it is told.

    Raises:
        ValueError, FileNotFoundError: as `load`; of a recipe of this package as its function.
        ValueError: a function of one's own fails, or there is no `Recipe`.
    """
    made = load(recipe)
    if callable(made):
        try:
            made = made(data, category) if category else made(data)
        except ImportError:
            raise
        except Exception as error:
            if recipe in names():
                raise
            raise ValueError(f"the recipe {recipe} does not run: {_where(recipe, error)}") from error
    if not isinstance(made, Recipe):
        raise ValueError(
            f"`recipe` in {recipe} makes no Recipe but {type(made).__name__}: it is one, or a function of the data's "
            "directory that returns one"
        )
    return made


def _where(path, error):
    """An error of a recipe's file in one line, with the line of the file it comes from."""
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)
    ]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    text = error.msg if isinstance(error, SyntaxError) else " ".join(str(error).split())
    return f"{'' if line is None else f'line {line}: '}{type(error).__name__}: {text}"


def text(name: str) -> str:
    """What a recipe of this package says of itself: what it is, the cost, the result to expect, the command."""
    if name in _rows.NAMES:
        return _rows.text(name)
    return importlib.import_module(f"{__name__}.{name}").__doc__ or ""
