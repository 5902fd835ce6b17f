"""Small annotation files changed at random: each is read, or refused in one line; nothing else is ever raised."""

import collections
import copy
import faulthandler
import json
import os

import numpy as np
import pytest
from coco_folders import BIRD, annotation, image, write

from bnn_landmarks import datasets
from bnn_landmarks.datasets import checking, contact_sheet
from bnn_landmarks.spec import Spec
from bnn_landmarks.training import augment
from bnn_landmarks.training.samples import TrainingSamples

RECORD = {
    "info": {},
    "images": [image(1), image(2)],
    "annotations": [annotation(1), annotation(2, center=[50, 40], scale=0.3, head_size=9.5, yaw=30)],
    "categories": [
        {"id": 0, "name": "root"},
        BIRD | {"skeleton": [[1, 2], [1, 3]], "mirror_pairs": [["left_wing", "right_wing"]]},
    ],
}
ODD = (
    *(None, True, False, 0, 1, -1, 2, 3, 1e9, -1e9, 1e400, float("nan"), 10**400, 0.5, 1e-30),
    *(
        "",
        "1",
        "b1.png",
        "b2.png",
        "..",
        "/",
        "a\nb",
        "\0",
        "\ud800",
        "x" * 10_000,
        "left_wing",
        "../../b1.png",
    ),
    *([], [0], [1, 2], [[1, 2]], [[]], [None], {}, {"id": 1}, {"a": {}}, [[0, 0], [0, 0]]),
)


def places(node, path=()):
    """The paths of all values in a record."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


def changed(rng):
    """A record with one to three values replaced, removed, doubled, or exchanged for another of it."""
    record = copy.deepcopy(RECORD)
    for _ in range(rng.integers(1, 4)):
        there = list(places(record))
        if not there:
            break
        *path, key = there[rng.integers(len(there))]
        node = record
        for step in path:
            node = node[step]
        how = rng.integers(5)
        if how == 0:
            del node[key]
        elif how == 1 and isinstance(node, list):
            node.insert(key, copy.deepcopy(node[key]))
        elif how == 2:
            *path, other = there[rng.integers(len(there))]
            value = record
            for step in (*path, other):
                value = value[step]
            node[key] = copy.deepcopy(value)
        else:
            node[key] = copy.deepcopy(ODD[rng.integers(len(ODD))])
    return json.dumps(record).encode()


def damaged(rng, whole):
    """A file with bytes cut off, overwritten or repeated."""
    data = bytearray(whole)
    how, place, length = rng.integers(3), int(rng.integers(len(data))), int(rng.integers(1, 40))
    if how == 0:
        return bytes(data[:place])
    if how == 1:
        data[place : place + length] = rng.integers(0, 256, length, dtype=np.uint8).tobytes()
    else:
        data[place:place] = data[place : place + length] * int(rng.integers(1, 5))
    return bytes(data)


def use(folder):
    """All that reads annotations: training's samples, the sheet's tiles."""
    samples = checking.checked(datasets.open(folder, "train", skip_bad=True), skip_bad=True)
    scheme = samples.scheme
    for index in range(len(samples)):
        contact_sheet.tile(samples[index], scheme)
    if len(samples):
        spec = Spec("t", input_size=32, channels=32, scheme=scheme.name, landmarks=scheme.to_dict())
        patch, target = TrainingSamples([samples], spec, augment.Augmentation())[0]
        assert np.isfinite(target).all() and patch.shape == (32, 32, 3)


def one_line(text):
    return text and "\n" not in text and "\r" not in text and len(text) < 2000


@pytest.mark.parametrize("count", [150, pytest.param(3000, marks=pytest.mark.slow)])
def test_mutated_annotations(tmp_path, count):
    folder, rng = write(tmp_path / "birds"), np.random.default_rng(count)
    path = folder / "annotations" / "train.json"
    read = refused = 0
    for _ in range(count):
        data = damaged(rng, json.dumps(RECORD).encode()) if rng.random() < 0.3 else changed(rng)
        path.write_bytes(data)
        try:
            use(folder)
            read += 1
        except (ValueError, OSError, ImportError) as error:
            assert one_line(str(error)), data
            refused += 1
        for report in checking.report(folder):
            assert all(one_line(line) for line in (*report.lines, *report.problems)), data
    assert read > count / 5 and refused > count / 5, "both kinds are tried"


def write_release(kind, path):
    """A small file of a published set, and what reads it."""
    pytest.importorskip("tensorflow_datasets")
    from scipy.io import savemat
    from test_builders import write_aflw

    from bnn_landmarks.datasets import aflw, faces_300w, lsp

    if kind == "pts":
        path.write_text("version: 1\nn_points: 3\n{\n1.5 2.5\n3 4\n5 6\n}\n")
        return path, lambda path: faces_300w.read_pts(path, 3)
    if kind.startswith("mat"):
        joints = np.random.default_rng(0).uniform(1, 40, (3, 14, 4))
        savemat(path, {"joints": joints}, do_compression=kind == "mat compressed")
        return path, lambda path: lsp.read_joints(path, axes=(2, 1, 0))
    write_aflw(path, [(1, "0/a.jpg", {5: (3, 4)}, (1, 2, 30, 31), 0.1)])
    return path / "aflw.sqlite", aflw.read


def in_a_process_of_its_own(read, path):
    """What reading comes to: "read", "refused" in one line, "wrong", or "died"."""
    process = os.fork()
    if not process:
        status = 2
        faulthandler.disable()  # pytest's would print a traceback where SciPy dies.
        try:
            read(path)
            status = 0
        except (ValueError, OSError) as error:
            status = 1 if one_line(str(error)) else 2
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    return "died" if status < 0 else ("read", "refused", "wrong")[status]


@pytest.mark.parametrize("kind", ["pts", "mat", "mat compressed", "sqlite"])
@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_mutated_releases(tmp_path, kind, count):
    """Of few .mat files in a thousand SciPy's reader itself may die, which no program in Python can catch."""
    path, read = write_release(kind, tmp_path / "release")
    whole, rng, ends = path.read_bytes(), np.random.default_rng(0), collections.Counter()
    for _ in range(count):
        data = damaged(rng, whole)
        path.write_bytes(data)
        end = in_a_process_of_its_own(read, path)
        assert end != "wrong" and (end != "died" or kind.startswith("mat")), data
        ends[end] += 1
    assert ends["refused"] > 5 and ends["died"] <= count / 50
