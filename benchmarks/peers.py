"""Ours beside what people use now, on the same images, by the same metrics: docs/comparison.md and its picture.

    python benchmarks/peers.py setup PEERS                      # once: the peers, from public packages
    python benchmarks/peers.py measure PEERS --data DATA        # what they find; an hour on one core
    python benchmarks/peers.py time PEERS                       # a minute, best on a machine that does nothing else
    python benchmarks/peers.py                                  # the page and the picture, from the records

`measure` and `time` keep what they find in zoo/peers.json; ours with the box given is read from the zoo's cards.
`measure --only pose --only FaceMesh` measures some anew: ours need it when their weights or the detector change.
"""

import argparse
import dataclasses
import json
import pathlib
import subprocess
import sys

from bnn_landmarks import files, zoo
from bnn_landmarks.evaluation import cards, metrics, peers
from bnn_landmarks.evaluation.steadiness import DISTURBANCES

ROOT = pathlib.Path(__file__).parents[1]
PAGE = ROOT / "docs" / "comparison.md"
PICTURE = "accuracy_over_time.png"


@dataclasses.dataclass(frozen=True)
class Task:
    """title: in words. scheme: of the networks of ours that compete. data, split, metric, group: of the records.
    more: whether more is better. aim: percent. paper: the paper's figure for the task, on the data it used."""

    title: str
    scheme: str
    data: str
    split: str
    metric: str
    group: str
    more: bool
    aim: float
    paper: str = ""


TASKS = (
    Task("Body pose, MPII", "mpii16", "mpii", "val", "PCKh@0.5", "limbs", True, 70),
    Task("Body pose, Leeds Sports", "mpii16", "lspet", "val", "PCK@0.2 torso", "limbs", True, 56),
    Task("68 points, HELEN", "ibug68", "helen_afw", "val", "NME", "all images", False, 2.9),
    Task(
        "68 points, AFLW2000-3D",
        "ibug68",
        "aflw2000",
        "val_68",
        "NME",
        "mean of bins",
        False,
        4.4,
        "3.26, binary, trained on 300W-LP, on all of AFLW2000-3D",
    ),
    Task(
        "21 points, the visible ones, AFLW2000-3D",
        "aflw21",
        "aflw2000",
        "val_21",
        "NME",
        "mean of bins",
        False,
        3.6,
        "2.85, binary, on AFLW",
    ),
    Task(
        "Seven facial parts, HELEN",
        "parts7",
        "helen_afw",
        "val",
        "parts",
        "mean IU",
        True,
        67,
        "68.05, binary, on the 300-W competition set",
    ),
)
DRAWN = TASKS[0], TASKS[2]
HEADER = (
    "network",
    "bytes",
    "ms",
    "box given",
    "box given, twice",
    "no box",
    "moves by, %",
    "beside the best of ours",
)
BINS = tuple(f"[{low},{high}]" for low, high in metrics.YAW_BINS)


@dataclasses.dataclass
class Line:
    """One network on one task. bytes: of its file. ours: whether it is. ways: {how it was used: record}."""

    name: str
    bytes: int
    ours: bool
    ways: dict


def lines(task, records, measured):
    """The `Line`s of a task, best first.

    records: evaluation records of ours, dicts. measured: `peers.read`'s.

    Raises:
        ValueError: there are two records of a network, by different engines.
    """

    def fits(record):
        return (record["data"], record["split"]) == (task.data, task.split) and record["metrics"].get(
            task.metric, {}
        ).get(task.group, {}).get("value") is not None

    found = {}
    for record in filter(fits, records):
        if record["spec"]["scheme"] == task.scheme and record.get("ran") and not record["flip"]:
            if record["model"] in found:
                raise ValueError(f"two records of {record['model']} on {task.data} {task.split}: remove one")
            found[record["model"]] = Line(
                record["model"], record["ran"]["bytes"], True, {peers.GIVEN: record}
            )
    for record in filter(fits, measured["records"]):
        ours = "bytes" not in record
        if ours and record["name"] not in found:
            continue
        line = found.setdefault(record["name"], Line(record["name"], record.get("bytes"), False, {}))
        line.ways[record["way"]] = record
    there = [line for line in found.values() if peers.GIVEN in line.ways]
    return sorted(there, key=lambda line: score(task, line)["value"], reverse=task.more)


def score(task, line, way=peers.GIVEN):
    """{"value", "low", "high", ...} of a line, or None."""
    record = line.ways.get(way)
    return record and record["metrics"][task.metric][task.group]


def side(task, line, best):
    """What the best of ours, the box given, is beside a peer at its best, in words: where the whole 95 % interval
    lies."""
    found, others = score(task, best), [score(task, line, way)["value"] for way in line.ways]
    if task.more:
        better, worse = found["low"] >= max(others), found["high"] < max(others)
    else:
        better, worse = found["high"] <= min(others), found["low"] > min(others)
    return "ours is better" if better else "**ours is worse**" if worse else "level"


def cells(task, line, best, times):
    """The cells of a line, as `HEADER`."""
    milliseconds = (times or {}).get("milliseconds", {}).get(line.name)
    whole = [way for way in ("whole", "whole, twice") if way in line.ways]
    whole.sort(key=lambda way: score(task, line, way)["value"], reverse=task.more)
    return (
        f"**{line.name}**" if line.ours else line.name,
        f"{line.bytes / 1e6:.2f} MB",
        f"{milliseconds['median']:.1f}" if milliseconds else "-",
        _interval(task, line, peers.GIVEN),
        _value(task, line, "box, twice"),
        _value(task, line, whole[0]) + _misses(line, whole[0]) if whole else "-",
        _movement(line.ways[peers.GIVEN]),
        "" if line.ours or best is None else side(task, line, best),
    )


def _interval(task, line, way):
    found = score(task, line, way)
    return f"{_value(task, line, way)} ({found['low']:.2f} to {found['high']:.2f})"


def _value(task, line, way):
    """A score; a mean of bins with the bins."""
    if way not in line.ways:
        return "-"
    groups = line.ways[way]["metrics"][task.metric]
    bins = [f"{groups[bin]['value']:.2f}" for bin in BINS if bin in groups]
    shown = f" [{' / '.join(bins)}]" if task.group == "mean of bins" and bins else ""
    return f"{groups[task.group]['value']:.2f}{shown}"


def _misses(line, way):
    missed = line.ways[way]["missed"]
    return f", {missed} not found" if missed else ""


def _movement(record):
    found = (record.get("steadiness") or {}).get("movement", {})
    each = [found[name] for name in DISTURBANCES if name in found]
    if not each:
        return "-"
    kinds = ("rms", "p95") if "rms" in each[0] else ("changed",)
    first, *others = (" / ".join(f"{m[kind]:.2f}" for m in each) for kind in kinds)
    return first + "".join(f" ({other})" for other in others)


def section(task, records, measured):
    """A task's heading, table and what is below it, Markdown."""
    found = lines(task, records, measured)
    best = next((line for line in found if line.ours), None)
    count = best.ways[peers.GIVEN]["images"] if best else 0
    images = f", {count} images" if count else ""
    rows = [cells(task, line, best, measured["times"]) for line in found]
    below = f"Aim: {task.aim:g}." + (f" The paper's: {task.paper}." if task.paper else "")
    return "\n\n".join(
        [
            f"## {task.title}",
            f"{task.data} {task.split}{images}: {task.metric}, {task.group}; "
            f"{'more' if task.more else 'less'} is better.",
            cards.table(HEADER, rows) if rows else "Not measured yet.",
            below,
        ]
    )


def render(records, measured):
    """The page, Markdown. records: evaluation records of ours, dicts. measured: `peers.read`'s."""
    dates = sorted(record["date"] for record in (*records, *measured["records"]))
    when = f"Accuracy was measured from {dates[0]} to {dates[-1]}." if dates else "Nothing is measured yet."
    times = measured["times"]
    clock = (
        f"{times['date']} on {times['machine']}, median of {times['rounds']} rounds in which every network had one turn"
        if times
        else "not measured yet"
    )
    packages = sorted({(r["package"], r["name"]) for r in measured["records"] if "bytes" in r})
    sources = "\n".join(
        f"- {package}: {', '.join(name for p, name in packages if p == package)}."
        for package in dict(packages)
    )
    squares = sorted(
        {
            (r["data"], r["name"], r["factor"])
            for r in measured["records"]
            if r["way"] == peers.GIVEN and r.get("factor")
        }
    )
    chosen = "; ".join(f"{name} on {data} {factor:g}" for data, name, factor in squares)
    sections = "\n\n".join(section(task, records, measured) for task in TASKS)
    picture = f"![accuracy over time on one thread]({PICTURE})\n\n" if times else ""
    return f"""# Ours beside what people use now

{picture}The same images, the same metrics (`bnn_landmarks/evaluation`), the same boxes; what is not found counts as
wrong, in NME as 100 %. **Ours** are in bold. In brackets the 95 % bootstrap interval over the images. The last column
says on which side of a peer's best score, however it was used, the interval of our best network lies, the box given.

{sections}

## How

PCKh and PCK: percent of the 12 shoulders, elbows, wrists, hips, knees and ankles; PCK's normaliser is the torso's
diagonal, for ours and for peers. NME: percent of the side of the annotated box; in square brackets the faces turned by
up to 30, 60 and 90 degrees. Mean IU: the masks are drawn from the annotated 68 points.

- **bytes**: of the file that is shipped; MoveNet's of its TF.js weights. **ms**: processor time of one image on one
  thread, the network alone: {clock}. Peers run in LiteRT with XNNPACK, ours in the project's runtime.
- **box given**: every network gets a square around the middle of the annotated box, black outside the image. Ours as
  the cards say. A peer's side is the multiple of the box's longer side at which its family does best on 100 images of
  the training split: {chosen or "not measured yet"}.
- **box given, twice**: a peer's second look, in the square that it makes of its first answer by its own rule:
  MediaPipe's around hips or face, turned upright; MoveNet's around the hips. It takes twice the time.
- **no box**: BlazePose and FaceMesh as MediaPipe's whole program, with its own detectors, on a single picture; MoveNet
  the whole picture, once or twice, whichever is better; ours with the project's own detector, the largest of whom
  it finds; where it is sure of nobody, the surest in its best guesses and the whole picture, if sure enough.
- **moves by**: root mean square of the landmarks' movement, in brackets the 95th percentile, percent of the box's
  longer side, under noise of 1 and of 3 grey levels on the crop and under its shift by half a pixel
  (`evaluation/steadiness.py`); of parts the percent of pixels that change their class.
- 68 of FaceMesh's 468 points, and BlazePose's landmarks refined by its heatmaps, as MediaPipe does.

What ours learned from is on the [cards](../zoo/cards): those that learned from other images of AFLW2000-3D, a test set
by custom, do not belong in one column with papers that trained on 300W-LP.

Peers:

{sources or "- not measured yet."}

{when} Written by `python benchmarks/peers.py` from `zoo/cards/*.json` and `zoo/peers.json`; how those are made, its
first lines say.
"""


def draw(records, measured, path):
    """The picture: accuracy over time on one thread, for bodies and faces; networks without a time are left out.

    Raises:
        ValueError: nothing was timed.
    """
    if not measured["times"]:
        raise ValueError("nothing was timed yet: python benchmarks/peers.py time PEERS")
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker

    figure, all_axes = pyplot.subplots(1, len(DRAWN), figsize=(11, 4.6), layout="constrained")
    for axes, task in zip(all_axes, DRAWN, strict=True):
        for line in lines(task, records, measured):
            milliseconds = measured["times"]["milliseconds"].get(line.name)
            if milliseconds is None:
                continue
            place = milliseconds["median"], score(task, line)["value"]
            colour = "tab:red" if line.ours else "tab:grey"
            axes.scatter(*place, s=24 * line.bytes / 1e6, color=colour, alpha=0.6, linewidths=0)
            away = 4 + (24 * line.bytes / 1e6) ** 0.5 / 2
            axes.annotate(
                f"{line.name}\n{line.bytes / 1e6:.1f} MB",
                place,
                xytext=(0, away if line.ours else -away),
                textcoords="offset points",
                ha="center",
                va="bottom" if line.ours else "top",
                fontsize=8,
                color="tab:red" if line.ours else "black",
            )
        axes.set_xscale("log")
        axes.margins(0.18)
        for axis in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
            axis(ticker.FuncFormatter(lambda x, _: f"{x:g}" if f"{x:g}"[0] in "125" else ""))
        if not task.more:
            axes.invert_yaxis()
        axes.set(
            title=f"{task.title} ({task.split})",
            xlabel="milliseconds an image, one thread",
            ylabel=f"{task.metric}, {task.group}, %" + ("" if task.more else " (less is better)"),
        )
        axes.grid(alpha=0.3, which="both")
    with files.atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=110)
    pyplot.close(figure)


def page(arguments):
    paths = sorted(arguments.records.glob("*.json"))
    records, measured = [json.loads(path.read_text()) for path in paths], peers.read(arguments.measured)
    text = render(records, measured)
    if measured["times"]:
        draw(records, measured, arguments.output.parent / PICTURE)
    with files.atomic_write(arguments.output, "w") as file:
        file.write(text)
    print(text)


def setup(arguments):
    import peer_setup

    peer_setup.setup(arguments.directory)
    print(f"peers are in {arguments.directory}")


def measure(arguments):
    import peer_measure

    peer_measure.measure(arguments.directory, arguments.data, arguments.measured, arguments.only)


def clock(arguments):
    import peer_measure

    peer_measure.time_all(arguments.directory, arguments.measured, arguments.rounds)


def parse(words):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--measured", type=pathlib.Path, default=peers.FILE, help="the file of what was measured"
    )
    parser.add_argument("--records", type=pathlib.Path, default=zoo.CARDS, help="our evaluation records")
    parser.add_argument("--output", type=pathlib.Path, default=PAGE, help="the page; the picture beside it")
    parser.set_defaults(do=page)
    commands = parser.add_subparsers(title="commands")
    for do, name in ((setup, "setup"), (measure, "measure"), (clock, "time")):
        command = commands.add_parser(name)
        command.add_argument("directory", type=pathlib.Path, metavar="PEERS")
        command.set_defaults(do=do)
        if do is measure:
            command.add_argument("--data", required=True, help="the folder of the data sets")
            command.add_argument("--only", action="append", default=[], help="a network; may be given again")
        if do is clock:
            command.add_argument("--rounds", type=int, default=200)
    return parser.parse_args(words)


def main():
    arguments = parse(sys.argv[1:])
    try:
        arguments.do(arguments)
    except (ImportError, OSError, ValueError, subprocess.CalledProcessError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
