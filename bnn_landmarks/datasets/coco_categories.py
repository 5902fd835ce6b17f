"""The categories of a COCO file: which one is read, and the scheme its points make.

    chosen = choose(categories, labelled, "bird")       # records of the file; labelled: how many annotations of each id
    scheme, notes = scheme_of(chosen[0])

Notes are lines about what is read otherwise than the file says.
"""

import collections

from bnn_landmarks import sides
from bnn_landmarks.schemes import SCHEMES, Scheme


def point_names(category) -> tuple[str, ...]:
    """The names of a category's points, () where it has none. They are its `keypoints`, or `keypoint`, as the
    widespread `Labelme2coco_keypoints` scripts write.

    Raises:
        ValueError: what it holds are not different names.
    """
    names = category.get("keypoints") or category.get("keypoint") or []
    if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
        raise ValueError(f"category {title(category)}: 'keypoints' is not a list of names")
    twice = [name for name, count in collections.Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"category {title(category)} has two points of the name {shown(twice[0])}")
    return tuple(names)


def title(category) -> str:
    """A category's name for messages."""
    return shown(category.get("name", "without a name"))


def shown(value) -> str:
    """A value of a file for one line of a message."""
    text = value if isinstance(value, str) else repr(value)
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return text if len(text) <= 60 else f"{text[:57]}..."


def choose(categories, labelled, wanted=None) -> list[dict]:
    """The categories that are read: those that name the same points, in the same order (AP-10K's species, say).

    Args:
        categories: the file's records. labelled: {category's id: how many of its annotations have labelled points}.
        wanted: the name of one; None where only one set of points has labelled annotations.

    Raises:
        ValueError: none has points, there is none of that name, or it has to be said which; the message names them.
    """
    with_points = [category for category in categories if point_names(category)]
    if not with_points:
        there = ", ".join(title(category) for category in categories[:8]) or "none"
        raise ValueError(f"no category has 'keypoints' (categories: {there}): export it as COCO keypoints")
    if wanted is not None:
        named = [c for c in with_points if str(c.get("name")).lower() == wanted.lower()]
        exact = [c for c in named if str(c.get("name")) == wanted]
        chosen = exact or named
        if not chosen:
            there = ", ".join(title(category) for category in with_points)
            raise ValueError(f"no category {shown(wanted)} with keypoints; there are {there}")
    else:
        chosen = [c for c in with_points if labelled.get(c.get("id"))] or with_points
    if len({point_names(category) for category in chosen}) > 1:
        there = "; ".join(
            f"{title(c)} ({len(point_names(c))} points, {labelled.get(c.get('id'), 0)} annotations)"
            for c in chosen
        )
        raise ValueError(f"several categories have landmarks: {there}. Choose one with --category NAME")
    return chosen


def scheme_of(category) -> tuple[Scheme, list[str]]:
    """The scheme of a category, and what there is to say about it.

    Names of a known scheme, in its order, give that scheme. Others make one of their own: mirror pairs from the names
    (`sides`), or as `mirror_pairs` lists them by name; lines from `skeleton`, which counts from 1, or from 0 where a 0
    is in it.

    Raises:
        ValueError: the names are none, or `mirror_pairs` does not list pairs of them.
    """
    names = point_names(category)
    notes: list[str] = []
    if not names:
        raise ValueError(f"category {title(category)} has no 'keypoints'")
    given = category.get("mirror_pairs")
    known = next(
        (scheme for scheme in SCHEMES.values() if scheme.names == names and not scheme.classes), None
    )
    if known and given is None:
        return known, notes
    if given is not None:
        pairs = _given_pairs(given, names, title(category))
    else:
        pairs, alone = sides.pairs(names), sides.unpaired(names)
        if alone:
            pairs = ()
            notes.append(
                f"{', '.join(shown(name) for name in alone)} has no partner on the other side: nothing is mirrored. "
                f'Name it alike on both sides, or list the pairs in its category: "mirror_pairs": [["a", "b"], ...]'
            )
        elif not pairs:
            notes.append("no name says left or right: nothing is mirrored")
    edges = _edges(category, len(names), notes)
    name = category.get("name")
    name = name if isinstance(name, str) and name else "landmarks"
    return Scheme(f"own {name}" if name in SCHEMES else name, names, pairs, edges), notes


def _given_pairs(given, names, where):
    flat = [name for pair in given for name in pair] if _is_pairs(given) else [None]
    if len(set(map(str, flat))) != len(flat) or not all(name in names for name in flat):
        raise ValueError(
            f"category {where}: 'mirror_pairs' is a list of pairs of its points' names, each name once"
        )
    return tuple(tuple(sorted((names.index(a), names.index(b)))) for a, b in given)


def _is_pairs(given):
    return isinstance(given, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in given)


def _edges(category, count, notes):
    given = category.get("skeleton")
    if given is None:
        return ()
    numbers = given if _is_pairs(given) else []
    numbers = [pair for pair in numbers if all(type(n) is int for n in pair)]
    first = 0 if any(0 in pair for pair in numbers) else 1
    edges = [(a - first, b - first) for a, b in numbers]
    edges = [edge for edge in edges if all(0 <= n < count for n in edge) and edge[0] != edge[1]]
    if first == 0 and numbers:
        notes.append("the skeleton counts from 0 (COCO's counts from 1), and is read so")
    dropped = (len(given) if isinstance(given, list) else 1) - len(edges)
    if dropped:
        notes.append(
            f"{dropped} of the skeleton's lines are left out: they are not between two of {count} points"
        )
    return tuple(edges)
