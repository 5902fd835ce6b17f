"""Whether every engine computes the same: the last bits before the head, the maps, the points, on many crops.

    python benchmarks/equality.py pose_128 mpii/val --data DATA --crops 500 --noise 500
    BNN_LANDMARKS_KERNELS=avx2 python benchmarks/equality.py pose

The network is an entry or packed weights (.npz); Keras is what the others are held against: LCE's interpreter with each
of its kernels, stock LiteRT with the delegate, the engine. Where the kernels of `BNN_LANDMARKS_KERNELS` are tried one
after another, run it once for each. Exits with 1 where a bit differs, maps differ by more than the order of the head's
sum allows (`export.verify.head_bound`), or a point by more than `export.verify.POINTS` pixels.
"""

import argparse
import functools
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from tqdm import tqdm

from bnn_landmarks import zoo
from bnn_landmarks.evaluation.examples import example, open_split
from bnn_landmarks.geometry import crops, heatmaps
from bnn_landmarks.network import weights
from export import lce, verify

REFERENCE = "LCE's reference kernel"


def pixels(spec, dataset, data, count, noise):
    """Crops of a split's subjects, evenly drawn, then noise: a list of uint8 [S, S, 3]."""
    taken = []
    if dataset and count:
        samples, _, _ = open_split(dataset, data=data)
        chosen = np.linspace(0, len(samples) - 1, min(count, len(samples))).astype(int)
        taken = [example(samples[int(n)], samples.scheme, spec).patch for n in chosen]
    rng = np.random.default_rng(0)
    shape = (noise, spec.input_size, spec.input_size, 3)
    return [*taken, *rng.integers(0, 256, shape, dtype=np.uint8)]


def compare(model, engines, images):
    """What each engine differs by from Keras on all images -> {engine: [bits, maps, share of the bound, points]}."""
    spec, head = model.spec, verify.parents(model.get_layer(model.output_names[-1]))[0]
    _, conv = verify.folded(verify.parents(head)[0])
    import tensorflow as tf

    inner = tf.keras.Model(
        model.input, [verify.parents(conv)[0].output, verify.parents(head)[0].output, head.output]
    )
    keras = tf.function(functools.partial(inner, training=False))
    tapped, _, signs = verify.tap(lce.convert(model), {}, {conv.name})
    runs = {name: opened(tapped) for name, opened in engines.items()}
    worst = {name: np.zeros(4) for name in runs}
    for image in tqdm(images):
        call = crops.to_input(image[None])
        bits, read, maps = (part.numpy() for part in keras(call))
        allowed = verify.head_bound(head, read)
        for name, run in runs.items():
            outputs = run(call)
            found = verify.unpacked(outputs[signs[conv.name]], bits.shape[-1])
            off = np.abs(outputs[0] - maps)
            points = 0.0
            if spec.task == "landmarks":
                ours, theirs = (heatmaps.decode(m, spec.stride, spec.score)[0] for m in (maps, outputs[0]))
                points = np.linalg.norm(ours - theirs, axis=-1).max()
            of_this = [(found != (bits >= 0)).sum(), off.max(), (off / allowed).max(), points]
            worst[name] = np.maximum(worst[name], of_this)
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", help="an entry, or packed weights (.npz)")
    parser.add_argument("dataset", nargs="?", help="data set to take crops of, as mpii/val")
    parser.add_argument("--data", help="directory the data set is looked for in")
    parser.add_argument("--crops", type=int, default=500, help="real crops (500)")
    parser.add_argument("--noise", type=int, default=500, help="images of noise (500)")
    parser.add_argument(
        "--reference", action="store_true", help="LCE's reference kernel too, a minute an image"
    )
    arguments = parser.parse_args()
    packed = arguments.network.endswith(weights.SUFFIX)
    model = weights.load(arguments.network) if packed else zoo.load(arguments.network)
    engines = {"LCE's default kernel": lce.interpreter, **lce.other_interpreters()}
    if arguments.reference:
        engines[REFERENCE] = functools.partial(lce.interpreter, use_reference_bconv=True)
    images = pixels(model.spec, arguments.dataset, arguments.data, arguments.crops, arguments.noise)
    worst = compare(model, engines, images)
    print(
        f"{model.spec.name} against Keras: wrong bits, maps differ by (share of what is allowed), points by"
    )
    for name, (bits, maps, share, points) in worst.items():
        print(f"{name:24} {bits:.0f} bits, {maps:.1e} ({share:.1%}), {points:.1e} pixels")
    equal = all(
        bits == 0 and share <= 1 and points <= verify.POINTS for bits, _, share, points in worst.values()
    )
    sys.exit(0 if equal else 1)


if __name__ == "__main__":
    main()
