"""The figures of the paper (Bulat & Tzimiropoulos, ICCV 2017) and of others on the same data, as data.

`ROWS` are the rows of tables 1-8, 10, 11 and 15: an architecture and the score the paper gives it. `COMPARED` are the
figures to hold beside ours on a split. All scores in percent.
"""

import dataclasses

POSE_DATA = "MPII validation, 2,958 people"
PARTS_DATA = "300-W competition indoor and outdoor, 600 faces"

# What every row of the paper's ablations shares but for what it varies: XNOR-Net's scale, no ReLU (table 11 adds it).
_PLAIN = {"activation": "none", "scale": "mean"}
_RELU = {"activation": "relu", "scale": "mean"}
_REAL = {"binary": False}

PARTS = ("head", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of a table.

    parameters: as printed. score: {group: percent}; "mean" is PCKh, for table 15 the measures of Long et al.
    block, channels, stacks, options, outputs: the network (`hourglass.hourglass_network`). loss, augment: its training.
    recipe: name of the recipe that trains it.
    """

    table: int
    label: str
    parameters: str
    score: dict
    recipe: str
    block: str = "hierarchical"
    channels: int = 256
    stacks: int = 1
    options: dict = dataclasses.field(default_factory=lambda: dict(_PLAIN))
    outputs: int = 16
    loss: str = "sigmoid"
    augment: bool = True


def _by_part(*values):
    return dict(zip((*PARTS, "mean"), values, strict=True))


def _pckh(value):
    return {"mean": value}


def _iu(pixel, accuracy, iu):
    return {"pixel accuracy": pixel, "mean class accuracy": accuracy, "mean IU": iu}


_REAL_BOTTLENECK = _by_part(94.9, 85.8, 76.9, 71.3, 78.1, 70.1, 63.2, 76.5)
_BINARY_BOTTLENECK = _by_part(90.5, 79.6, 63.0, 57.2, 71.1, 58.2, 53.4, 67.2)
_STACKED = _by_part(97.3, 96.0, 90.2, 85.2, 89.1, 85.1, 82.0, 89.3)
_BINARY = _by_part(94.7, 89.6, 78.8, 71.5, 79.1, 70.5, 64.0, 78.1)
_REAL_1 = _by_part(96.8, 93.8, 86.4, 80.3, 87.0, 80.4, 75.7, 85.5)
_REAL_8 = _by_part(97.4, 96.0, 90.7, 86.2, 89.6, 86.1, 83.2, 89.8)

ROWS = (
    Row(
        1, "Bottleneck, real", "3.5M", _REAL_BOTTLENECK, "table1_real_bottleneck", "bottleneck", options=_REAL
    ),
    Row(1, "Bottleneck, binary", "3.5M", _BINARY_BOTTLENECK, "table2_bottleneck", "bottleneck"),
    Row(2, "Bottleneck (original)", "3.5M", _pckh(67.2), "table2_bottleneck", "bottleneck"),
    Row(2, "Wider", "11.3M", _pckh(70.7), "table2_wider", "wider"),
    Row(2, "Multi-scale", "4.0M", _pckh(69.3), "table2_multi_scale", "multi_scale"),
    Row(2, "Multi-scale without 1x1", "9.3M", _pckh(75.5), "table2_multi_scale_no_1x1", "multi_scale_no_1x1"),
    Row(2, "Hierarchical (final)", "6.2M", _pckh(76.0), "table2_hierarchical"),
    Row(3, "Bottleneck (original)", "3.5M", _pckh(67.2), "table2_bottleneck", "bottleneck"),
    Row(3, "Wider", "11.3M", _pckh(70.7), "table2_wider", "wider"),
    Row(3, "Bottleneck without 1x1", "5.8M", _pckh(69.5), "table3_bottleneck_no_1x1", "bottleneck_no_1x1"),
    Row(3, "Hierarchical (final)", "6.2M", _pckh(76.0), "table2_hierarchical"),
    Row(4, "Bottleneck (original)", "3.5M", _pckh(67.2), "table2_bottleneck", "bottleneck"),
    Row(4, "Hierarchical, 192 channels", "4.0M", _pckh(72.7), "table4_hierarchical_192", channels=192),
    Row(
        5,
        "Bottleneck (wider), real",
        "7.0M",
        _pckh(83.1),
        "table5_real_bottleneck",
        "bottleneck_wide",
        options=_REAL,
    ),
    Row(5, "Hierarchical, real", "6.2M", _pckh(85.5), "table5_real_hierarchical", options=_REAL),
    Row(6, "No augmentation", "6.2M", _pckh(72.1), "table6_no_augmentation", augment=False),
    Row(6, "Augmentation", "6.2M", _pckh(76.0), "table2_hierarchical"),
    Row(7, "L2", "6.2M", _pckh(73.8), "table7_l2", loss="l2"),
    Row(7, "Sigmoid", "6.2M", _pckh(76.0), "table2_hierarchical"),
    Row(
        8,
        "Stacked hourglass, 8x, real",
        "25M",
        _STACKED,
        "table8_real_bottleneck_8x",
        "bottleneck",
        256,
        8,
        _REAL,
    ),
    Row(8, "Hierarchical, binary", "6M", _BINARY, "pose_paper", options=_RELU),
    Row(8, "Hierarchical, real", "6M", _REAL_1, "table5_real_hierarchical", options=_REAL),
    Row(8, "Hierarchical, 8x, real", "25M", _REAL_8, "table8_real_hierarchical_8x", stacks=8, options=_REAL),
    Row(
        10,
        "Average pooling",
        "6.2M",
        _pckh(71.9),
        "table10_average",
        options={**_PLAIN, "pooling": "average"},
    ),
    Row(10, "Max pooling", "6.2M", _pckh(76.0), "table2_hierarchical"),
    Row(11, "Without ReLU", "6.2M", _pckh(76.0), "table2_hierarchical"),
    Row(11, "ReLU", "6.2M", _pckh(77.8), "pose_paper", options=_RELU),
    Row(
        15,
        "Bottleneck, real",
        "-",
        _iu(97.98, 77.23, 69.29),
        "table15_real_bottleneck",
        "bottleneck",
        options=_REAL,
        outputs=7,
        loss="parts",
    ),
    Row(
        15,
        "Bottleneck, binary",
        "-",
        _iu(97.41, 70.35, 62.49),
        "table15_bottleneck",
        "bottleneck",
        options=_RELU,
        outputs=7,
        loss="parts",
    ),
    Row(
        15,
        "Hierarchical, binary",
        "-",
        _iu(97.91, 76.02, 68.05),
        "face_parts_paper",
        options=_RELU,
        outputs=7,
        loss="parts",
    ),
)


@dataclasses.dataclass(frozen=True)
class Figure:
    """Somebody's figures for a measure: {group: percent}. `where` says on what, if not on the same images."""

    method: str
    metric: str
    values: dict
    size: str = ""
    where: str = ""


def _bins(metric_values):
    *bins, mean = metric_values
    return dict(zip(("[0,30]", "[30,60]", "[60,90]", "mean of bins"), (*bins, mean), strict=True))


_AFLW2000 = "all of AFLW2000-3D, 2,000 faces"
_AFLW = "AFLW's test faces, visible points"

# Data set and split of ours -> figures of papers. What people use now is measured by benchmarks/peers.py.
COMPARED = {
    ("mpii", "val"): (
        Figure("paper, binary", "PCKh@0.5", _BINARY, "", POSE_DATA),
        Figure("paper, binary, without ReLU", "PCKh@0.5", {"mean": 76.0}, "", POSE_DATA),
        Figure("paper, binary bottleneck", "PCKh@0.5", _BINARY_BOTTLENECK, "", POSE_DATA),
        Figure("paper, real", "PCKh@0.5", _REAL_1, "", POSE_DATA),
        Figure("stacked hourglass, 8x (Newell et al.)", "PCKh@0.5", _STACKED, "", POSE_DATA),
    ),
    ("aflw2000", "val_68"): (
        Figure("paper, binary (300W-LP)", "NME", _bins((2.47, 3.01, 4.31, 3.26)), "", _AFLW2000),
        Figure("3DDFA+SDM", "NME", _bins((3.43, 4.24, 7.17, 4.94)), "", _AFLW2000),
        Figure("3DDFA", "NME", _bins((3.78, 4.54, 7.93, 5.42)), "", _AFLW2000),
        Figure("SDM (300W-LP)", "NME", _bins((3.67, 4.94, 9.76, 6.12)), "", _AFLW2000),
        Figure("ESR (300W-LP)", "NME", _bins((4.60, 6.70, 12.67, 7.99)), "", _AFLW2000),
        Figure("RCPR (300W-LP)", "NME", _bins((4.26, 5.96, 13.18, 7.80)), "", _AFLW2000),
        Figure("SDM (300W)", "NME", _bins((3.56, 7.08, 17.48, 9.37)), "", _AFLW2000),
        Figure("ESR (300W)", "NME", _bins((4.38, 10.47, 20.31, 11.72)), "", _AFLW2000),
        Figure("RCPR (300W)", "NME", _bins((4.16, 9.88, 22.58, 12.21)), "", _AFLW2000),
    ),
    ("aflw2000", "val_21"): (
        Figure("paper, binary", "NME", _bins((2.77, 2.86, 2.90, 2.85)), "", _AFLW),
        Figure("AIO", "NME", _bins((2.84, 2.94, 3.09, 2.96)), "", _AFLW),
        Figure("HyperFace", "NME", _bins((3.93, 4.14, 4.71, 4.26)), "", _AFLW),
    ),
}

PARTS_COMPARED = (
    Figure("paper, binary", "parts", _iu(97.91, 76.02, 68.05), "", PARTS_DATA),
    Figure("paper, real bottleneck", "parts", _iu(97.98, 77.23, 69.29), "", PARTS_DATA),
    Figure("paper, binary bottleneck", "parts", _iu(97.41, 70.35, 62.49), "", PARTS_DATA),
)

# The same, on the sets as their builders prepare them.
COMPARED["aflw2000", "test"] = COMPARED["aflw2000", "val_68"]
COMPARED["aflw", "test"] = COMPARED["aflw2000", "val_21"]

# AFLW-PIFA (tables 12 and 13): no data here, kept for the card.
PIFA_COMPARED = {
    "NME visible": {"paper, binary": 3.02, "CALE": 2.96, "PAWF": 4.72, "RCPR": 6.26, "PIFA": 8.04},
    "NME": {"paper, binary": 4.47, "CALE": 4.97},
}


def compared(data, split, metrics):
    """Others' figures for what `metrics` measures on a split, best known first as the tables list them."""
    if "parts" in metrics:
        return PARTS_COMPARED
    return tuple(figure for figure in COMPARED.get((data, split), ()) if figure.metric in metrics)
