"""Landmark schemes as data: names, mirror pairs, skeleton edges, and conversions where landmarks correspond.

    SCHEMES["mpii16"].names[10]                              # "r_wrist"
    points, visible = convert(points, visible, "ibug68", "aflw21")

"left" and "right" of a person are the person's own; of a face they are the image's, as its data sets number them.
Sources: MPII Human Pose, Leeds Sports Pose, COCO keypoints, AFLW, iBUG 300-W. Facial parts are a scheme of classes:
same record, no edges.
"""

import collections
import dataclasses
import functools
import itertools

import numpy as np

from bnn_landmarks import records, sides


@dataclasses.dataclass(frozen=True)
class Scheme:
    """names: one per landmark, in order. mirror_pairs: indices that change places in a mirrored image; the others stay.
    edges: index pairs to draw as lines. classes: True where the names are classes of a segmentation."""

    name: str
    names: tuple[str, ...]
    mirror_pairs: tuple[tuple[int, int], ...] = ()
    edges: tuple[tuple[int, int], ...] = ()
    classes: bool = False

    def __post_init__(self):
        records.check(self)
        records.check_range(self, "mirror_pairs edges", low=0, high=len(self.names) - 1)
        twice = [name for name, count in collections.Counter(self.names).items() if count > 1]
        if twice:
            raise ValueError(f"Scheme.names holds {twice[0]!r} twice: name each landmark differently")

    def __len__(self):
        return len(self.names)

    @property
    def mirror(self) -> np.ndarray:
        """Permutation int [K]: landmark i of a mirrored image is landmark mirror[i] of the original."""
        order = np.arange(len(self.names))
        for a, b in self.mirror_pairs:
            order[a], order[b] = b, a
        return order

    @property
    def sides(self) -> tuple:
        """For each landmark that has a mirror partner "left" or "right" where its name says so, None for the others."""
        paired = {i for pair in self.mirror_pairs for i in pair}
        return tuple(sides.side(name) if i in paired else None for i, name in enumerate(self.names))

    @property
    def not_mirrored(self) -> str:
        """Why mirrored images can't be used, in training or with flip: nobody knows which landmarks change places.
        Empty where they can."""
        if self.mirror_pairs or self.classes:
            return ""
        alone = sides.unpaired(self.names)
        if alone:
            return f"{alone[0]!r} has no partner on the other side among the landmarks' names"
        return "no pairs of left and right landmarks are known"

    def to_dict(self) -> dict:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, record: dict) -> "Scheme":
        """Raises ValueError naming the fields that are unknown, missing or wrong."""
        return records.make(cls, record)


def _chain(*indices, closed=False):
    edges = tuple(itertools.pairwise(indices))
    return (*edges, (indices[-1], indices[0])) if closed else edges


_MPII = (
    "r_ankle r_knee r_hip l_hip l_knee l_ankle pelvis thorax upper_neck head_top "
    "r_wrist r_elbow r_shoulder l_shoulder l_elbow l_wrist"
).split()
_LSP = (
    "r_ankle r_knee r_hip l_hip l_knee l_ankle r_wrist r_elbow r_shoulder l_shoulder l_elbow l_wrist neck head_top"
).split()
_COCO = (
    "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow "
    "left_wrist right_wrist left_hip right_hip left_knee right_knee left_ankle right_ankle"
).split()
_AFLW = (
    "brow_1 brow_2 brow_3 brow_4 brow_5 brow_6 eye_1_outer eye_1_centre eye_1_inner eye_2_inner eye_2_centre "
    "eye_2_outer ear_1 nose_left nose_centre nose_right ear_2 mouth_left mouth_centre mouth_right chin"
).split()

_IBUG_PAIRS = (
    *((i, 16 - i) for i in range(8)),
    *((17 + i, 26 - i) for i in range(5)),
    *((31, 35), (32, 34)),
    *((36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)),
    *((48, 54), (49, 53), (50, 52), (55, 59), (56, 58)),
    *((60, 64), (61, 63), (65, 67)),
)
_IBUG_EDGES = (
    *_chain(*range(17)),
    *_chain(*range(17, 22)),
    *_chain(*range(22, 27)),
    *_chain(*range(27, 31)),
    *_chain(*range(31, 36)),
    *_chain(*range(36, 42), closed=True),
    *_chain(*range(42, 48), closed=True),
    *_chain(*range(48, 60), closed=True),
    *_chain(*range(60, 68), closed=True),
)

SCHEMES = {
    scheme.name: scheme
    for scheme in (
        Scheme(
            "mpii16",
            tuple(_MPII),
            ((0, 5), (1, 4), (2, 3), (10, 15), (11, 14), (12, 13)),
            (*_chain(0, 1, 2, 6, 3, 4, 5), *_chain(6, 7, 8, 9), *_chain(10, 11, 12, 7, 13, 14, 15)),
        ),
        Scheme(
            "lsp14",
            tuple(_LSP),
            ((0, 5), (1, 4), (2, 3), (6, 11), (7, 10), (8, 9)),
            (*_chain(0, 1, 2, 3, 4, 5), *_chain(6, 7, 8, 12, 9, 10, 11), (12, 13), (2, 8), (3, 9)),
        ),
        Scheme(
            "coco17",
            tuple(_COCO),
            ((1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16)),
            (*_chain(15, 13, 11, 12, 14, 16), (5, 11), (6, 12), *_chain(9, 7, 5, 6, 8, 10))
            + (*_chain(0, 1, 2, closed=True), *_chain(1, 3, 5), *_chain(2, 4, 6)),
        ),
        Scheme(
            "aflw21",
            tuple(_AFLW),
            ((0, 5), (1, 4), (2, 3), (6, 11), (7, 10), (8, 9), (12, 16), (13, 15), (17, 19)),
            (*_chain(0, 1, 2), *_chain(3, 4, 5), *_chain(6, 7, 8), *_chain(9, 10, 11), *_chain(13, 14, 15))
            + (*_chain(17, 18, 19), (12, 20), (16, 20)),
        ),
        Scheme(
            "aflw19",
            tuple(name for name in _AFLW if not name.startswith("ear")),
            ((0, 5), (1, 4), (2, 3), (6, 11), (7, 10), (8, 9), (12, 14), (15, 17)),
            (*_chain(0, 1, 2), *_chain(3, 4, 5), *_chain(6, 7, 8), *_chain(9, 10, 11), *_chain(12, 13, 14))
            + _chain(15, 16, 17),
        ),
        Scheme("ibug68", tuple(f"ibug_{i}" for i in range(68)), _IBUG_PAIRS, _IBUG_EDGES),
        # AFLW-PIFA's own files give the order; no public table of names or mirror pairs was found.
        Scheme("pifa34", tuple(f"pifa_{i}" for i in range(34))),
        Scheme(
            "parts7",
            ("background", "skin", "lower_lip", "upper_lip", "inner_mouth", "eyes", "nose"),
            classes=True,
        ),
        Scheme("subjects", ("person", "face")),
    )
}

_AFLW19_IN_21 = [i for i, name in enumerate(_AFLW) if not name.startswith("ear")]

# COCO's names of MPII's and LSP's joints: the limbs. It has no pelvis, neck or head top.
_COCO_LIMBS = {
    name.replace("left_", "l_").replace("right_", "r_"): i for i, name in enumerate(_COCO) if i >= 5
}

# (source, target) -> for each target landmark the source landmarks whose mean it is, () where there is none.
_IBUG_TO_AFLW21 = (
    *((17,), (19,), (21,), (22,), (24,), (26,)),
    *((36,), (37, 38, 40, 41), (39,), (42,), (43, 44, 46, 47), (45,)),
    *((), (31,), (30,), (35,), ()),
    *((48,), (62, 66), (54,), (8,)),
)
CONVERSIONS = {
    ("ibug68", "aflw21"): _IBUG_TO_AFLW21,
    ("ibug68", "aflw19"): tuple(_IBUG_TO_AFLW21[i] for i in _AFLW19_IN_21),
    ("aflw21", "aflw19"): tuple((i,) for i in _AFLW19_IN_21),
    ("aflw19", "aflw21"): tuple((_AFLW19_IN_21.index(i),) if i in _AFLW19_IN_21 else () for i in range(21)),
    # LSP's neck is MPII's upper neck.
    ("lsp14", "mpii16"): tuple(
        (_LSP.index({"upper_neck": "neck"}.get(name, name)),)
        if {"upper_neck": "neck"}.get(name, name) in _LSP
        else ()
        for name in _MPII
    ),
    ("coco17", "mpii16"): tuple((_COCO_LIMBS[name],) if name in _COCO_LIMBS else () for name in _MPII),
    ("coco17", "lsp14"): tuple((_COCO_LIMBS[name],) if name in _COCO_LIMBS else () for name in _LSP),
    ("mpii16", "lsp14"): tuple((_MPII.index({"neck": "upper_neck"}.get(name, name)),) for name in _LSP),
}


def _by_name(source, target):
    """For each name of the target the index of the source's in (), as in CONVERSIONS; None unless all are there."""
    same = [sides.same(name) for name in source.names]
    groups = []
    for name in target.names:
        if name in source.names:
            groups.append((source.names.index(name),))
        elif same.count(sides.same(name)) == 1:
            groups.append((same.index(sides.same(name)),))
        else:
            return None
    return groups if len(set(groups)) == len(groups) else None


@functools.lru_cache
def conversion(source: Scheme, target: Scheme) -> tuple:
    """For each landmark of the target the indices of the source's whose mean it is, () where there is none.

    Landmarks are matched by their names, in whatever order they are listed and however they are spelled (`sides.same`),
    then by `CONVERSIONS` between schemes of those names.

    Raises:
        ValueError: landmarks of the target are missing from the source.
    """
    groups = _by_name(source, target)
    if groups:
        return tuple(groups)
    for (a, b), between in CONVERSIONS.items():
        before, after = _by_name(source, SCHEMES[a]), _by_name(SCHEMES[b], target)
        if before and after:
            return tuple(tuple(before[j][0] for j in between[i]) for (i,) in after)
    known = {sides.same(name) for name in source.names}
    missing = [name for name in target.names if sides.same(name) not in known]
    raise ValueError(
        f"no conversion from scheme {source.name!r} to {target.name!r}: "
        + (
            f"{', '.join(missing[:5])}{' ...' if len(missing) > 5 else ''} missing"
            if missing
            else "names are ambiguous"
        )
    )


def convert(points, visible, source: Scheme | str, target: Scheme | str):
    """Landmarks of one scheme as another's.

    Args:
        points: float [..., K, 2]. visible: int [..., K], 0 where not annotated.
        source, target: schemes, or names of `SCHEMES`.

    Returns:
        points float [..., L, 2] and visible int [..., L]; landmarks with no counterpart, or with one that is not
        annotated, are 0 and not annotated. A mean of several is as visible as the least visible of them.

    Raises:
        ValueError: the two schemes have no known correspondence (`conversion`).
    """
    points, visible = np.asarray(points, np.float32), np.asarray(visible)
    source, target = (SCHEMES[s] if isinstance(s, str) else s for s in (source, target))
    if source.names == target.names:
        return points, visible
    groups = conversion(source, target)
    out_points = np.zeros((*points.shape[:-2], len(groups), 2), np.float32)
    out_visible = np.zeros((*visible.shape[:-1], len(groups)), visible.dtype)
    for i, group in enumerate(groups):
        if group:
            out_points[..., i, :] = points[..., group, :].mean(axis=-2)
            out_visible[..., i] = visible[..., group].min(axis=-1)
    out_points[out_visible == 0] = 0
    return out_points, out_visible
