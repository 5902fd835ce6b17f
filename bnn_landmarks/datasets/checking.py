"""Looking at every file of a data set before a training meets the one that is broken.

    samples = checked(datasets.open("birds", "train", "data"), skip_bad=False)      # for training: headers and ends
    report("birds")                                                                 # `data check`: everything

A file that is wrong is one line, and no reason not to look at the next.
"""

import collections
import concurrent.futures
import dataclasses
import itertools
import logging
import pathlib
import threading

import numpy as np
from tqdm import tqdm

from bnn_landmarks.datasets.coco import CocoKeypoints, splits
from bnn_landmarks.datasets.coco_categories import shown
from bnn_landmarks.datasets.masks import MaskFolder
from bnn_landmarks.geometry import image_bytes
from bnn_landmarks.schemes import Scheme, conversion

THREADS = 8
LISTED = 20
SHORT = 500  # samples that take no bar
FAILURES = (OSError, ValueError, ImportError)
logger = logging.getLogger(__name__)


class Part:
    """Some of the samples of a data set."""

    def __init__(self, samples, indices):
        self.samples, self.indices, self.scheme = samples, indices, samples.scheme

    def __len__(self):
        return len(self.indices)

    def __getitem__(self, index):
        return self.samples[self.indices[index]]


def failures(look, count, what) -> dict[int, str]:
    """{index: reason} of the samples for which look(index) raises an error; many at once, with a progress bar."""
    found, stopped = {}, threading.Event()
    bar = tqdm(total=count, desc=what, unit="sample", leave=False, disable=count < SHORT)

    def attempt_every(first):
        for index in range(first, count, THREADS):
            if stopped.is_set():
                return
            try:
                look(index)
            except FAILURES as error:
                found[index] = " ".join(str(error).split())
            except BaseException:
                stopped.set()
                raise
            bar.update()

    with bar, concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        try:
            list(pool.map(attempt_every, range(THREADS)))
        finally:
            stopped.set()  # so that Ctrl-C need not wait for all
    return dict(sorted(found.items()))


def checked(samples, skip_bad=False, name="", pixels=False):
    """The samples, once each one's files are there, whole, and as large as annotated; read from their headers.

    Args:
        skip_bad: leave those out that are not, and say which, instead of refusing.
        name: what messages call the data set. pixels: decode each image, too.

    Raises:
        ValueError: some are not, or with `skip_bad` all; up to 20 are logged, one line each.
    """
    if not hasattr(samples, "check"):
        return samples  # Prepared sets were checked when they were built.
    if isinstance(samples, CocoKeypoints):
        _list([f"{samples.file.path}: {problem}" for problem in samples.file.problems], "left out: ")
    bad = failures(samples.__getitem__ if pixels else samples.check, len(samples), f"checking {name}")
    if not bad:
        return samples
    _list(list(bad.values()), "left out: " if skip_bad else "")
    if not skip_bad or len(bad) == len(samples):
        hint = "" if skip_bad else "; mend them, or leave them out with --skip-bad"
        raise ValueError(f"{len(bad)} of the {len(samples)} samples of {name} can't be used{hint}")
    return Part(samples, [index for index in range(len(samples)) if index not in bad])


def _list(reasons, what):
    for reason in reasons[:LISTED]:
        logger.warning("%s%s", what, reason)
    if len(reasons) > LISTED:
        logger.warning("... and %d more; bnn-landmarks data check lists them", len(reasons) - LISTED)


@dataclasses.dataclass(frozen=True)
class Report:
    """What `data check` found in one split. lines: to print. problems: one line each; none where all is well."""

    split: str
    lines: list
    problems: list


def report(directory, split=None, category=None) -> list[Report]:
    """Everything there is to say about a folder in COCO's keypoints format, or one of masks, split by split.

    Every annotation and every image is read.

    Args:
        split: only this one. category: as `CocoKeypoints`.

    Raises:
        FileNotFoundError: it is neither kind of folder, or has no such split.
    """
    directory = pathlib.Path(directory)
    there = list(splits(directory)) or sorted({path.parent.name for path in directory.glob("*/masks")})
    if not there:
        raise FileNotFoundError(
            f"nothing to check in {directory}: expected DIR/images and DIR/annotations/SPLIT.json, or DIR/SPLIT/masks"
        )
    if split is not None and split not in there:
        raise FileNotFoundError(f"{directory} has no split {split!r}; its splits are {', '.join(there)}")
    chosen = there if split is None else [split]
    if not splits(directory):
        return [_of_masks(directory, name) for name in chosen]
    opened, reports = {}, []
    for name in chosen:
        try:
            opened[name] = CocoKeypoints(directory, name, category, skip_bad=True)
        except FAILURES as error:
            reports.append(Report(name, [], [str(error)]))
        else:
            reports.append(_of_coco(opened[name], name))
    return [*reports, *_between(opened)]


def describe(scheme: Scheme) -> list[str]:
    """A scheme's landmarks, one line each: number, name, side and partner."""
    mirror, width = scheme.mirror, max(map(len, scheme.names))
    return [
        f"{k + 1:5} {name:{width}} {side or '':6}"
        + (f" <-> {mirror[k] + 1} {scheme.names[mirror[k]]}" if mirror[k] != k else "")
        for k, (name, side) in enumerate(zip(map(shown, scheme.names), scheme.sides, strict=True))
    ]


def _of_coco(samples, split):
    file, subjects = samples.file, samples.subjects
    outside, turned = collections.Counter(), set()

    def look(index):
        sample = samples[index]
        height, width = sample.image.shape[:2]
        points = sample.landmarks[sample.visible > 0]
        if ((points < -0.5) | (points > (width - 0.5, height - 0.5))).any():
            outside[index] += 1
        path = samples.images.path(subjects[index].file_name)
        if (image_bytes.tell(path.read_bytes()).orientation or 1) != 1:
            turned.add(sample.name)

    unread = failures(look, len(samples), f"reading {split}").values()
    problems = [*file.problems, *(reason.removeprefix(f"{file.path}: ") for reason in unread)]
    used = len({subject.file_name for subject in subjects})
    lines = [
        f"{file.path}: {', '.join(map(shown, file.categories))}, {len(subjects)} annotations with landmarks "
        f"in {used} of {len(file.file_names)} images",
        *_counts(samples.scheme, subjects),
        *(f"  note: {note}" for note in file.notes),
    ]
    if outside:
        first = subjects[min(outside)].name
        lines.append(
            f"  note: annotations with points outside their image: {len(outside)}, the first {first}"
        )
    if turned:
        lines.append(
            f"  note: images turned by their EXIF tag, whose points are read as of the upright ones: {len(turned)}"
        )
    return Report(split, lines, problems)


def _counts(scheme, subjects):
    visible = np.array([subject.visible for subject in subjects]).reshape(-1, len(scheme))
    labelled, hidden = (visible > 0).sum(axis=0), (visible == 1).sum(axis=0)
    return [
        f"{line}  {a} labelled" + (f", {b} of them hidden" if b else "")
        for line, a, b in zip(describe(scheme), labelled, hidden, strict=True)
    ]


def _of_masks(directory, split):
    samples = MaskFolder(directory, split)
    problems = failures(lambda index: samples[index], len(samples), f"reading {split}")
    return Report(split, [f"{directory / split}: {len(samples)} images with masks"], list(problems.values()))


def _between(opened):
    """What concerns two splits: other points, or the same images."""
    names, found = list(opened), []
    for first, second in itertools.combinations(names, 2):
        lines, problems = [], []
        a, b = opened[first], opened[second]
        try:
            conversion(b.scheme, a.scheme)
        except ValueError as error:
            lines.append(f"note: {first} and {second} have other landmarks: {error}")
        else:
            if a.scheme.names != b.scheme.names:
                lines.append(
                    f"note: {first} and {second} list the same landmarks otherwise; they are matched by name"
                )
        same = {s.file_name for s in a.subjects} & {s.file_name for s in b.subjects}
        if same:
            lines.append(
                f"note: images both in {first} and in {second}: {len(same)}, the first {shown(min(same))}"
            )
        if lines:
            found.append(Report(f"{first}, {second}", lines, problems))
    return found
