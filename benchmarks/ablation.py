"""The blocks of table 2, the losses and our own switches on one small fixed budget, side by side: does the order hold?

    python benchmarks/ablation.py --data DATA --output runs/ablation

Every row is the recipe of its table's base with one thing changed; but for that thing all have the same samples in
the same order, the same size, optimizer and rate. Of bodies: the blocks, sigmoid cross-entropy and L2 for the softmax
over positions, and the switches of `spec.Options` and `Recipe`; what might calm the answers, with their movement under
noise; published labels and cleaner ones, whose splits `teacher_points.py` and `bnn-landmarks data clean` make
beforehand. Of faces: synthetic profile views, trained on near-frontal faces alone.
Writes docs/ablation.json and docs/ablation.md after every row; run again it goes on where it stopped, and rows that it
is not asked for stay as they were. The real-valued rows and the teacher's run on TensorFlow's own operations; the
others take some two minutes a row of the default budget on two CPU cores that do nothing else.
"""

import argparse
import csv
import dataclasses
import json
import pathlib

import bnn_landmarks  # noqa: F401  selects Keras 2 before TensorFlow is imported
from bnn_landmarks import datasets, files, paper, recipes
from bnn_landmarks.evaluation import cards, metrics, scoring, steadiness
from bnn_landmarks.evaluation.record import commit
from bnn_landmarks.inference.localizer import Localizer
from bnn_landmarks.network import weights
from bnn_landmarks.training.recipe import override
from bnn_landmarks.training.trainer import train

ROOT = pathlib.Path(__file__).parents[1]
BATCH = 8
TENTH = 10
REAL = "real-valued"
MOVED = ("moved, rms", "moved, 95 %")


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows that share their data.

    base: the recipe that every row changes. rows: {label: changes, as `recipe.override` takes them, or a function of
    the budget's size and samples that gives them}; the teacher is another row's label. train, validate: (data set,
    split) pairs. measures: {heading: (validated pair, metric, group)}. times: how many times the budget's samples.
    steadiness: the (data set, split) on which its rows' movement under noise is measured, or None. note: what a reader
    must know besides.
    """

    base: str
    rows: dict
    train: tuple
    validate: tuple
    measures: dict
    times: int = 1
    steadiness: tuple | None = None
    note: str = ""


def _binarized(size, samples):
    """Progressive binarization: the stages of `pose_progressive`, in this length."""
    recipe = recipes.load("pose_progressive")
    return {
        "stages": tuple(
            {**stage, "samples": stage["samples"] * samples // recipe.samples} for stage in recipe.stages
        )
    }


def _doubled(size, samples):
    """Twice the side for a quarter of the samples: the same number of operations."""
    return {"spec.input_size": 2 * size, "samples": samples // 4}


def _grown(size, samples):
    """Half of the operations at the size, the other half at twice the side."""
    return {"stages": ({"samples": samples // 2}, {"spec.input_size": 2 * size, "samples": samples // 8})}


BLOCKS = {row.label: row for row in paper.ROWS if row.table == 2}
BODIES = {
    "as released": {},
    "as released, another seed": {"seed": 1},
    **{
        label: {"spec.block": row.block, "spec.channels": row.channels}
        for label, row in BLOCKS.items()
        if row.block != "hierarchical"
    },
    "sigmoid cross-entropy": {"loss": "sigmoid", "spec.score": "sigmoid"},
    "L2": {"loss": "l2", "spec.score": "sigmoid"},
    "no ReLU": {"spec.options.activation": "none"},
    "PReLU": {"spec.options.activation": "prelu"},
    "XNOR-Net's scale": {"spec.options.scale": "mean"},
    "shortcut around each convolution": {"spec.block": "hierarchical_shortcuts"},
    "real 1x1 shortcuts": {"spec.options.shortcut": "real"},
    "moving average of the weights": {"average": 0.99},
    "progressive binarization": _binarized,
    "twice the side, a quarter of the samples": _doubled,
    "progressive image size: then twice the side": _grown,
    REAL: {"spec.options.binary": False},
    "taught by the real-valued": {"teacher": REAL},
}


def _seen_twice(weight):
    """Two views of half as many crops: the same number of operations."""
    return lambda size, samples: {"agreement": weight, "samples": samples // 2}


STEADINESS = {
    "twice as long": {},
    "noise of up to 4 grey levels on half of the crops": {
        "augmentation.noise": 4.0,
        "augmentation.noisy": 0.5,
    },
    "two views of half as many crops": _seen_twice(0.0),
    "two views of half as many crops that should agree": _seen_twice(1.0),
    "windows twice as wide": {"window": 2.0},
    "real-valued first block": {"spec.options.first": "real"},
    "a shortcut around each convolution": {"spec.block": "hierarchical_shortcuts"},
    "real-valued 1x1 shortcuts": {"spec.options.shortcut": "real"},
}
LABELS = {
    "labels as published": {},
    "labels merged with MoveNet Thunder's points": {
        "train": (("lspet", "train_clean"), ("mpii", "train_clean")),
    },
}
FACES = {"faces": {}, "faces, no profile views": {"augmentation.profile": 0.0}}


def _limbs(split):
    """The headline of both sets of bodies on a split."""
    return {
        f"mpii {split}, limbs": (("mpii", split), "PCKh@0.5", "limbs"),
        f"lspet {split}, PCK limbs": (("lspet", split), "PCK@0.2 torso", "limbs"),
    }


_AFLW2000 = ("aflw2000", "val_68")
_BODIES = (("lspet", "train"), ("mpii", "train"))
_PCKH = {"mpii val, PCKh": (("mpii", "val"), "PCKh@0.5", "mean")}
TABLES = {
    "bodies": Table(
        "pose",
        BODIES,
        _BODIES,
        (("mpii", "val"), ("lspet", "val")),
        {**_PCKH, **_limbs("val")},
    ),
    "steadiness": Table(
        "pose",
        STEADINESS,
        _BODIES,
        (("mpii", "val"), ("lspet", "val")),
        _limbs("val"),
        times=2,
        steadiness=("mpii", "val"),
        note="Moved: how far noise of one grey level moves the points of mpii val, percent of the longer side of the "
        "box, root mean square and 95th percentile. Two views cost a step twice, and have half as many samples.",
    ),
    "labels": Table(
        "pose",
        LABELS,
        _BODIES,
        (("mpii", "val"), ("lspet", "val"), ("mpii", "val_clean"), ("lspet", "val_clean")),
        {**_limbs("val"), **_limbs("val_clean")},
        times=15,
        note="val_clean: the same images with labels merged in the same way.",
    ),
    "faces": Table(
        "face_300wlp",
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
    ),
}
ROWS = {label: table for table in TABLES.values() for label in table.rows}
# The paper's row that varies the same thing, where it has one.
PAPERS = {
    **BLOCKS,
    "as released": next(row for row in BLOCKS.values() if row.block == "hierarchical"),
    "L2": next(row for row in paper.ROWS if row.table == 7 and row.loss == "l2"),
}


def plan(label, size, samples, output):
    """The recipe of a row on the budget. output: directory of the runs, where the teacher's is."""
    table = ROWS[label]
    samples *= table.times
    changes = table.rows[label]
    changes = changes(size, samples) if callable(changes) else dict(changes)
    if "teacher" in changes:
        changes["teacher"] = str(directory(output, changes["teacher"]))
    budget = {
        "spec.input_size": size,
        "train": table.train,
        "validate": (),
        "samples": samples,
        "batch_size": BATCH,
    }
    return override(recipes.load(table.base), budget | changes)


def comparable(recipe, base):
    """Whether the two learn the same of the same pixels in the same order, so that their losses can be compared."""
    end = override(recipe, recipe.stages[-1]) if recipe.stages else recipe
    return end.spec.input_size == base.spec.input_size and all(
        getattr(recipe, field) == getattr(base, field)
        for field in ("loss", "teacher", "augmentation", "average", "seed", "train", "agreement")
    )


def directory(output, label):
    """Where a row's run is kept."""
    return output / label.replace(" ", "_").replace(",", "").replace("'", "")


def run(label, size, samples, data, output):
    """Train and score one row: its entry of the record."""
    folder, table = directory(output, label), ROWS[label]
    result = folder / "result.json"
    if result.is_file():
        return json.loads(result.read_text())
    recipe = plan(label, size, samples, output)
    if not (folder / "weights.npz").is_file():
        train(recipe, data, folder, resume=True, validate_samples=recipe.samples // TENTH)
    localizer = Localizer(weights.load(folder / "weights.npz"), engine="keras")
    found = {pair: scoring.evaluate(localizer, datasets.open(*pair, data)).metrics for pair in table.validate}
    with open(folder / "log.csv", newline="") as file:
        loss = float(list(csv.DictReader(file))[-1]["loss"])
    base = plan(next(iter(table.rows)), size, samples, output)
    row = PAPERS.get(label)
    entry = {
        "row": label,
        "recipe": row.recipe if row else None,
        "paper": row.score["mean"] if row else None,
        "scores": {
            heading: found[pair][metric].get(group)
            for heading, (pair, metric, group) in table.measures.items()
        },
        "loss": loss if comparable(recipe, base) else None,
        "bytes": (folder / "weights.npz").stat().st_size,
        "commit": commit(),
    }
    if table.steadiness:
        moved = steadiness.measure(localizer, datasets.open(*table.steadiness, data))["movement"]
        entry["moved"] = moved["noise of 1 grey level"]
    with files.atomic_write(result, "w") as file:
        json.dump(entry, file, indent=1)
    return entry


def write(rows, budget, docs):
    """docs/ablation.json and docs/ablation.md: these rows, and those that were there before."""
    kept, labels = docs / "ablation.json", {row["row"] for row in rows}
    before = json.loads(kept.read_text()) if kept.is_file() else {"budget": budget, "rows": []}
    if before["budget"] == budget:
        rows = rows + [row for row in before["rows"] if row["row"] not in labels]
    rows = sorted(rows, key=lambda row: list(ROWS).index(row["row"]))
    record = {"budget": budget, "rows": rows}
    with files.atomic_write(docs / "ablation.json", "w") as file:
        json.dump(record, file, indent=1)
    text = (
        f"# Ablations on a small budget\n\nEvery row: {budget}, from random weights, and where a table says so more "
        "samples. Rows compare within a table, for recipes change from commit to commit. In brackets the 95 % "
        "bootstrap interval over the images; the training's own spread from seed to seed comes on top of it, of "
        "which the row with another seed gives an idea. The loss is the mean over the last tenth of the training "
        "samples, the same for all, and given where it is of the same thing. The paper's figures, PCKh@0.5 on MPII, "
        "are of 100 epochs of MPII at 256x256 with its own loss and scales, and are there for the order of its "
        "rows.\n\n"
    )
    for name, table in TABLES.items():
        trained = " and ".join(" ".join(pair) for pair in table.train)
        own = [row for row in rows if row["row"] in table.rows]
        if own:
            header = ("row", "paper", *table.measures, *(MOVED if table.steadiness else ()), "loss", "file")
            longer = f", {table.times} times as many samples" if table.times > 1 else ""
            note = f"{longer}. {table.note}".strip()
            commits = ", ".join(dict.fromkeys(row["commit"] or "unknown" for row in own))
            text += f"## {name.capitalize()}\n\nTrained on {trained}{note}\n\n"
            text += f"{cards.table(header, map(_line, own))}\n\nTrained at commit {commits}.\n\n"
    text += "By `python benchmarks/ablation.py`.\n"
    with files.atomic_write(docs / "ablation.md", "w") as file:
        file.write(text)


def _line(row):
    scores = [
        f"{found['value']:.1f} ({found['low']:.1f} to {found['high']:.1f})" if found else "-"
        for found in row["scores"].values()
    ]
    if "moved" in row:
        scores += [f"{row['moved'][key]:.1f}" for key in ("rms", "p95")]
    loss = f"{row['loss']:.3f}" if row["loss"] else "-"
    return [row["row"], row["paper"] or "-", *scores, loss, f"{row['bytes'] / 1e6:.2f} MB"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True, help="directory of the data sets")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="directory of the runs; made")
    parser.add_argument("--docs", type=pathlib.Path, default=ROOT / "docs", help="where the record goes")
    parser.add_argument("--samples", type=int, default=4_000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--rows", nargs="*", default=list(ROWS), choices=list(ROWS), metavar="ROW")
    arguments = parser.parse_args()
    size, samples = arguments.size, arguments.samples
    budget = f"{samples:,} samples at {size}x{size}, batch {BATCH}, Adam 1.5e-3 cosine, float32"
    arguments.docs.mkdir(parents=True, exist_ok=True)
    rows = []
    for label in arguments.rows:
        rows.append(run(label, size, samples, arguments.data, arguments.output))
        write(rows, budget, arguments.docs)
        heading, found = next(iter(rows[-1]["scores"].items()))
        print(f"{label}: {heading} {found['value']:.2f}" if found else f"{label}: {heading} -", flush=True)


if __name__ == "__main__":
    main()
