"""Time the engine against an older build of its library, as LiteRT's delegate, each with its own file, in turn.

    git worktree add --detach OLD COMMIT && (cd OLD && PYTHONPATH=. python -m bnn_landmarks.runtime.build)
    python benchmarks/older_build.py OLD/bnn_landmarks/runtime/libbnn_landmarks_runtime.so \
        OLD/zoo/weights/pose.tflite zoo/weights/pose.tflite [--threads 1,2] [--rounds 30]

Each round runs every one of them once. The ratio is of medians, wall-clock.
"""

import argparse
import functools
import statistics
import time

import numpy as np
from ai_edge_litert.interpreter import Interpreter, load_delegate

from bnn_landmarks.runtime.engine import Network


def older(library, model, threads):
    """A run of the file by the older library in LiteRT, all of its float operators by XNNPACK."""
    delegate = load_delegate(library, {"num_threads": str(threads)})
    interpreter = Interpreter(model, experimental_delegates=[delegate], num_threads=threads)
    interpreter.allocate_tensors()
    details = interpreter.get_input_details()[0]
    interpreter.set_tensor(details["index"], image(details["shape"]))
    return interpreter.invoke


def image(shape):
    return (np.random.default_rng(0).integers(0, 256, shape) / 255).astype(np.float32)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("library", help="the older build")
    parser.add_argument("before", help="the file that it runs")
    parser.add_argument("after", help="the file that this build runs")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=30)
    arguments = parser.parse_args()
    runs = {}
    for threads in map(int, arguments.threads.split(",")):
        runs["before", threads] = older(arguments.library, arguments.before, threads)
        network = Network(arguments.after, threads)
        runs["after", threads] = functools.partial(network.run, [image(network.inputs[0][0])])
    times = {which: [] for which in runs}
    for run in runs.values():
        run()
    for _ in range(arguments.rounds):
        for which, run in runs.items():
            start = time.perf_counter()
            run()
            times[which].append((time.perf_counter() - start) * 1e3)
    for (when, threads), taken in times.items():
        ratio = statistics.median(times["before", threads]) / statistics.median(taken)
        least = min(times["before", threads]) / min(taken)
        print(
            f"{when:6} {threads} threads: min {min(taken):6.2f}, median {statistics.median(taken):6.2f} ms; "
            f"{ratio:.2f} times as fast as before ({least:.2f} by the shortest)"
        )


if __name__ == "__main__":
    main()
