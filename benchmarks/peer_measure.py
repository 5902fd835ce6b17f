"""What peers find on our validation images, by our metrics: `peers.py measure` and `peers.py time`.

A record is a dict: who, from which package, which file, on which split, how it was used ("box", "box, twice", "whole",
"whole, twice"), metrics as in an evaluation's record, images of which nothing was found, and how steady it is. All are
kept in one file, zoo/peers.json (`evaluation.peers`), and replaced one by one.
"""

import dataclasses
import datetime
import functools
import hashlib
import pathlib
import platform
import subprocess
import tempfile
import time

import numpy as np
import peer_setup
from peer_models import COCO_OF_BLAZEPOSE, IBUG_OF_FACEMESH, PEERS, Finder, square

from bnn_landmarks import datasets, zoo
from bnn_landmarks.evaluation import metrics, peers, record, scoring, steadiness
from bnn_landmarks.evaluation.examples import examples
from bnn_landmarks.inference.localizer import Localizer
from bnn_landmarks.schemes import convert
from bnn_landmarks.spec import Spec

# What is measured of a scheme: the scheme the truth is in, and (data set, split, split on which the square is chosen).
SPLITS = {
    "coco17": ("mpii16", (("mpii", "val", "train"), ("lspet", "val", "train"))),
    "ibug68": ("ibug68", (("helen_afw", "val", "train"), ("aflw2000", "val_68", "train_68"))),
}
STEADY = ("mpii", "helen_afw")
FACTORS = (1.0, 1.1, 1.25, 1.4, 1.6, 1.8, 2.0)
CHOSEN_ON = 100
# The one of a family whose square all of them get.
SPEAKS_FOR = {"BlazePose": "BlazePose Lite", "MoveNet": "MoveNet Lightning", "FaceMesh": "FaceMesh"}
GROUPS = {"PCKh@0.5": ("limbs",), "PCK@0.2 torso": ("limbs",)}


def truths(dataset, scheme):
    """The annotation of a split in a scheme, as `examples.Example`s without pictures."""
    spec = Spec("truth", scheme=scheme, input_size=64)
    return [dataclasses.replace(example, patch=None, labels=None) for example in examples(dataset, spec)]


def in_scheme(points, own, scheme):
    """Points [N, K, 2] of one scheme in another's [N, K', 2]; NaN where it has none."""
    if own == scheme:
        return points
    seen = np.isfinite(points).all(axis=-1).astype(np.int32)
    found = []
    for each, there in zip(points, seen, strict=True):
        converted, known = convert(np.nan_to_num(each), there, own, scheme)
        found.append(np.where(known[:, None] > 0, converted, np.nan))
    return np.stack(found)


def measures(truth, points, scheme):
    """{metric: {group: estimate}} of points [N, K, 2] in image pixels; of bodies the limbs alone, as the rest is not
    the same joints."""
    names = Spec("truth", scheme=scheme).landmark_scheme().names
    found, _ = scoring.landmark_measures(truth, points, names)
    return {
        metric: {
            group: record.rounded(metrics.estimate(ratios))
            for group, ratios in groups.items()
            if group in GROUPS.get(metric, groups) and not group.startswith("ibug_")
        }
        for metric, groups in found.items()
        if not metric.endswith("visible")
    }


def score(truth, points, scheme):
    """The headline in percent, larger is better."""
    names = Spec("truth", scheme=scheme).landmark_scheme().names
    *_, value, more = scoring.headline(scoring.landmark_measures(truth, points, names)[0])
    return value if more else -value


def chosen_factor(finder, data, name, split):
    """How many times the longer side of the box a peer's square should measure: the best of `FACTORS` on the first
    images of a training split, which the networks measured here as ours learned from and the peers did not."""
    scheme = SPLITS[finder.peer.scheme][0]
    dataset = datasets.open(name, split, data)
    chosen = np.linspace(0, len(dataset) - 1, CHOSEN_ON).astype(int)
    samples = Part([dataset[int(i)] for i in chosen], dataset.scheme)
    truth = truths(samples, scheme)

    def right(factor):
        points = np.stack([finder.locate(s.image, *square(s, factor)) for s in samples])
        return score(truth, in_scheme(points, finder.peer.scheme, scheme), scheme)

    return max(FACTORS, key=right)


class Part(list):
    """Some of a split's samples."""

    def __init__(self, samples, scheme):
        super().__init__(samples)
        self.scheme = scheme


def whole_square(image):
    """Centre and side of the square that holds the whole image."""
    size = np.array(image.shape[1::-1])
    return (size - 1) / 2, float(size.max())


def by_own_program(peer, samples, directory):
    """Points [N, K, 2] of the peer's scheme that MediaPipe's whole program finds; NaN where nothing was found."""
    kind, landmarks = ("pose", COCO_OF_BLAZEPOSE) if peer.scheme == "coco17" else ("face", IBUG_OF_FACEMESH)
    with tempfile.TemporaryDirectory() as temporary:
        source, target = (pathlib.Path(temporary) / name for name in ("pictures.npz", "points.npz"))
        np.savez(source, **{str(i): sample.image for i, sample in enumerate(samples)})
        script = pathlib.Path(__file__).with_name("mediapipe_programs.py")
        command = [peer_setup.python(directory), script, kind, peer.own, source, target]
        done = subprocess.run([str(part) for part in command], stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise ValueError(f"MediaPipe's program failed: {done.stderr.strip().splitlines()[-1]}")
        with np.load(target) as found:
            return found["points"][:, landmarks]


def ways(finder, directory, samples, factor):
    """Yields how a peer is used, and its points [N, K, 2] in image pixels."""

    def looked(squares):
        looks = [finder.looks(s.image, *where) for s, where in zip(samples, squares, strict=True)]
        return np.stack(looks, axis=1)

    yield from zip(("box", "box, twice"), looked([square(s, factor) for s in samples]), strict=True)
    if finder.peer.own is None:
        found = looked([whole_square(s.image) for s in samples])
        yield from zip(("whole", "whole, twice"), found, strict=True)
    else:
        yield "whole", by_own_program(finder.peer, samples, directory)


def measure_peer(peer, directory, data, factors):
    """Yields the records of a peer on its splits. factors: {(family, data set): factor}, filled here."""
    models = pathlib.Path(directory) / "models"
    finder = Finder(peer, models)
    published = models / (peer.published or peer.file)
    scheme, splits = SPLITS[peer.scheme]
    for name, split, train in splits:
        if (peer.family, name) not in factors:
            speaker = Finder(PEERS[SPEAKS_FOR[peer.family]], models)
            factors[peer.family, name] = chosen_factor(speaker, data, name, train)
        factor = factors[peer.family, name]
        dataset = datasets.open(name, split, data)
        samples = Part([dataset[i] for i in range(len(dataset))], dataset.scheme)
        truth = truths(samples, scheme)
        for way, points in ways(finder, directory, samples, factor):
            points = in_scheme(points, peer.scheme, scheme)
            found = {
                "name": peer.name,
                "package": peer.package,
                "file": published.name,
                "bytes": published.stat().st_size,
                "sha256": hashlib.sha256(published.read_bytes()).hexdigest(),
                "way": way,
                "factor": factor if way.startswith("box") else None,
                **_facts(samples, name, split, points, measures(truth, points, scheme)),
            }
            if way == "box" and name in STEADY:
                moved = steadiness.of_points(
                    finder, functools.partial(square, factor=factor), finder.size, samples, videos=0
                )
                found["steadiness"] = {
                    "images": len(samples),
                    "movement": {n: record.rounded(m) for n, m in moved.items()},
                }
            yield found


def measure_ours(entry, data):
    """Yields the records of one of our entries without a box: of several subjects that it finds the largest."""
    localizer = Localizer(entry.name)
    for scheme, splits in SPLITS.values():
        if scheme != entry.spec.scheme:
            continue
        for name, split, _ in splits:
            dataset = datasets.open(name, split, data)
            samples = Part([dataset[i] for i in range(len(dataset))], dataset.scheme)
            points = np.stack([_largest(localizer(s.image), len(localizer.scheme)) for s in samples])
            yield {
                "name": entry.name,
                "package": "this project",
                "file": entry.weights,
                "way": "whole",
                **_facts(samples, name, split, points, measures(truths(samples, scheme), points, scheme)),
            }


def _largest(found, count):
    if not found:
        return np.full((count, 2), np.nan)
    return max(found, key=lambda subject: subject.box[2] * subject.box[3]).points


def _facts(samples, name, split, points, found):
    stamp = datetime.datetime.now(datetime.timezone.utc)
    return {
        "data": name,
        "split": split,
        "images": len(samples),
        "missed": int(np.isnan(points).all(axis=(1, 2)).sum()),
        "metrics": found,
        "date": stamp.strftime("%Y-%m-%d %H:%M UTC"),
        "commit": record.commit(),
    }


def entries():
    """Our entries that peers compete with and that have weights."""
    schemes = {scheme for scheme, _ in SPLITS.values()}
    return [
        entry
        for entry in map(zoo.entry, zoo.names())
        if entry.weights is not None and entry.spec.scheme in schemes
    ]


def measure(directory, data, path, names=(), tell=print):
    """Measure peers and our entries without a box, and keep the records in a file.

    names: of `PEERS` or of our entries; all where there are none.

    Raises:
        ValueError: there is no such network. FileNotFoundError: the peers or the data are not there.
    """
    ours = {entry.name: entry for entry in entries()}
    unknown = [name for name in names if name not in PEERS and name not in ours]
    if unknown:
        raise ValueError(f"unknown network {unknown[0]!r}: choose from {', '.join([*PEERS, *ours])}")
    factors = {
        (PEERS[r["name"]].family, r["data"]): r["factor"]
        for r in peers.read(path)["records"]
        if r["name"] in PEERS and r["factor"]
    }
    for name in names or (*PEERS, *ours):
        if name in PEERS:
            found = measure_peer(PEERS[name], directory, data, factors)
        else:
            found = measure_ours(ours[name], data)
        for each in found:
            peers.keep(each, path)
            metric, group, value, _ = scoring.headline(each["metrics"])
            tell(f"{name}, {each['data']} {each['split']}, {each['way']}: {metric} {group} {value:.2f}")


def time_all(directory, path, rounds=200, tell=print):
    """Milliseconds an image of every network, peers and ours, on one thread, one after another round by round, so that
    a machine whose speed drifts slows all of them; kept in the file. What is timed is the network from its input to its
    output, without crop and decoding, in processor time: on one thread that is the clock's, less what other programs
    took of it."""
    runs = {}
    for name, peer in PEERS.items():
        finder = Finder(peer, pathlib.Path(directory) / "models")
        runs[name] = functools.partial(finder.run, finder.input(_picture(finder.size)))
    for entry in entries():
        localizer = Localizer(entry.name, "runtime", num_threads=1)
        size = localizer.spec.input_size
        runs[entry.name] = functools.partial(localizer.engine.run, _picture(size)[None].astype("f4") / 255)
    times = {name: [] for name in runs}
    for turn in range(rounds + 3):
        for name, run in runs.items():
            start = time.process_time()
            run()
            if turn >= 3:
                times[name].append(1000 * (time.process_time() - start))
    found = peers.read(path)
    stamp = datetime.datetime.now(datetime.timezone.utc)
    found["times"] = {
        "machine": _processor(),
        "threads": 1,
        "rounds": rounds,
        "date": stamp.strftime("%Y-%m-%d %H:%M UTC"),
        "commit": record.commit(),
        "milliseconds": {
            name: dict(zip(("median", "low", "high"), _percentiles(each), strict=True))
            for name, each in times.items()
        },
    }
    peers.write(found, path)
    for name, each in found["times"]["milliseconds"].items():
        tell(f"{name:20}{each['median']:8.2f} ms ({each['low']:.2f} to {each['high']:.2f})")


def _percentiles(values):
    return [round(float(p), 3) for p in np.percentile(values, (50, 5, 95))]


def _picture(size):
    return np.random.default_rng(0).integers(0, 256, (size, size, 3)).astype(np.uint8)


def _processor():
    info = pathlib.Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
