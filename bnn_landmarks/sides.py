"""Left and right in landmarks' names: the one rule behind mirroring, flip and colours.

    pairs(("nose", "Left Eye", "R_Eye"))              # ((1, 2),)
    unpaired(("nose", "left_eye"))                    # ("left_eye",)
    side("EyeLeft"), same("eye.L")                    # "left", same("Left Eye")

A side is a word of its own, left, right, l or r, in any case: words end at anything that is no letter or digit and
where camel case says so. Where a name has none, left and right inside a word (lefteye) and l and r before a number (l1)
count if the other side's name exists.
"""

import collections
import re

_WORDS = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z0-9]+|[^A-Za-z0-9]+")
_SIDES = {"left": "left", "l": "left", "right": "right", "r": "right"}
_OTHER = {"left": "right", "right": "left"}
_INSIDE = re.compile(r"left|right|^[lr](?=\d+$)")
_SERIES = 6  # so many other single letters (point_a, point_b, ...) make of l and r letters, too


def _words(name):
    return [word.lower() for part in re.split(r"[\W_]+", name) for word in _WORDS.findall(part)]


def same(name: str) -> tuple:
    """What a name's spellings have in common: its sides and its other words, each in order. Two names are the same
    landmark's where this is."""
    words = _words(name)
    return tuple(_SIDES[w] for w in words if w in _SIDES), tuple(w for w in words if w not in _SIDES)


def side(name: str) -> str | None:
    """ "left" or "right", as the first side in the name says, or None."""
    sides, _ = same(name)
    if sides:
        return sides[0]
    inside = next(filter(None, map(_INSIDE.search, _words(name))), None)
    return _SIDES[inside.group()] if inside else None


def _mirrored(names):
    """For each name the indices of the other side's names, None where it has no side."""
    keys, spelled = [same(name) for name in names], [_words(name) for name in names]
    letters = collections.Counter()
    for words in spelled:
        for place, word in enumerate(words):
            if len(word) == 1 and word.isalpha() and word not in _SIDES:
                letters[tuple(words[:place]), tuple(words[place + 1 :])] += 1
    found = []
    for words, (sides, rest) in zip(spelled, keys, strict=True):
        series = any(
            word in ("l", "r") and letters[tuple(words[:place]), tuple(words[place + 1 :])] >= _SERIES
            for place, word in enumerate(words)
        )
        if series:
            found.append(None)
        elif sides:
            other = tuple(_OTHER[s] for s in sides), rest
            found.append([i for i, key in enumerate(keys) if key == other])
        else:
            swapped = [_INSIDE.sub(_exchange, word) for word in words]
            found.append([i for i, other in enumerate(spelled) if other == swapped != words] or None)
    return found


def _exchange(match):
    return {"left": "right", "right": "left", "l": "r", "r": "l"}[match.group()]


def pairs(names) -> tuple[tuple[int, int], ...]:
    """Indices (i, j), i < j, of the names that differ in their sides only."""
    others = _mirrored(names)
    return tuple(
        (i, other[0])
        for i, other in enumerate(others)
        if other and len(other) == 1 and i < other[0] and others[other[0]] == [i]
    )


def unpaired(names) -> tuple[str, ...]:
    """The names that have a side and not exactly one partner on the other."""
    paired = {i for pair in pairs(names) for i in pair}
    return tuple(
        name
        for i, (name, other) in enumerate(zip(names, _mirrored(names), strict=True))
        if other is not None and i not in paired
    )
