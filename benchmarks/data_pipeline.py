"""How fast training samples are made, and what share of its time a training step waits for them.

    python benchmarks/data_pipeline.py --data DATA --set lspet --split train

Prints one JSON line: samples a second on one core, milliseconds per sample in each stage (opening: file and decoding;
crop; appearance), and for a real training step on all cores the milliseconds a step takes and waits.
"""

import argparse
import json
import time

import cv2
import numpy as np

from bnn_landmarks import datasets
from bnn_landmarks.datasets.sample import subject_square
from bnn_landmarks.geometry import crops
from bnn_landmarks.spec import Spec
from bnn_landmarks.training import augment
from bnn_landmarks.training.augment import Augmentation
from bnn_landmarks.training.samples import TrainingSamples, batches


def stages(dataset, spec, how, count):
    """Milliseconds a sample on one core: opening, crop, appearance."""
    rng, spent = np.random.default_rng(0), np.zeros(3)
    for index in rng.integers(0, len(dataset), count):
        times = [time.perf_counter()]
        sample = dataset[int(index)]
        times.append(time.perf_counter())
        matrix, _ = augment.random_affine(rng, *subject_square(sample, spec), spec.input_size, how)
        patch = crops.crop(sample.image, matrix, spec.input_size)
        times.append(time.perf_counter())
        augment.random_appearance(rng, patch, how)
        times.append(time.perf_counter())
        spent += np.diff(times)
    return 1000 * spent / count


def samples_a_second(samples, count):
    """Whole samples on one core."""
    start = time.perf_counter()
    for number in range(count):
        samples[number]
    return count / (time.perf_counter() - start)


def steps(samples, batch_size, count):
    """Milliseconds a training step takes without its data, and waits for its data."""
    from bnn_landmarks.network.build import build
    from bnn_landmarks.training.losses import landmark_loss

    spec = samples.spec
    model = build(spec)
    model.compile(
        "adam", landmark_loss("parts" if spec.task == "parts" else "softmax", spec.stride, spec.sigma)
    )
    stream = iter(batches(samples, batch_size))
    for _ in range(3):
        model.train_on_batch(*next(stream))
    waited = worked = 0.0
    for _ in range(count):
        start = time.perf_counter()
        batch = next(stream)
        ready = time.perf_counter()
        model.train_on_batch(*batch)
        waited, worked = waited + ready - start, worked + time.perf_counter() - ready
    return 1000 * worked / count, 1000 * waited / count


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="directory of the data sets")
    parser.add_argument("--set", default="lspet", help="data set")
    parser.add_argument("--split", default="train")
    parser.add_argument("--input-size", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--count", type=int, default=400, help="samples to time on one core")
    parser.add_argument("--steps", type=int, default=12, help="training steps to time; 0 for none")
    arguments = parser.parse_args()

    cv2.setNumThreads(1)
    dataset = datasets.open(arguments.set, arguments.split, arguments.data)
    scheme = dataset.scheme
    task = "parts" if scheme.classes else "landmarks"
    spec = Spec("benchmark", task, scheme.name, arguments.input_size, landmarks=scheme.to_dict())
    samples = TrainingSamples([dataset], spec, Augmentation(blur=0.2, occlude=0.3, low_resolution=0.2))
    opening, crop, appearance = stages(dataset, spec, samples.augmentation, arguments.count)
    record = {"set": arguments.set, "input_size": spec.input_size, "batch_size": arguments.batch_size}
    record["samples_a_second_on_one_core"] = round(samples_a_second(samples, arguments.count), 1)
    record["milliseconds_a_sample"] = {
        "opening": round(opening, 2),
        "crop": round(crop, 2),
        "appearance": round(appearance, 2),
    }
    if arguments.steps:
        step, wait = steps(samples, arguments.batch_size, arguments.steps)
        record |= {"step_milliseconds": round(step, 1), "wait_milliseconds": round(wait, 2)}
        record["share_of_time_waiting"] = round(wait / (step + wait), 4)
    print(json.dumps(record))


if __name__ == "__main__":
    main()
