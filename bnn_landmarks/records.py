"""Records that check what they are given: a dataclass calls `check` from its `__post_init__`.

Recipe(..., samples="abc")     # ValueError: Recipe.samples takes a whole number, not 'abc'
Recipe(..., samples=1e5)       # .samples is 100000
"""

import dataclasses
import difflib
import math
import numbers
import types
import typing
from collections.abc import Iterable, Mapping

import numpy as np

_WORDS = {str: "a text", int: "a whole number", float: "a number", bool: "True or False", type(None): "None"}


def nearest(name: str, known: Iterable[str], prefix: str = "") -> str:
    """What to say of an unknown name: "did you mean NAME?", or which names there are. prefix: put before each."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f"did you mean {prefix}{close[0]}?"
    return "there are " + ", ".join(f"{prefix}{each}" for each in known)


def is_number(value) -> bool:
    """Whether it is a finite number, NumPy's too."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


def is_whole(value, low: int) -> bool:
    """Whether it is a whole number from `low`, NumPy's too."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and int(value) >= low


def check(record) -> None:
    """Each field of a frozen dataclass as its annotation says: a whole float where an int is wanted becomes one, a
    number a float, a list a tuple.

    Raises:
        ValueError: a value is of another type, or a number is not finite; it names the field and what it takes.
    """
    hints = typing.get_type_hints(type(record))
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        try:
            object.__setattr__(record, field.name, _converted(value, hints[field.name]))
        except TypeError:
            default = field.default
            as_in = f", as {default!r}" if isinstance(default, tuple) and default else ""
            name = f"{type(record).__name__}.{field.name}"
            raise ValueError(f"{name} takes {_words(hints[field.name])}{as_in}, not {value!r}") from None


def check_choices(record, allowed: Mapping[str, Iterable[str]]) -> None:
    """{field: what it may be}.

    Raises:
        ValueError: a value is none of them; it names them.
    """
    for field, choices in allowed.items():
        if getattr(record, field) not in choices:
            raise ValueError(f"{field} must be one of {', '.join(choices)}, not {getattr(record, field)!r}")


def check_range(
    record, fields: str, low: float = -math.inf, high: float = math.inf, above: bool = False
) -> None:
    """Numbers, or tuples of them, from `low` (or above it) to `high`.

    Raises:
        ValueError: one lies outside; it names the field and the range.
    """
    for field in fields.split():
        value = getattr(record, field)
        for number in np.ravel(value):
            if number > high or number < low or (above and number == low):
                least = f"above {low:g}" if above else f"at least {low:g}"
                wanted = least if high == math.inf else f"from {low:g} to {high:g}"
                raise ValueError(f"{type(record).__name__}.{field} must be {wanted}, not {value!r}")


def make(kind: type, values: Mapping):
    """A dataclass of {field: value}.

    Raises:
        ValueError: there is no such field, with the nearest one; one is missing; or as the dataclass does.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"{kind.__name__} is made of named fields, not of {values!r}")
    known = {field.name: field for field in dataclasses.fields(kind)}
    for name in values:
        if name not in known:
            raise ValueError(f"{kind.__name__} has no field {name!r}; {nearest(str(name), known)}")
    for name, field in known.items():
        if name not in values and field.default is field.default_factory is dataclasses.MISSING:
            raise ValueError(f"{kind.__name__} needs the field {name!r}")
    return kind(**values)


def _converted(value, hint):
    """The value as a type takes it; TypeError where it does not."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        for each in arguments:
            try:
                return _converted(value, each)
            except TypeError:
                pass
        raise TypeError
    if hint is bool or isinstance(value, bool):
        if hint is bool and isinstance(value, bool):
            return value
        raise TypeError
    if hint is int and isinstance(value, numbers.Real) and float(value).is_integer():
        return int(value)
    if hint is float and isinstance(value, numbers.Real) and math.isfinite(value):
        return value
    if origin is tuple and isinstance(value, list | tuple):
        kinds = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else arguments
        if len(kinds) != len(value):
            raise TypeError
        return tuple(_converted(*pair) for pair in zip(value, kinds, strict=True))
    if hint not in (int, float) and isinstance(value, origin or hint):
        return value
    raise TypeError


def _words(hint):
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_words(each) for each in arguments)
    if origin is tuple and arguments[-1] is Ellipsis:
        return f"a tuple with each element {_words(arguments[0])}"
    if origin is tuple:
        return f"a tuple ({', '.join(_words(each) for each in arguments)})"
    return _WORDS.get(hint, f"values of type {getattr(origin or hint, '__name__', hint)}")
