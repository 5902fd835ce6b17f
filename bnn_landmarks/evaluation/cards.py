"""A network's model card, written from the records of its evaluations: nothing on it is typed by hand but what the
network is for.

    write("pose", "zoo/cards")       # zoo/cards/pose.md from pose.*.json, with pose.jpg of docs/make_gallery.py
"""

import json
import pathlib

from bnn_landmarks import files, paper, zoo
from bnn_landmarks.datasets import terms
from bnn_landmarks.evaluation import peers
from bnn_landmarks.evaluation.metrics import JOINT_PAIRS, YAW_BINS
from bnn_landmarks.evaluation.robustness import LEGEND as LEGEND_OF_CHANGES
from bnn_landmarks.evaluation.steadiness import LEGEND as LEGEND_OF_MOVEMENT
from bnn_landmarks.spec import CHANNELS, Spec

# AFLW2000-3D is a test set by custom.
TEST_SETS = ("aflw2000",)

ABOUT = {
    "mpii16": (
        "the 16 joints of MPII Human Pose, of one person whose box is known",
        "Sports, dance and fitness; sorting and cropping photographs of people. Not for identifying anybody, nor for "
        "decisions about a person's health. Expect failures on crossing limbs, other people in the box, and "
        "poses upside down.",
    ),
    "aflw21": (
        "the 21 points of AFLW, of one face whose box is known, up to profile",
        "Aligning and tracking faces. Not for identifying anybody, nor for judging emotion or character. It fails most "
        "on hidden points of profile faces, hands or hair over the face, and very small faces.",
    ),
    "ibug68": (
        "the 68 points of 300-W, of one face whose box is known",
        "Aligning and tracking faces, make-up and masks. Not for identifying anybody, nor for judging emotion or "
        "character. Expect failures on the hidden jaw of turned faces, occluders and very small faces.",
    ),
    "pifa34": (
        "the 34 points of AFLW-PIFA, of one face whose box is known",
        "Aligning faces, up to profile.",
    ),
    "parts7": (
        "seven facial parts (skin, lips, inner mouth, eyes, nose, background) of one face whose box is known",
        "Make-up, masks, colour correction. Not for identifying anybody. The skin ends at the brows, as the 68 points "
        "do: forehead, ears and hair are background. Expect failures on inner mouths and turned faces.",
    ),
    "subjects": (
        "where people and faces are in a whole photograph, with a score for each",
        "Giving the other networks the boxes they look into. Not for counting people, nor for surveillance. A person's "
        "box is tight around the joints that are seen, a face's around its 68 points. Expect misses of people under a "
        "tenth and faces under a twentieth of the photograph's longer side, of crowds, and of people upside down.",
    ),
}

GROUPS = {
    "PCKh@0.5": ("limbs", "mean", *JOINT_PAIRS),
    "PCK@0.2 torso": ("limbs", "mean", *JOINT_PAIRS),
    "NME": (
        *(f"[{a},{b}]" for a, b in YAW_BINS),
        "mean of bins",
        "all images",
        "failure rate",
        "area under curve",
    ),
    "parts": ("pixel accuracy", "mean class accuracy", "mean IU"),
    "boxes": ("recall", "precision", "overlap"),
}
LEGEND = {
    "PCKh@0.5": "PCKh@0.5, percent of joints within half a head size; limbs: the 12 shoulders, elbows, wrists, hips, "
    "knees, ankles; mean: all but pelvis and thorax, as the paper's.",
    "PCK@0.2 torso": "PCK@0.2, percent of joints within a fifth of the torso's diagonal; limbs and mean as above.",
    "NME": "NME, distance over the square root of the annotated box's area, percent, mean over images; failure rate: "
    "images above 7 %; area under the cumulative error curve up to 7 %, of 100.",
    "parts": "Percent; Long et al. 2015, over the pixels of the crop.",
    "boxes": "Percent; recall: annotated subjects with a box of an intersection over union above 0.5; precision: boxes "
    "that are such ones, where every image has one annotated subject and the others in it count as wrong; overlap: "
    "mean intersection over union of the best box.",
}


MAPS = {
    "landmarks": "one map per landmark",
    "parts": "one map per class",
    "boxes": f"{CHANNELS} maps per kind (centre, its offset in x and y, width and height)",
}


def table(header, rows):
    """A Markdown table."""
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in [header, ["---"] * len(header), *rows]]
    return "\n".join(lines)


def _score(estimate):
    if estimate is None or estimate["value"] is None:
        return "-"
    return f"{estimate['value']:.2f} ({estimate['low']:.2f} to {estimate['high']:.2f})"


def comparison(record):
    """The Markdown tables of a record: its measures with 95 % intervals, others' figures on the same split below."""
    measures, blocks = record["metrics"], []
    for metric, groups in measures.items():
        base = metric.removesuffix(" visible")
        columns = [group for group in GROUPS[base] if group in groups]
        name = f"**{record['model']}**, {record['engine']}" + (
            ", mirrored crop added" if record["flip"] else ""
        )
        size = f"{record['ran']['bytes'] / 1e6:.2f} MB" if record.get("ran") else ""
        rows = [[name, size, *(_score(groups[g]) for g in columns), "these images"]]
        where = record["data"], record["split"]
        others = peers.figures(*where, metric, record["images"]) + list(paper.compared(*where, [metric]))
        for figure in others:
            values = [f"{figure.values[g]:.2f}" if g in figure.values else "-" for g in columns]
            rows.append([figure.method, figure.size, *values, figure.where or "these images"])
        blocks.append(f"{metric}\n\n" + table(["method", "size", *columns, "measured on"], rows))
    return "\n\n".join(blocks)


def weakest(record):
    """One line that names the landmarks or classes with the lowest scores of a record's first measure."""
    metric, groups = next(iter(record["metrics"].items()))
    names = Spec.from_dict(record["spec"]).landmark_scheme().names
    keys = [f"IU {name}" for name in names] if metric == "parts" else names
    each = {key: groups[key]["value"] for key in keys if key in groups and groups[key]["value"] is not None}
    if not each:
        return ""
    low = sorted(each, key=each.get, reverse=metric.startswith("NME"))[:3]
    return "Weakest: " + ", ".join(f"{key} {each[key]:.1f}" for key in low) + "."


def failures(record):
    """The Markdown tables of who and what is far off, one per kind; "" of a record without."""
    blocks = {}
    for row in record.get("failures") or ():
        blocks.setdefault(row["what"], []).append((row["where"], f"{row['share']:.1f}", row["count"]))
    return "\n\n".join(
        f"Percent of {what}\n\n" + table(["where", "%", "of"], rows) for what, rows in blocks.items()
    )


def changed(record):
    """The Markdown table of a record's score under changed conditions; "" where that was not measured."""
    robustness = record.get("robustness")
    if not robustness:
        return ""
    unchanged = robustness["scores"]["unchanged"]["value"]
    rows = [
        (name, _score(score), "" if name == "unchanged" else _difference(score["value"], unchanged))
        for name, score in robustness["scores"].items()
    ]
    score = f"{robustness['metric']}, {robustness['group']}"
    return (
        f"When the box is off or the photograph is worse, {robustness['images']} images\n\n"
        + table(["change", score, "difference"], rows)
        + f"\n\n{LEGEND_OF_CHANGES}"
    )


def _difference(value, unchanged):
    return "-" if value is None or unchanged is None else f"{value - unchanged:+.2f}"


# Key of a movement in a record -> the head of its column.
MOVEMENT = {"rms": "rms, %", "p95": "95th percentile, %", "changed": "pixels that change, %"}


def moved(record):
    """The Markdown table of how far a record's network moves when nothing to be seen has changed; "" where that was
    not measured."""
    steadiness = record.get("steadiness")
    if not steadiness:
        return ""
    first = next(iter(steadiness["movement"].values()))
    kinds = [kind for kind in MOVEMENT if kind in first]
    rows = [(name, *(f"{each[kind]:.2f}" for kind in kinds)) for name, each in steadiness["movement"].items()]
    return (
        f"Steadiness: how far the answer moves, {steadiness['images']} images\n\n"
        + table(["under", *(MOVEMENT[kind] for kind in kinds)], rows)
        + f"\n\n{LEGEND_OF_MOVEMENT[next(iter(first))]}"
    )


def record_name(record):
    flip = ".flip" if record["flip"] else ""
    return f"{record['model']}.{record['data']}-{record['split']}.{record['engine']}{flip}.json"


def card(name, records, trained_on=(), recipe=None, cost=None, picture=None):
    """The card as Markdown.

    Args:
        name: the entry. records: its records {file name: record}, at least one. trained_on: (data, split) pairs.
        recipe: name of the recipe that trains it. cost: `counting.Count`. picture: of its landmarks, a file beside it.
    """
    first = next(iter(records.values()))
    spec = Spec.from_dict(first["spec"])
    what, use = ABOUT.get(spec.scheme, (f"{spec.outputs} landmarks ({spec.landmark_scheme().name})", ""))
    names = ", ".join(spec.landmark_scheme().names)
    kind = "binary" if spec.options.get("binary", True) else "real-valued"
    maps = f"{spec.map_size} x {spec.map_size} x {spec.outputs}"
    facts = [
        f"Input: RGB crop {spec.input_size} x {spec.input_size}, float32 in [0, 1]; the crop is "
        + (
            "the whole image, as large as it fits, black beside it."
            if spec.task == "boxes"
            else f"a square of {spec.padding:g} x the {'longer' if spec.box_side == 'max' else 'mean'} side of the box."
        ),
        f"Output: logits {maps}, {MAPS[spec.task]}: {names}.",
        f"Network: {spec.stacks} x {spec.block} hourglass of {spec.channels} channels, {kind}.",
    ]
    if cost:
        facts.append(
            f"Cost: {cost.parameters / 1e6:.2f} M parameters, {cost.binary_macs / 1e9:.2f} G binary and "
            f"{cost.real_macs / 1e9:.2f} G real multiply-accumulates per image."
        )
    if first["bytes"]:
        facts.append(f"Weights: {first['file']}, {first['bytes']:,} bytes, SHA-256 {first['sha256']}.")
    if first.get("ran"):
        ran = first["ran"]
        facts.append(f"Exported, as it was measured: {ran['bytes']:,} bytes, SHA-256 {ran['sha256']}.")
    parts = [f"# {name}", f"Finds {what}.", "\n".join(f"- {fact}" for fact in facts)]
    if picture:
        parts.append(f"![what it finds, with numbers and names]({picture})")
    if use:
        parts += ["## What it is for, and where it fails", use]
    parts.append("## Accuracy")
    parts.append("In brackets the 95 % bootstrap interval over the images. Misses count as wrong.")
    for file, record in records.items():
        parts += [
            f"### {record['data']}, {record['split']}: {record['images']} images",
            comparison(record),
            weakest(record),
            failures(record),
            changed(record),
            moved(record),
            "\n".join(f"- {LEGEND[metric]}" for metric in record["metrics"] if metric in LEGEND),
        ]
        if record["data"] in TEST_SETS and any(data == record["data"] for data, _ in trained_on):
            parts.append(
                f"This network learned from images of {record['data']} (other ones than these), a test set by custom: "
                "these figures do not belong in one column with those of methods that trained on other data."
            )
        if record["split"].endswith(terms.CLEAN):
            parts.append(
                "These labels are the published ones merged with a strong network's points, as those were that this "
                "network learned from, which favours it. The figures on the published labels are those to compare."
            )
        parts.append(
            f"Data: {record['terms']}. Measured {record['date']}, commit {record['commit'] or 'unknown'}, by\n\n"
            f"    {record['command']}\n\nRecord: {file}."
        )
    if trained_on:
        data = "\n".join(f"- {data}, {split}: {terms.of(data, split)}." for data, split in trained_on)
        parts += ["## Training data and licence", data]
        parts.append("The weights follow the data's terms: research, non-commercial.")
    if recipe:
        parts += [
            "## Training it again",
            f"    bnn-landmarks train {recipe} --data DATA --output runs/{name}",
        ]
    figures = _papers_own(spec)
    if figures:
        parts += ["## The paper's own figures", figures]
    return "\n\n".join(part for part in parts if part) + "\n"


def _papers_own(spec):
    """What the paper reports for this scheme, on the data it used."""
    own = {
        "mpii16": paper.COMPARED["mpii", "val"],
        "ibug68": paper.COMPARED["aflw2000", "val_68"],
        "aflw21": paper.COMPARED["aflw2000", "val_21"],
        "parts7": paper.PARTS_COMPARED,
    }.get(spec.scheme, ())
    lines = [
        f"- {f.metric}: {_values(f.values)} ({f.where})." for f in own if f.method.startswith("paper, binary")
    ]
    if spec.scheme == "pifa34":
        lines = [
            f"- {metric}: {_values(values)} (AFLW-PIFA)." for metric, values in paper.PIFA_COMPARED.items()
        ]
    return "\n".join(lines)


def _values(values):
    return ", ".join(f"{group} {value:.2f}" for group, value in values.items())


def kept_records(name, directory):
    """`zoo.records` that a card can be made of.

    Raises:
        ValueError: one is no record.
    """
    kept = zoo.records(name, directory)
    for file, record in kept.items():
        try:
            card(name, {file: record})
        except (KeyError, TypeError, AttributeError, ValueError, StopIteration) as error:
            reason = f": it has no {error}" if isinstance(error, KeyError) else ""
            raise ValueError(
                f"{pathlib.Path(directory) / file} is no evaluation record, as `evaluate` writes them{reason}"
            ) from None
    return kept


def write(name, directory, **facts):
    """(Re)write DIRECTORY/NAME.md from the records beside it. facts: as `card`.

    Raises:
        FileNotFoundError: there is no record of that network. ValueError: as `kept_records`.
    """
    directory = pathlib.Path(directory)
    kept = kept_records(name, directory)
    if not kept:
        raise FileNotFoundError(f"no evaluation records {name}.*.json in {directory}")
    picture = f"{name}.jpg"
    if (directory / picture).is_file():
        facts["picture"] = picture
    with files.atomic_write(directory / f"{name}.md", "w") as file:
        file.write(card(name, kept, **facts))
    return directory / f"{name}.md"


def keep(record, directory, spec):
    """Put a record beside the card of its network and rewrite the card; the card's path."""
    from bnn_landmarks.network.build import build
    from bnn_landmarks.network.counting import count

    with files.atomic_write(pathlib.Path(directory) / record_name(record), "w") as file:
        json.dump(record, file, indent=1)
    name, facts = record["model"], {}
    if name in zoo.names():
        facts = {"trained_on": zoo.entry(name).trained_on, "recipe": name}
    return write(name, directory, cost=count(build(spec)), **facts)
