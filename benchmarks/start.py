"""Load time and peak memory of the engine, and what a program takes from its start to the first prediction.

    python benchmarks/start.py [pose pose_128] [--rounds 5]

Every figure is of a process of its own, the shortest and the least of some rounds, engines in turn: opening a file
and a first run of the engine alone; and a program that imports the package, localizes one photograph and ends, on the
engine and on Larq Compute Engine's interpreter (extra `train`).
"""

import argparse
import importlib.util
import os
import subprocess
import sys
import time

ENGINE = """
import resource, sys, time
from bnn_landmarks.runtime import library
from bnn_landmarks.runtime.engine import Network
import numpy as np
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
content = open(sys.argv[1], "rb").read()
library()
before, start = peak(), time.perf_counter()
network = Network(content)
opened, after_open = time.perf_counter() - start, peak()
network.run([np.zeros(shape, dtype) for shape, dtype in network.inputs])
print(opened * 1e3, after_open - before, peak() - before)
"""

PROGRAM = """
import sys
import bnn_landmarks
from bnn_landmarks.geometry import images
localizer = bnn_landmarks.Localizer(sys.argv[1], engine=sys.argv[2])
height, width = (image := images.read(images.sample("person"))).shape[:2]
localizer(image, boxes=[(0, 0, width, height)])
"""


def child(code, *arguments):
    """Seconds, peak memory in MB, and the numbers printed, of a Python process."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True)
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(arguments)} did not run")
    return time.perf_counter() - start, usage.ru_maxrss / 1024, [float(number) for number in printed.split()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("entries", nargs="*", default=["pose", "pose_128"], help="of the zoo")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    from bnn_landmarks import zoo

    engines = ["runtime", *(["lce"] if importlib.util.find_spec("larq_compute_engine") else [])]
    for entry in arguments.entries:
        path = str(zoo.WEIGHTS / f"{entry}.tflite")
        rounds = [child(ENGINE, path)[2] for _ in range(arguments.rounds)]
        opened, after_open, after_run = (min(values) for values in zip(*rounds, strict=True))
        print(
            f"{entry}: opening {opened:.1f} ms; peak memory {after_open:.1f} MB more when open, "
            f"{after_run:.1f} MB more after a run"
        )
        whole = {engine: [] for engine in engines}
        for _ in range(arguments.rounds):
            for engine in engines:
                whole[engine].append(child(PROGRAM, path, engine)[:2])
        for engine, taken in whole.items():
            seconds, memory = (min(values) for values in zip(*taken, strict=True))
            print(
                f"{entry}: import and first prediction on {engine}: {seconds:.2f} s, {memory:.0f} MB at most"
            )


if __name__ == "__main__":
    main()
