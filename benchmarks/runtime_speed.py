"""Measure the runtime, alone and as a delegate in LiteRT, against LCE's kernels and float TFLite on XNNPACK, in turn.

    python benchmarks/runtime_speed.py [--size 256] [--rounds 15] [--threads 1,2] [--json out.json]

The networks have random weights: time does not depend on them. Each round runs every engine once, in turn, so that a
disturbance hits all of them; ratios of medians are what to read. Wall-clock time, and the processor time of the
process, which other programs on the machine disturb less.
"""

import argparse
import dataclasses
import functools
import json
import os
import statistics
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from bnn_landmarks import runtime
from bnn_landmarks.runtime.engine import Network


def make_files(size):
    """The network of the entry `pose` as an LCE file, and its real-valued twin as a float TFLite file."""
    from bnn_landmarks import zoo
    from bnn_landmarks.network.build import build
    from export import lce, tflite

    spec = dataclasses.replace(zoo.entry("pose").spec, input_size=size)
    twin = dataclasses.replace(spec, options={"binary": False})
    return lce.convert(build(spec)), tflite.convert(build(twin))


def litert(content, threads):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=threads)
    interpreter.allocate_tensors()
    return interpreter


def caller(interpreter, image):
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    return interpreter.invoke


def lce_caller(content, image, indirect):
    from larq_compute_engine.tflite.python.interpreter import Interpreter

    interpreter = Interpreter(content, num_threads=1, use_indirect_bgemm=indirect)
    return lambda: interpreter.interpreter.predict([image])


def engines(size, threads):
    binary, real = make_files(size)
    image = np.random.default_rng(0).random((1, size, size, 3)).astype(np.float32)
    calls = {}
    for count in threads:
        calls[f"engine ({runtime.kernels()}), {count} threads"] = functools.partial(
            Network(binary, count).run, [image]
        )
        calls[f"delegate ({runtime.kernels()}), {count} threads"] = caller(
            runtime.interpreter(binary, count), image
        )
        calls[f"float XNNPACK, {count} threads"] = caller(litert(real, count), image)
    calls["LCE indirect, 1 threads"] = lce_caller(binary, image, True)
    calls["LCE default, 1 threads"] = lce_caller(binary, image, False)
    return calls


def measure(calls, rounds):
    times = {name: {"wall": [], "processor": []} for name in calls}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            wall, processor = time.perf_counter(), time.process_time()
            call()
            times[name]["wall"].append(time.perf_counter() - wall)
            times[name]["processor"].append(time.process_time() - processor)
    return times


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", default="1", help="comma-separated thread counts")
    parser.add_argument("--json", help="also write the times here")
    options = parser.parse_args(arguments)
    times = measure(engines(options.size, [int(n) for n in options.threads.split(",")]), options.rounds)
    rows = {
        name: {clock: [min(values), statistics.median(values)] for clock, values in clocks.items()}
        for name, clocks in times.items()
    }
    base = next(iter(rows))
    print(f"{'':34}{'wall ms':>18}{'processor ms':>18}{'times the first':>20}")
    print(f"{'':34}{'min   median':>18}{'min   median':>18}{'wall   processor':>20}")
    for name, row in rows.items():
        cells = [f"{low * 1e3:8.1f} {middle * 1e3:8.1f}" for low, middle in (row["wall"], row["processor"])]
        ratios = [row[clock][1] / rows[base][clock][1] for clock in ("wall", "processor")]
        print(f"{name:34}{cells[0]:>18}{cells[1]:>18}{ratios[0]:>12.2f}{ratios[1]:>8.2f}")
    if options.json:
        with open(options.json, "w") as file:
            json.dump(times, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
