"""ARCHITECTURE.md is the house as it is: its table leads to what it names, and imports run down its floors."""

import ast
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PAGE = (ROOT / "ARCHITECTURE.md").read_text()
ROWS = PAGE.partition("| I want to")[2].partition("\n\n")[0].splitlines()[2:]
FLOORS = [
    line.split(", ") for line in re.search(r"tests/test_house.py.*?```\n(.*?)```", PAGE, re.S)[1].splitlines()
]
# Of the package's lazy names, the room each is in.
LAZY = {"zoo": "zoo", "detect": "inference", "video": "inference", "Localizer": "inference"}
LAZY |= dict.fromkeys(("crops", "heatmaps", "images", "draw"), "geometry")


@pytest.mark.parametrize("row", ROWS, ids=[row.split("|")[1].strip()[:40] for row in ROWS])
def test_a_row_leads_to_what_it_names(row):
    quoted = re.findall(r"`([^`]+)`", row.split("|")[2])
    assert "/" in quoted[0]
    for text in quoted:
        if "/" in text:
            source = (ROOT / text).read_text()
        else:
            assert re.search(rf"(def |class |void |bool |Scale |\b){text}\b", source), text


def test_there_are_ten_rows():
    assert len(ROWS) >= 10


def rooms_of(module):
    """Where a file imports from: a room is a folder of the package, or a module beside them."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "export":
                yield "export"
            elif parts[0] == "bnn_landmarks" and len(parts) > 1:
                yield LAZY.get(parts[1], parts[1])


def test_imports_run_down_the_floors():
    height = {room: -number for number, floor in enumerate(FLOORS) for room in floor}
    folders = {"zoo": ROOT / "zoo", "export": ROOT / "export"}
    wrong = set()
    for room in height:
        folder = folders.get(room, ROOT / "bnn_landmarks" / room)
        for module in [*folder.glob("*.py"), *([] if folder.is_dir() else [folder.with_suffix(".py")])]:
            for other in rooms_of(module):
                if other != room and other in height and height[other] >= height[room]:
                    wrong.add(f"{module.relative_to(ROOT)} imports {other}")
    assert wrong == {"bnn_landmarks/inference/exported.py imports export"}
    here = {path.stem for path in (ROOT / "bnn_landmarks").glob("*.py")}
    here |= {path.parent.name for path in (ROOT / "bnn_landmarks").glob("*/*.py")}
    assert here - set(height) == {"__init__", "cli"}, "a room that stands on no floor"
