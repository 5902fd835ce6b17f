"""The rows of the paper's tables with what our networks count and score: `bnn-landmarks tables`."""

import functools
import json
import pathlib

from bnn_landmarks import files, paper, zoo
from bnn_landmarks.evaluation import cards
from bnn_landmarks.network.counting import count

ROOT = pathlib.Path(__file__).parents[2]
INPUT = 256

HEADER = ("row", "parameters", "paper", "size", "binary MACs", "real MACs", "score, paper", "score, ours")


@functools.cache
def _counted(outputs, block, channels, stacks, options):
    import tensorflow as tf

    from bnn_landmarks.network.hourglass import hourglass_network
    from bnn_landmarks.spec import Options

    found = count(hourglass_network(INPUT, outputs, block, channels, stacks, Options(**dict(options))))
    tf.keras.backend.clear_session()
    return found


def counted(row):
    """`Count` of a row's network, built at 256x256."""
    return _counted(row.outputs, row.block, row.channels, row.stacks, tuple(sorted(row.options.items())))


def measured(records=None):
    """What was measured here, {recipe name: [text]}: from evaluation records (the zoo's cards and `records`, a
    directory) and from docs/ablation.json, where they are."""
    found = {}
    folders = [zoo.CARDS, *([records] if records else [])]
    for path in sorted(path for folder in folders for path in pathlib.Path(folder).glob("*.json")):
        record = files.read_json(path)
        try:
            text = _score(record)
            if text:
                found.setdefault(record["model"], []).append(text)
        except (KeyError, TypeError, AttributeError, ValueError):
            raise ValueError(f"{path} is no evaluation record, as `evaluate` writes them") from None
    ablation = ROOT / "docs" / "ablation.json"
    if ablation.is_file():
        record = json.loads(ablation.read_bytes())
        for row in record["rows"]:
            if row["recipe"]:
                score = next(iter(row["scores"].values()))
                found.setdefault(row["recipe"], []).append(f"{score['value']:.2f} (docs/ablation.md)")
    return found


def _score(record):
    """A record's score as the tables have it, as a text; None where it has none."""
    group, metric = ("mean IU", "parts") if "parts" in record["metrics"] else ("mean", "PCKh@0.5")
    score = record["metrics"].get(metric, {}).get(group)
    if not score or score["value"] is None:
        return None
    return f"{score['value']:.2f} ({record['data']} {record['split']}, {record['spec']['input_size']} px)"


def render(numbers=(), records=None):
    """The tables as Markdown.

    numbers: tables to print; all if empty. records: directory of evaluation records.

    Raises:
        ValueError: there is no such table.
    """
    known = sorted({row.table for row in paper.ROWS})
    if odd := sorted(set(numbers) - set(known)):
        raise ValueError(f"no table {odd[0]}; the tables are {', '.join(map(str, known))}")
    ours = measured(records)
    blocks = []
    for number in numbers or known:
        lines = []
        for row in (row for row in paper.ROWS if row.table == number):
            cost = counted(row)
            lines.append(
                (
                    row.label,
                    f"{cost.parameters / 1e6:.2f} M",
                    row.parameters,
                    f"{cost.bytes / 1e6:.2f} MB",
                    f"{cost.binary_macs / 1e9:.2f} G",
                    f"{cost.real_macs / 1e9:.2f} G",
                    _scores(row.score),
                    "; ".join(ours.get(row.recipe, ["-"])),
                )
            )
        blocks.append(f"Table {number}\n\n{cards.table(HEADER, lines)}")
    notes = (
        f"Parameters, size (one bit per binary weight, 32 bits per other number) and multiply-accumulates are counted "
        f"from the network built at {INPUT}x{INPUT}. The paper's scores: PCKh@0.5 on MPII's validation people; "
        "table 15: pixel accuracy, mean class accuracy, mean IU on the 300-W competition set. Ours say on what they "
        "were measured: a small split or budget is not comparable with the paper's. Those of docs/ablation.md vary the "
        "released network, not the paper's, by what the row varies."
    )
    return "\n\n".join([*blocks, notes])


def _scores(score):
    if "mean" in score:
        rest = {part: value for part, value in score.items() if part != "mean"}
        detail = " (" + ", ".join(f"{part} {value}" for part, value in rest.items()) + ")" if rest else ""
        return f"{score['mean']}{detail}"
    return " / ".join(str(value) for value in score.values())
