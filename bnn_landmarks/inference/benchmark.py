"""Engines side by side on one network in one run: the measure behind `bnn-landmarks benchmark`.

    timings = compare("pose", ("runtime", "lce-indirect", "tflite"), num_threads=1, rounds=30)

The engines take turns, round by round, so that a machine whose speed drifts slows all of them: quote the ratios. Peak
memory is that of a process of its own that opens the network and runs it once.
"""

import dataclasses
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile
import time

import numpy as np

from bnn_landmarks import extras
from bnn_landmarks.files import atomic_write
from bnn_landmarks.inference import exported
from bnn_landmarks.inference.engines import ENGINES, exported_file, open_engine, spec_of

LCE_KERNELS = {
    "lce-default": {},
    "lce-indirect": {"use_indirect_bgemm": True},
    "lce-reference": {"use_reference_bconv": True},
}
VARIANTS = (*(name for name in ENGINES if name != "lce"), *LCE_KERNELS)

_CHILD = """
import pathlib, re, resource, sys
import numpy as np
from bnn_landmarks.inference import benchmark
source, variant, threads, size = sys.argv[1:]
benchmark.opened(source, variant, int(threads))(np.zeros((1, int(size), int(size), 3), np.float32))
status = pathlib.Path("/proc/self/status")  # ru_maxrss would be the parent's where that was larger
if status.is_file():
    print(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1])
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@dataclasses.dataclass(frozen=True)
class Timing:
    """One engine's figures; only `error` where it can't run here.

    milliseconds: of each round, one image. peak_mb: peak resident memory, MiB, None for a model in memory.
    file_bytes: size of the file it loads, None for Keras. profile: (step, milliseconds) of the runtime's first run.
    """

    engine: str
    milliseconds: tuple = ()
    peak_mb: float | None = None
    file_bytes: int | None = None
    profile: tuple = ()
    error: str | None = None

    def percentile(self, share):
        return float(np.percentile(self.milliseconds, share))


def opened(source, variant, num_threads):
    """A function that runs images [1, S, S, 3] through a variant of `VARIANTS`; errors as `open_engine`."""
    if variant not in LCE_KERNELS:
        return open_engine(source, variant, num_threads).run
    from larq_compute_engine.tflite.python.interpreter import Interpreter

    interpreter = Interpreter(exported_file(source, "lce").data, num_threads, **LCE_KERNELS[variant])
    batch = interpreter.input_shapes[0][0]  # a file of several images per call is given the image as often
    return lambda images: interpreter.interpreter.predict([np.repeat(images, batch, axis=0)])


def _file(source, variant, directory):
    """What a variant loads, as a file that needs no conversion any more; Keras's source stays as it is."""
    if variant == "keras":
        return source, None
    path = pathlib.Path(directory) / f"{'float' if variant == 'tflite' else 'lce'}.tflite"
    if not path.is_file():
        exported.write(exported_file(source, variant), path)
    return path, path.stat().st_size


def _child(source, variant, num_threads, size):
    """Peak memory in MiB of a process that opens a variant and runs it once, and the steps of the runtime's run."""
    if not isinstance(source, str | pathlib.Path):
        return None, ()
    arguments = [sys.executable, "-c", _CHILD, str(source), variant, str(num_threads), str(size)]
    environment = {**os.environ, "BNN_LANDMARKS_PROFILE": "1"} if variant == "runtime" else None
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        return None, ()
    peak = float(done.stdout.split()[-1])  # KiB, but bytes on macOS
    steps = re.findall(r"^ *([\d.]+) ms  (.+)$", done.stderr, flags=re.M)
    profile = tuple((name, float(milliseconds)) for milliseconds, name in steps)
    return peak / (2**20 if sys.platform == "darwin" else 2**10), profile


def compare(source, variants=VARIANTS, num_threads=1, rounds=30):
    """Time variants on one network.

    Args:
        source: as `engines.open_engine`. variants: of `VARIANTS`; those that can't run here are told in `error`.
        num_threads: of each interpreter; LCE's indirect kernel has no threads.
        rounds: timed runs of each, after one that is not timed.

    Returns:
        a list of `Timing`, in the order of `variants`.

    Raises:
        ValueError: an unknown variant, or none that can run. As `open_engine`: the network is none.
    """
    unknown = [name for name in variants if name not in VARIANTS]
    if not variants:
        raise ValueError(f"there is no engine to time; the engines are {', '.join(VARIANTS)}")
    if unknown:
        raise ValueError(f"unknown engine {unknown[0]!r}; the engines are {', '.join(VARIANTS)}")
    size = spec_of(source).input_size
    files, runs, errors = {}, {}, {}
    with tempfile.TemporaryDirectory() as directory:
        for variant in variants:
            try:
                with extras.needed_for(f"engine {variant}"):
                    files[variant] = _file(source, variant, directory)
                    runs[variant] = opened(files[variant][0], variant, num_threads)
            except (ImportError, ValueError) as error:
                errors[variant] = str(error)
        if not runs:
            raise ValueError("no engine can run this network here: " + "; ".join(errors.values()))
        image = np.random.default_rng(0).random((1, size, size, 3), np.float32)
        times = {variant: [] for variant in runs}
        for turn in range(rounds + 1):
            for variant, run in runs.items():
                start = time.perf_counter()
                run(image)
                if turn:
                    times[variant].append(1000 * (time.perf_counter() - start))
        found = []
        for variant in variants:
            if variant in errors:
                found.append(Timing(variant, error=errors[variant]))
                continue
            path, file_bytes = files[variant]
            peak, profile = _child(path, variant, num_threads, size)
            found.append(Timing(variant, tuple(times[variant]), peak, file_bytes, profile))
    return found


def table(timings, num_threads):
    """The timings as lines of text, ratios to the first engine first."""
    ran = [timing for timing in timings if timing.milliseconds]
    base = ran[0].percentile(50)
    lines = [
        f"one image, {num_threads} thread(s); time as a multiple of {ran[0].engine}'s, medians of one run"
    ]
    lines.append(
        f"{'engine':14}{'ratio':>8}{'median ms':>11}{'5 %':>9}{'95 %':>9}{'peak MiB':>10}{'file bytes':>13}"
    )
    for timing in timings:
        if timing.error:
            lines.append(f"{timing.engine:14} not here: {timing.error}")
            continue
        low, median, high = (timing.percentile(share) for share in (5, 50, 95))
        memory = f"{timing.peak_mb:10.0f}" if timing.peak_mb else " " * 10
        size = f"{timing.file_bytes:13,}" if timing.file_bytes else " " * 13
        lines.append(
            f"{timing.engine:14}{median / base:8.2f}{median:11.2f}{low:9.2f}{high:9.2f}{memory}{size}"
        )
    return lines


def record(timings, name, num_threads):
    """The timings as a dict for JSON, with the machine they were taken on."""
    return {
        "network": name,
        "num_threads": num_threads,
        "machine": platform.processor() or platform.machine(),
        "system": platform.platform(),
        "timings": [dataclasses.asdict(timing) for timing in timings],
    }


def plot(timings, path):
    """Bars of the median time with the 5th and 95th percentile."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    ran = [timing for timing in timings if timing.milliseconds][::-1]
    medians = [timing.percentile(50) for timing in ran]
    whiskers = [[m - t.percentile(5) for m, t in zip(medians, ran, strict=True)]]
    whiskers += [[t.percentile(95) - m for m, t in zip(medians, ran, strict=True)]]
    figure, axes = pyplot.subplots(figsize=(7, 0.6 + 0.45 * len(ran)), layout="constrained")
    bars = axes.barh([timing.engine for timing in ran], medians, xerr=whiskers)
    axes.bar_label(bars, [f"{median:.1f}" for median in medians], padding=6)
    axes.set_xlabel("milliseconds an image: median, 5 % to 95 %")
    with atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=120)
    pyplot.close(figure)
