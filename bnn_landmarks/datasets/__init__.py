"""Annotated images, one record for all sets (`Sample`), and where to find them by name.

    samples = datasets.open("lspet", "train", "data")       # a sequence: len(samples), samples[0], samples.scheme

A data set is a folder of images and annotations as it is (`coco.CocoKeypoints`, `masks.MaskFolder`), or one that
`bnn-landmarks data prepare NAME --from DIR` built from a published release (`BUILDERS`: tensorflow-datasets builders,
one module each, read back by `prepared.Prepared`).
"""

import difflib
import importlib
import os
import pathlib

from bnn_landmarks import extras

BUILDERS = {
    "mpii": "Mpii",
    "lsp": "Lsp",
    "lspet": "Lspet",
    "aflw": "Aflw",
    "aflw_pifa": "AflwPifa",
    "aflw2000": "Aflw2000",
    "faces_300w": "Faces300w",
    "faces_300w_lp": "Faces300wLp",
    "celebamask_hq": "CelebamaskHq",
    "coco_keypoints": "CocoKeypointsBuilder",
}


def builder_class(name: str) -> type:
    """The tensorflow-datasets builder called `name`. Imports tensorflow-datasets.

    Raises:
        ValueError: no such data set; the message names the close ones.
    """
    if name not in BUILDERS:
        close = difflib.get_close_matches(name, BUILDERS, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(BUILDERS)}"
        raise ValueError(f"no data set {name!r}: {hint}")
    with extras.needed_for(f"the data set {name}"):
        return getattr(importlib.import_module(f"bnn_landmarks.datasets.{name}"), BUILDERS[name])


def default_data_dir() -> pathlib.Path:
    """Where prepared sets lie when nobody says: $TFDS_DATA_DIR, else ~/tensorflow_datasets (tensorflow-datasets' own
    rule)."""
    return pathlib.Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()


def kind_of(folder):
    """What a folder is: "coco" (`coco.CocoKeypoints`), "masks" (`masks.MaskFolder`), "prepared", or None."""
    from bnn_landmarks.datasets.coco import splits

    folder = pathlib.Path(folder)
    if (folder / "annotations").is_dir() or splits(folder):
        return "coco"
    if any(folder.glob("*/masks")):
        return "masks"
    return "prepared" if any(folder.glob("[0-9]*/dataset_info.json")) else None


def open(name, split, data_dir=None, category=None, skip_bad=False):
    """The samples of one split.

    Args:
        name: a folder, or a data set's name below `data_dir`.
        split: a split of it. Prepared sets take tensorflow-datasets' expressions too, "train[:40000]", "afw+ibug".
        data_dir: directory of folders and prepared sets; `default_data_dir()` if None.
        category: of a COCO folder, the category to read where several have landmarks.
        skip_bad: leave annotations of a COCO folder out that can't be used, instead of refusing the file.

    Returns:
        a sequence of `Sample` with `.scheme`: `__len__` and `__getitem__`, read as asked for, from any thread.

    Raises:
        FileNotFoundError: nothing of that name, or not that split; the message says what to do.
        ValueError: the annotations cannot be read.
    """
    from bnn_landmarks.datasets.coco import CocoKeypoints
    from bnn_landmarks.datasets.masks import MaskFolder

    below = pathlib.Path(data_dir) if data_dir else default_data_dir()
    for folder in (below / name, pathlib.Path(name)):
        kind = kind_of(folder)
        if kind == "coco":
            return CocoKeypoints(folder, split, category, skip_bad)
        if kind == "masks":
            return MaskFolder(folder, split)
        if kind == "prepared":
            with extras.needed_for(f"reading {folder}"):
                from bnn_landmarks.datasets.prepared import Prepared

            return Prepared(sorted(folder.glob("[0-9]*/dataset_info.json"))[-1].parent, split)
    base = str(name).split("/")[0]
    if base in BUILDERS:
        hint = f"prepare it: bnn-landmarks data prepare {base} --from DIR --data-dir {below}"
    else:
        close = difflib.get_close_matches(
            str(name), [*BUILDERS, *(p.name for p in below.glob("*") if p.is_dir())], n=1
        )
        hint = (
            f"did you mean {close[0]}?"
            if close
            else "expected DIR/annotations/SPLIT.json, DIR/SPLIT/masks or a prepared set"
        )
    raise FileNotFoundError(f"no data set {str(name)!r} in {below}: {hint}")
