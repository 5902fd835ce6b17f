"""Rows of the paper's tables on one small fixed budget, side by side: does the paper's order hold?

    python benchmarks/ablation.py --data ../shared/data --output runs/ablation

Trains the binary block rows of table 2 and the L2 row of table 7 (and, beyond the paper, the released networks'
settings and the softmax loss) on lspet and mpii train, all with the same samples in the same order, the same size,
optimizer and rate; scores each on mpii and lspet val; writes docs/ablation.json and docs/ablation.md after every row.
Run again it goes on where it stopped. The default budget, 24,000 samples at 128x128, is about 15 minutes a row on two
CPU cores with AMX and --precision bfloat16, two to three times that in float32.
"""

import argparse
import dataclasses
import json
import pathlib
import time

import bnn_landmarks  # noqa: F401  selects Keras 2 before TensorFlow is imported
from bnn_landmarks import cards, datasets, evaluation, files, paper, recipes, weights
from bnn_landmarks.augment import Augmentation
from bnn_landmarks.localizer import Localizer
from bnn_landmarks.recipe import PRECISIONS
from bnn_landmarks.training import train

ROOT = pathlib.Path(__file__).parents[1]
OURS = {"activation": "relu", "scale": "learned"}

# label -> (recipe whose network and loss it is, changes)
ROWS = {
    "bottleneck": ("table2_bottleneck", {}),
    "wider": ("table2_wider", {}),
    "multi-scale": ("table2_multi_scale", {}),
    "multi-scale without 1x1": ("table2_multi_scale_no_1x1", {}),
    "hierarchical": ("table2_hierarchical", {}),
    "hierarchical, L2": ("table7_l2", {}),
    "hierarchical, ReLU": ("pose_paper", {}),
    "hierarchical, ReLU, learned scale": (None, {"loss": "sigmoid", "options": OURS}),
    "hierarchical, ReLU, learned scale, softmax": (None, {"loss": "softmax", "options": OURS}),
}


def plan(label, size, samples, precision):
    """The recipe of a row on the budget."""
    name, changes = ROWS[label]
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
    return dataclasses.replace(
        base,
        spec=spec,
        loss=loss,
        train=(("lspet", "train"), ("mpii", "train")),
        validate=(("mpii", "val"), ("lspet", "val")),
        samples=samples,
        batch_size=16,
        optimizer="adam",
        learning_rate=1.5e-3,
        schedule="cosine",
        precision=precision,
        augmentation=Augmentation(rotation=20.0, rotate=0.6, scale=(0.8, 1.25), shift=0.03),
    )


def run(label, size, samples, precision, data, output):
    """Train and score one row: its entry of the record."""
    directory = output / label.replace(" ", "_").replace(",", "")
    result, seconds = directory / "result.json", time.monotonic()
    if result.is_file():
        return json.loads(result.read_text())
    recipe = plan(label, size, samples, precision)
    if not (directory / "weights.npz").is_file():
        train(recipe, data, directory, resume=True, validate_samples=samples)
    localizer = Localizer(weights.load(directory / "weights.npz"), engine="keras")
    found = {
        name: evaluation.evaluate(localizer, datasets.open(name, "val", data)).metrics
        for name in ("mpii", "lspet")
    }
    name = ROWS[label][0]
    printed = [row.score["mean"] for row in paper.ROWS if row.recipe == name]
    entry = {
        "row": label,
        "recipe": name,
        "loss": recipe.loss,
        "paper": printed[-1] if printed else None,
        "score": found["mpii"]["PCKh@0.5"]["mean"]["value"],
        "mpii PCKh@0.5 mean": found["mpii"]["PCKh@0.5"]["mean"],
        "mpii PCKh@0.5 limbs": found["mpii"]["PCKh@0.5"]["limbs"],
        "lspet PCK@0.2 limbs": found["lspet"]["PCK@0.2 torso"]["limbs"],
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
    measures = ("mpii PCKh@0.5 mean", "mpii PCKh@0.5 limbs", "lspet PCK@0.2 limbs")
    lines = []
    for row in rows:
        scores = [f"{row[m]['value']:.1f} ({row[m]['low']:.1f} to {row[m]['high']:.1f})" for m in measures]
        lines.append((row["row"], row["loss"], row["paper"] or "-", *scores, f"{row['bytes'] / 1e6:.2f} MB"))
    header = (
        "row",
        "loss",
        "paper, PCKh",
        "mpii val, PCKh",
        "mpii val, limbs",
        "lspet val, PCK limbs",
        "file",
    )
    text = (
        f"# Ablations on a small budget\n\nEvery row: {budget}. In brackets the 95 % bootstrap interval over the "
        "images; the training's own spread from seed to seed is not in it. The paper's figures are of 100 epochs of "
        f"MPII at 256x256.\n\n{cards.table(header, lines)}\n\n"
        f"By `python benchmarks/ablation.py`, commit {record['commit'] or 'unknown'}.\n"
    )
    with files.atomic_write(docs / "ablation.md", "w") as file:
        file.write(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True, help="directory with lspet and mpii")
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
        f"{arguments.samples:,} samples of lspet and mpii train at {arguments.size}x{arguments.size}, batch 16, "
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
        print(f"{label}: mpii val PCKh@0.5 {rows[-1]['score']:.2f}", flush=True)


if __name__ == "__main__":
    main()
