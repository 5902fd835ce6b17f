"""Rows of the paper's tables and our own switches on one small fixed budget, side by side: does the order hold?

    python benchmarks/ablation.py --data ../shared/data --output runs/ablation

Of bodies, the binary block rows of table 2 and the L2 row of table 7 and, beyond the paper, the released networks'
settings, the softmax loss, PReLU, shortcuts around each convolution and progressive binarization; of faces, trained on
near-frontal ones, synthetic profile views. All rows of a table have the same samples in the same order, the same size,
optimizer and rate. Writes docs/ablation.json and docs/ablation.md after every row; run again it goes on where it
stopped. The default budget, 24,000 samples at 128x128, is about 15 minutes a row on two CPU cores with AMX and
--precision bfloat16, two to three times that in float32.
"""

import argparse
import dataclasses
import json
import pathlib
import time

import bnn_landmarks  # noqa: F401  selects Keras 2 before TensorFlow is imported
from bnn_landmarks import cards, datasets, evaluation, files, metrics, paper, recipes, weights
from bnn_landmarks.augment import Augmentation
from bnn_landmarks.localizer import Localizer
from bnn_landmarks.recipe import PRECISIONS
from bnn_landmarks.training import train

ROOT = pathlib.Path(__file__).parents[1]
OURS = {"activation": "relu", "scale": "learned"}


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows that share their data and augmentation.

    rows: {label: (recipe whose network, loss, stages and profile views it is, changes)}.
    train, validate: (data set, split) pairs. measures: {heading: (validated pair, metric, group)}, the first of which
    is held beside the paper's figure, named in `paper`.
    """

    rows: dict
    train: tuple
    validate: tuple
    measures: dict
    augmentation: Augmentation
    paper: str | None = None


BODIES = {
    "bottleneck": ("table2_bottleneck", {}),
    "wider": ("table2_wider", {}),
    "multi-scale": ("table2_multi_scale", {}),
    "multi-scale without 1x1": ("table2_multi_scale_no_1x1", {}),
    "hierarchical": ("table2_hierarchical", {}),
    "hierarchical, L2": ("table7_l2", {}),
    "hierarchical, ReLU": ("pose_paper", {}),
    "hierarchical, ReLU, learned scale": (None, {"loss": "sigmoid", "options": OURS}),
    "hierarchical, ReLU, learned scale, softmax": (None, {"loss": "softmax", "options": OURS}),
    "hierarchical, PReLU, learned scale, softmax": ("pose_prelu", {}),
    "hierarchical, ReLU, learned scale, softmax, shortcuts": ("pose_shortcuts", {}),
    "hierarchical, ReLU, learned scale, softmax, progressive": ("pose_progressive", {}),
}
FACES = {
    "faces": ("face_300wlp", {}),
    "faces, profile views": ("face_300wlp_profile", {}),
}

_AFLW2000 = ("aflw2000", "val_68")
TABLES = {
    "bodies": Table(
        BODIES,
        (("lspet", "train"), ("mpii", "train")),
        (("mpii", "val"), ("lspet", "val")),
        {
            "mpii val, PCKh": (("mpii", "val"), "PCKh@0.5", "mean"),
            "mpii val, limbs": (("mpii", "val"), "PCKh@0.5", "limbs"),
            "lspet val, PCK limbs": (("lspet", "val"), "PCK@0.2 torso", "limbs"),
        },
        Augmentation(rotation=20.0, rotate=0.6, scale=(0.8, 1.25), shift=0.03),
        "paper, PCKh",
    ),
    "faces": Table(
        FACES,
        (("helen_afw", "train"),),
        (_AFLW2000,),
        {
            "aflw2000 val, NME": (_AFLW2000, "NME", "mean of bins"),
            **{
                f"yaw {low} to {high}": (_AFLW2000, "NME", f"[{low},{high}]")
                for low, high in metrics.YAW_BINS
            },
        },
        Augmentation(rotation=25.0, rotate=0.6, scale=(0.8, 1.2), shift=0.04),
    ),
}
ROWS = {label: table for table in TABLES.values() for label in table.rows}


def plan(label, size, samples, precision):
    """The recipe of a row on the budget."""
    table = ROWS[label]
    name, changes = table.rows[label]
    base = recipes.load(name or "pose_paper")
    options = changes.get("options", base.spec.options)
    loss = changes.get("loss", base.loss)
    spec = dataclasses.replace(
        base.spec,
        input_size=size,
        sigma=1.25,
        options=options,
        score="softmax" if loss == "softmax" else "sigmoid",
    )
    stages = ({**stage, "samples": stage["samples"] * samples // base.samples} for stage in base.stages)
    return dataclasses.replace(
        base,
        spec=spec,
        loss=loss,
        stages=tuple(stages),
        train=table.train,
        validate=table.validate,
        samples=samples,
        batch_size=16,
        optimizer="adam",
        learning_rate=1.5e-3,
        schedule="cosine",
        precision=precision,
        augmentation=dataclasses.replace(table.augmentation, profile=base.augmentation.profile),
    )


def run(label, size, samples, precision, data, output):
    """Train and score one row: its entry of the record."""
    directory = output / label.replace(" ", "_").replace(",", "")
    result, seconds, table = directory / "result.json", time.monotonic(), ROWS[label]
    if result.is_file():
        return json.loads(result.read_text())
    recipe = plan(label, size, samples, precision)
    if not (directory / "weights.npz").is_file():
        train(recipe, data, directory, resume=True, validate_samples=samples)
    localizer = Localizer(weights.load(directory / "weights.npz"), engine="keras")
    found = {
        pair: evaluation.evaluate(localizer, datasets.open(*pair, data)).metrics for pair in table.validate
    }
    name = table.rows[label][0]
    printed = [row.score["mean"] for row in paper.ROWS if row.recipe == name]
    entry = {
        "row": label,
        "recipe": name,
        "loss": recipe.loss,
        "paper": printed[-1] if printed else None,
        "scores": {
            heading: found[pair][metric].get(group)
            for heading, (pair, metric, group) in table.measures.items()
        },
        "bytes": (directory / "weights.npz").stat().st_size,
        "seconds, last start": round(time.monotonic() - seconds),
    }
    with files.atomic_write(result, "w") as file:
        json.dump(entry, file, indent=1)
    return entry


def write(rows, budget, docs):
    """docs/ablation.json and docs/ablation.md."""
    record = {"budget": budget, "commit": evaluation.commit(), "rows": rows}
    with files.atomic_write(docs / "ablation.json", "w") as file:
        json.dump(record, file, indent=1)
    text = (
        f"# Ablations on a small budget\n\nEvery row: {budget}. In brackets the 95 % bootstrap interval over the "
        "images; the training's own spread from seed to seed is not in it. The paper's figures are of 100 epochs of "
        "MPII at 256x256.\n\n"
    )
    for name, table in TABLES.items():
        trained = " and ".join(" ".join(pair) for pair in table.train)
        header = ["row", "loss", *([table.paper] if table.paper else []), *table.measures, "file"]
        lines = [_line(row, table) for row in rows if row["row"] in table.rows]
        if lines:
            text += f"## {name.capitalize()}\n\nTrained on {trained}.\n\n{cards.table(header, lines)}\n\n"
    text += f"By `python benchmarks/ablation.py`, commit {record['commit'] or 'unknown'}.\n"
    with files.atomic_write(docs / "ablation.md", "w") as file:
        file.write(text)


def _line(row, table):
    scores = [
        f"{found['value']:.1f} ({found['low']:.1f} to {found['high']:.1f})" if found else "-"
        for found in row["scores"].values()
    ]
    printed = [row["paper"] or "-"] if table.paper else []
    return [row["row"], row["loss"], *printed, *scores, f"{row['bytes'] / 1e6:.2f} MB"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True, help="directory of the data sets")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="directory of the runs; made")
    parser.add_argument("--docs", type=pathlib.Path, default=ROOT / "docs", help="where the record goes")
    parser.add_argument("--samples", type=int, default=24_000)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument(
        "--precision", choices=PRECISIONS, default="float32", help="bfloat16 on CPUs with AMX"
    )
    parser.add_argument("--rows", nargs="*", default=list(ROWS), choices=list(ROWS), metavar="ROW")
    arguments = parser.parse_args()
    budget = (
        f"{arguments.samples:,} samples at {arguments.size}x{arguments.size}, batch 16, "
        f"Adam 1.5e-3 cosine, {arguments.precision}"
    )
    arguments.docs.mkdir(parents=True, exist_ok=True)
    rows = []
    for label in arguments.rows:
        rows.append(
            run(
                label,
                arguments.size,
                arguments.samples,
                arguments.precision,
                arguments.data,
                arguments.output,
            )
        )
        write(rows, budget, arguments.docs)
        heading, found = next(iter(rows[-1]["scores"].items()))
        print(f"{label}: {heading} {found['value']:.2f}" if found else f"{label}: {heading} -", flush=True)


if __name__ == "__main__":
    main()
