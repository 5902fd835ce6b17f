"""Ours beside what people use now, on the same images: docs/comparison.md, from the evaluation records of the zoo.

    python benchmarks/peers.py

A row is a measure on a split, the peer's figure (`paper.COMPARED`), every entry's record of it in zoo/cards, measured
from the exported file, and what is aimed at.
"""

import argparse
import dataclasses
import json
import pathlib

from bnn_landmarks import files, paper, zoo
from bnn_landmarks.evaluation import cards, metrics

ROOT = pathlib.Path(__file__).parents[1]


@dataclasses.dataclass(frozen=True)
class Row:
    """task: in words. scheme: of the networks that compete. data, split, metric, group: of their records.
    aim: percent. more: whether more is better. paper: the paper's figure for the task, on the data it used."""

    task: str
    scheme: str
    data: str
    split: str
    metric: str
    group: str
    aim: float
    more: bool
    paper: str = "-"


ROWS = (
    Row("pose", "mpii16", "mpii", "val", "PCKh@0.5", "limbs", 70, True),
    Row("pose", "mpii16", "lspet", "val", "PCK@0.2 torso", "limbs", 60, True),
    Row("68 points", "ibug68", "aflw2000", "val_68", "NME", "mean of bins", 3.8, False, "3.26"),
    Row("68 points", "ibug68", "helen_afw", "val", "NME", "all images", 2.4, False),
    Row(
        "21 points, the visible ones",
        "aflw21",
        "aflw2000",
        "val_21",
        "NME",
        "mean of bins",
        3.5,
        False,
        "2.85",
    ),
    Row("7 facial parts", "parts7", "helen_afw", "val", "parts", "mean IU", 68, True, "68.05"),
)
HEADER = (
    "task",
    "split",
    "measure",
    "peer",
    "its file",
    "its score",
    "ours",
    "our file",
    "our score",
    "aim",
    "paper",
)
BINS = tuple(f"[{low},{high}]" for low, high in metrics.YAW_BINS)
NOT_YET = "not measured yet"


def peer(row):
    """The `paper.Figure` of another program on the same images, or None."""
    figures = paper.compared(row.data, row.split, [row.metric])
    return next((f for f in figures if not f.where and row.group in f.values), None)


def ours(row, records):
    """The records (dicts) of networks of the row's scheme, run from an exported file, that hold its measure; best
    first."""
    found = [
        record
        for record in records
        if (record["data"], record["split"], record["spec"]["scheme"]) == (row.data, row.split, row.scheme)
        and record.get("ran")
        and record["metrics"].get(row.metric, {}).get(row.group, {}).get("value") is not None
    ]
    return sorted(found, key=lambda r: r["metrics"][row.metric][row.group]["value"], reverse=row.more)


def lines(row, records):
    """The cells of a row: one line a record, or one that says that there is none."""
    figure = peer(row)
    theirs = (figure.method, figure.size, _values(figure.values, row.group)) if figure else ("-", "-", "-")
    first = (row.task, f"{row.data} {row.split}", f"{row.metric}, {row.group}", *theirs)
    last = (f"{row.aim:g}", row.paper)
    for record in ours(row, records) or [None]:
        if record is None:
            yield (*first, "-", "-", NOT_YET, *last)
            continue
        name = record["model"] + (", mirrored crop added" if record["flip"] else "")
        groups = record["metrics"][row.metric]
        score = groups[row.group]
        interval = f"{score['low']:.2f} to {score['high']:.2f}"
        values = {group: found["value"] for group, found in groups.items()}
        yield (
            *first,
            f"{name} ({record['images']} images)",
            f"{record['ran']['bytes'] / 1e6:.2f} MB",
            f"**{_values(values, row.group)}** ({interval}), {verdict(row, score, figure)}",
            *last,
        )


def _values(values, group):
    """A score; a mean of bins with the bins."""
    bins = [f"{values[bin]:.2f}" for bin in BINS if bin in values]
    return f"{values[group]:.2f}" + (f" [{' / '.join(bins)}]" if group == "mean of bins" and bins else "")


def verdict(row, score, figure):
    """Which side of the peer and of the aim an interval of ours lies on, in words."""
    said = []
    for name, other in (("peer", figure and figure.values[row.group]), ("aim", row.aim)):
        if other is None:
            continue
        worse, better = (score["high"] < other, score["low"] >= other)
        if not row.more:
            worse, better = score["low"] > other, score["high"] <= other
        said.append(f"{'better than' if better else 'worse than' if worse else 'level with'} the {name}")
    return ", ".join(said)


def render(records):
    """The page, in Markdown, of a list of evaluation records."""
    table = cards.table(HEADER, [line for row in ROWS for line in lines(row, records)])
    dates = sorted(
        {f"{r['date']}, commit {r['commit'] or 'unknown'}" for row in ROWS for r in ours(row, records)}
    )
    measured = f"Ours were measured {'; '.join(dates)}." if dates else "None of ours has been measured yet."
    return f"""# Ours beside what people use now

{table}

PCKh and PCK: percent of the 12 shoulders, elbows, wrists, hips, knees and ankles found, more is better. NME: percent
of the side of the annotated box, less is better; in square brackets the faces turned by up to 30, 60 and 90 degrees.
Mean IU: percent, more is better; the masks are drawn from the annotated 68 points.

Ours: from the exported `.tflite` through an interpreter of its binary operators, the box given, with the 95 %
bootstrap interval over the images; better or worse where the whole interval is, else level. Misses count as wrong.
{measured} The [cards](../zoo/cards) have all figures, the commands, and what the networks learned from: those that
learned from other images of AFLW2000-3D, a test set by custom, do not belong in one column with papers that trained on
300W-LP.

Peers: MediaPipe's models, measured on the same images, misses counted as wrong; the figures were given with this
project's aims by its owner and have not been measured anew here. The paper's are of its own, larger data: AFLW2000-3D
whole (68 points), AFLW (21), the 300-W competition set (parts).

Written by `python benchmarks/peers.py` from `zoo/cards/*.json`.
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--records", type=pathlib.Path, default=zoo.CARDS, help="directory of evaluation records"
    )
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "docs" / "comparison.md")
    arguments = parser.parse_args()
    page = render([json.loads(path.read_text()) for path in sorted(arguments.records.glob("*.json"))])
    with files.atomic_write(arguments.output, "w") as file:
        file.write(page)
    print(page)


if __name__ == "__main__":
    main()
