"""Boxes from a file: COCO's results or annotations (.json), or a table (.csv).

boxes = read("boxes.json")
boxes.of("photo.jpg")                        # boxes float64 [N, 4], scores float64 [N] or None
"""

import collections
import csv
import dataclasses
import functools
import io
import itertools
import pathlib

import numpy as np

from bnn_landmarks.datasets.coco_categories import shown
from bnn_landmarks.files import name_as_text, read_json
from bnn_landmarks.geometry import crops

COLUMNS = ("file", "x", "y", "width", "height")


@dataclasses.dataclass(frozen=True)
class BoxFile:
    """name: the file's. found: {an image's file name without folders, its stem, or its number: {its folders as they are
    written: [(box, score)]}}."""

    name: str
    found: dict

    def of(self, image):
        """The boxes float64 [N, 4] of an image, a path, and their scores float64 [N], the best first; None where the
        file tells no scores. Of several of its name they are those of the one in most of the same folders, from the
        last; what the file names without folders may lie anywhere.

        Raises:
            ValueError: the file has none for it, or does not tell which image of this name it is.
        """
        path = pathlib.Path(name_as_text(image))
        keys = [path.name, path.stem, *([str(int(path.stem))] if path.stem.isdecimal() else [])]
        named = next((self.found[key] for key in keys if key in self.found), None)
        if named is None:
            raise ValueError(f"{self.name} has no box for {path.name}")
        rows = self._of_its_folder(path, named)
        boxes, scores = np.array([box for box, _ in rows]), [score for _, score in rows]
        if None in scores:
            return boxes, None
        order = np.argsort(-np.array(scores), kind="stable")
        return boxes[order], np.array(scores)[order]

    def _of_its_folder(self, path, named):
        anywhere, there = named.get((), []), path.absolute().parent.parts
        agreeing = {folders: _agreeing(folders, there) for folders in named if folders}
        best = [folders for folders in agreeing if agreeing[folders] == max(agreeing.values())]
        if len(best) == 1 and (agreeing[best[0]][0] or not self._folders_tell):
            return anywhere + named[best[0]]
        if anywhere:
            return anywhere
        known = ", ".join(shown("/".join(folders)) for folders in list(agreeing)[:3])
        raise ValueError(
            f"{self.name} has boxes for {path.name} in {known}, and it is not clear which is {path}"
        )

    @functools.cached_property
    def _folders_tell(self):
        """Whether some images differ in their folders alone."""
        return any(len(named.keys() - {()}) > 1 for named in self.found.values())


def _agreeing(folders, there):
    """How many of the last folders are the same, and whether all that are written are."""
    pairs = zip(reversed(folders), reversed(there), strict=False)
    same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    return same, same == len(folders)


def read(path, category=None):
    """The boxes of a file.

    COCO's results are a list of {"image_id", "bbox", "score"}, its annotations a record of "images" and "annotations".
    A table has the columns `COLUMNS`, and "score" if it likes. Scores are from 0 to 1.

    Args:
        category: the name of the category to take, its number in COCO's results; None where the file has only one.

    Raises:
        FileNotFoundError: no such file. ValueError: it is neither, or a box is none, the entry or the line is named; it
            has no such category, or several and it is not said which.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file of boxes at {path}")
    is_table = path.suffix.lower() == ".csv"
    if is_table and category is not None:
        raise ValueError(f"{path} is a table, which has no categories to choose {shown(category)} of")
    found = {}
    for place, image, box, score in _table(path) if is_table else _coco(path, category):
        image = pathlib.PurePath(image)
        named = found.setdefault(image.name, {})
        try:
            named.setdefault(image.parent.parts, []).append((crops.check_box(box), _score(score)))
        except ValueError as error:
            raise ValueError(f"{path}, {place}: {error}") from None
    if not found:
        raise ValueError(f"{path} holds no box")
    return BoxFile(path.name, found)


def _score(score):
    if score is None or (_is_number(score) and 0 <= score <= 1):
        return score
    raise ValueError(f"a score is a number from 0 to 1, not {shown(score)}")


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def _table(path):
    """(place, image's name, box, score) of each row."""
    try:
        rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""))
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not text in UTF-8: save it in that encoding") from None
    try:
        _check_columns(path, rows.fieldnames or [])
        for row in rows:
            place = f"line {rows.line_num}"
            if None in row:
                raise ValueError(f"{path}, {place} has more fields than the first line names")
            if not row["file"]:
                raise ValueError(f"{path}, {place} names no file")
            box = [_number(path, place, row, column) for column in COLUMNS[1:]]
            score = _number(path, place, row, "score") if row.get("score") else None
            yield place, row["file"], box, score
    except csv.Error as error:
        raise ValueError(f"{path}, line {rows.line_num + 1} is no row of a table: {error}") from None


def _check_columns(path, names):
    missing = [column for column in COLUMNS if column not in names]
    if missing:
        other = next((mark for mark in ";\t" if mark in "".join(names)), None)
        what = {";": ";", "\t": "tabs"}.get(other)
        hint = f" (this one is separated by {what})" if other else ""
        raise ValueError(
            f"{path} has no column {missing[0]}: its first line names {', '.join(COLUMNS)}, separated by commas{hint}"
        )


def _number(path, place, row, column):
    try:
        return float(row[column])
    except (TypeError, ValueError):
        told = "missing" if row[column] in (None, "") else f"{shown(row[column])!r}, which is no number"
        raise ValueError(f"{path}, {place}: {column} is {told}") from None


def _coco(path, wanted):
    """(place, image's name or number, box, score) of each entry of COCO's results or annotations, of one category."""
    record, names, titles, what = read_json(path), {}, {}, "entry"
    if isinstance(record, dict) and {"images", "annotations"} <= record.keys():
        for number, image in enumerate(_list(path, record["images"], "images"), 1):
            place = f"image {number}"
            name = _field(path, place, image, "file_name", str)
            names[_field(path, place, image, "id", int | str)] = name
        for number, category in enumerate(_list(path, record.get("categories", []), "categories"), 1):
            place = f"category {number}"
            titles[str(_field(path, place, category, "id", int | str))] = _field(
                path, place, category, "name", str
            )
        record, what = record["annotations"], "annotation"
    entries = _list(path, record, "boxes")
    taken = _taken(path, entries, titles, wanted)
    for number, each in enumerate(entries, 1):
        place = f"{what} {number}"
        image = _field(path, place, each, "image_id", int | str)
        if taken is None or _category(each) in taken:
            yield place, str(names.get(image, image)), _box(path, place, each), each.get("score")


def _taken(path, entries, titles, wanted):
    """The numbers, as text, of the category whose boxes are taken; None for all."""
    counts = collections.Counter(_category(each) for each in entries if isinstance(each, dict))
    del counts[None]
    known = {key: titles.get(key, key) for key in counts}
    listed = ", ".join(f"{shown(known[key])} ({count})" for key, count in counts.most_common(8)) or "none"
    if wanted is not None:
        taken = {key for key, title in known.items() if title.lower() == wanted.lower()}
        if not taken:
            raise ValueError(f"{path} has no boxes of the category {shown(wanted)}; there are {listed}")
        return taken
    if len(set(known.values())) > 1:
        raise ValueError(f"{path} has boxes of several categories: {listed}. Choose one with --category NAME")
    return None


def _category(entry):
    value = entry.get("category_id")
    return None if value is None else str(value)


def _list(path, record, what):
    if not isinstance(record, list):
        raise ValueError(
            f"{path} is no file of boxes, which is COCO's results or annotations, or a .csv with the columns "
            f"{', '.join(COLUMNS)}: it has no list of {what}"
        )
    return record


def _field(path, place, entry, key, kind):
    value = entry.get(key) if isinstance(entry, dict) else None
    if value is None:
        raise ValueError(f"{path}, {place} has no {key}")
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"{path}, {place}: {key} is {shown(value)}, which can't be")
    return value


def _box(path, place, entry):
    box = _field(path, place, entry, "bbox", list)
    if len(box) != 4 or not all(_is_number(side) and abs(side) < 1e300 for side in box):
        raise ValueError(f"{path}, {place}: bbox is {shown(box)}, not four numbers x, y, width, height")
    return box
