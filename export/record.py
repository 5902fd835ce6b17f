"""What goes with an exported file: its `.json`, its golden vectors, and the command line both exporters share."""

import argparse
import hashlib
import json
import pathlib
import time

import numpy as np
from absl import logging

import bnn_landmarks
from bnn_landmarks import terminal
from bnn_landmarks.files import atomic_write, check_directory, check_place
from bnn_landmarks.geometry import boxes, crops, heatmaps, images
from bnn_landmarks.inference import detect
from export.rewrite import INPUT_DTYPES

RANDOM_IMAGES = 2


def photograph(spec):
    """The crop of the shipped photograph of a person or a face, or all of it for finding them; uint8 [S, S, 3]."""
    if spec.task == "boxes":
        image = images.read(images.sample("person"))
        return crops.crop(image, boxes.letterbox(image.shape, spec.input_size), spec.input_size)
    name = "face" if spec.scheme in detect.FACE_SCHEMES else "person"
    image = images.read(images.sample(name))
    box = images.SAMPLE_BOXES.get(name) or detect.detect(image, spec.landmark_scheme())[0]
    center, side = crops.square(box, spec.box_side, spec.padding)
    return crops.crop(image, crops.affine(center, side, spec.input_size), spec.input_size)


def examples(spec, batch, dtype):
    """What a file is proved on: the photograph's crop and random images, a multiple of `batch`, as it takes them."""
    count = -(-(1 + RANDOM_IMAGES) // batch) * batch
    shape = (count - 1, spec.input_size, spec.input_size, 3)
    noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    inputs = np.concatenate([photograph(spec)[None], noise])
    return inputs if dtype == "uint8" else crops.to_input(inputs)


def golden(spec, inputs, maps):
    """Golden vectors: `input` and `maps` of one call and what is decoded of them (boxes: of its first image)."""
    vectors = {"input": inputs, "maps": maps}
    if spec.task == "parts":
        return {**vectors, "classes": maps.argmax(axis=-1).astype(np.uint8)}
    if spec.task == "boxes":
        for kind, (found, scores) in zip(
            spec.landmark_scheme().names, boxes.decode(maps[0], spec.stride), strict=True
        ):
            vectors |= {f"{kind}_boxes": found, f"{kind}_scores": scores}
        return vectors
    points, _ = heatmaps.decode(maps, spec.stride, spec.score)
    return {**vectors, "points": points, "scores": heatmaps.scores(maps, spec.score, spec.sigma)}


def describe(data, spec, dtype, found, golden_name):
    """The `.json` beside a file: all an app needs to feed it and to read its maps."""
    from export.verify import input_shape

    scheme, shape = spec.landmark_scheme(), input_shape(data)
    return {
        "name": spec.name,
        "bnn_landmarks": bnn_landmarks.__version__,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "input": dtype,
        "input_shape": shape,
        "input_range": [0, 255] if dtype == "uint8" else [0, 1],
        "channel_order": "RGB",
        "output": "float32",
        "output_shape": [shape[0], spec.map_size, spec.map_size, spec.outputs],
        "landmarks": list(scheme.names),
        "mirror_pairs": [list(pair) for pair in scheme.mirror_pairs],
        "edges": [list(edge) for edge in scheme.edges],
        "crop": {
            "box_side": spec.box_side,
            "padding": spec.padding,
            "text": "The whole image as large as it fits, in the middle, black outside it, bilinear: side = "
            "max(width, height), centre that of the image. Pixel u of the crop shows image coordinate centre + "
            "(u + 0.5 - S / 2) * side / S; the middle of the image's first pixel is 0."
            if spec.task == "boxes"
            else f"side = {spec.padding:g} * "
            + ("max(width, height)" if spec.box_side == "max" else "(width + height) / 2")
            + " of the box tight around the landmarks, centred on the box, black outside the image, bilinear. Pixel u "
            "of the crop shows image coordinate centre + (u + 0.5 - S / 2) * side / S; the middle of the image's first "
            "pixel is 0.",
        },
        "decode": _decode(spec),
        "golden": golden_name,
        "census": found.to_dict(),
        "spec": spec.to_dict(),
    }


def _decode(spec):
    if spec.task == "boxes":
        return {
            "stride": spec.stride,
            "unit": boxes.UNIT,
            "threshold": boxes.THRESHOLD,
            "same": boxes.SAME,
            "text": "Each kind has five maps in a row: v, dx, dy, w, h. A centre is a map pixel at column x, row y "
            "where v is the largest of its 3 x 3 neighbourhood and 1 / (1 + exp(-v)), the score, is at least "
            "`threshold`. Its box has its centre at stride * (x + dx + 0.5) - 0.5 and, likewise, y + dy, and the sides "
            "stride * unit * exp(w) and stride * unit * exp(h). From the highest score down, a box is left out whose "
            "intersection with one that was kept is more than `same` of their union.",
        }
    if spec.task == "parts":
        return {
            "stride": spec.stride,
            "text": "Interpolate the logits bilinearly between the centres of map pixels, map pixel i at crop "
            "coordinate stride * (i + 0.5) - 0.5, then take the largest class.",
        }
    peak = "Of each map take the largest value, the peak, the first in row order where equal, at column x, row y. "
    if spec.score == "softmax":
        moved = (
            "Weigh each map pixel by exp(value - peak). Of all windows, a map pixel and those inside the map at most "
            "`window` columns and rows away, take the one with the largest sum of weights, the first in row order of "
            "its middle where equal: x and y become the weighted means of its columns and rows. "
        )
        score, how = "min(1, 2 * pi * sigma^2 / sum over the map of exp(value - peak))", "window"
    else:
        moved = (
            "If it is not on the border: x += quarter * sign(map[y, x + 1] - map[y, x - 1]), y likewise from the rows "
            "above and below. "
        )
        score, how = "1 / (1 + exp(-peak))", "quarter"
    return {
        "stride": spec.stride,
        how: {"window": heatmaps.WINDOW, "quarter": heatmaps.QUARTER}[how],
        "score": spec.score,
        "sigma": spec.sigma,
        "text": f"{peak}{moved}The crop coordinate is stride * (x + 0.5) - 0.5. The score is {score}.",
    }


def companions(path):
    """The .json and the golden vectors that go with a file."""
    path = pathlib.Path(path)
    return path.with_suffix(".json"), path.with_suffix(".golden.npz")


def check_target(path):
    """Raise before the work, not after it, where a file can't be written.

    Raises:
        ValueError: its name does not end in .tflite. OSError: there is no such directory, or it takes no file.
    """
    path = pathlib.Path(path)
    if path.suffix != ".tflite":
        raise ValueError(f"an exported file is named .tflite, not {path.name}")
    check_place(path)
    check_directory(path.parent)


def write(path, data, spec, dtype, found, vectors):
    """Write a proved file, its .json and its golden vectors, the file itself last."""
    described, golden_path = companions(path)
    with atomic_write(golden_path) as file:
        np.savez_compressed(file, **vectors)
    record = describe(data, spec, dtype, found, golden_path.name)
    with atomic_write(described, "w") as file:
        json.dump(record, file, indent=1)
    with atomic_write(path) as file:
        file.write(data)


def report(path, found, parity):
    """Print what was written and how it was proved."""
    described, golden_path = companions(path)
    total = found.binary_macs + found.float_macs
    print(f"{path}, {described.name}, {golden_path.name}")
    print(
        f"  {found.bytes:,} bytes; operators: {', '.join(f'{n} {name}' for name, n in found.operators.items())}"
    )
    print(
        f"  {found.binary_convolutions} binary and {found.float_convolutions} float convolutions; "
        f"{found.binary_share:.1%} of {total / 1e9:.2f} G multiply-accumulates are binary"
    )
    print(f"  {proof(parity)}")


def proof(parity):
    """What `verify.compare` found, in words."""
    maps = f"maps differ by {parity.maps:.1e} (largest value {parity.largest_map:.3g}"
    points = "" if parity.points is None else f", decoded points by {parity.points:.2g} pixels of the crop"
    if not parity.exact:
        return (
            f"proved against Keras: {parity.equal} inner tensors equal bit for bit, real-valued layers within "
            f"{parity.close:.1e} of the same input; end to end {maps}){points}"
        )
    also = "".join(f", {name}" for name in parity.others)
    return (
        f"equal bit for bit to Keras{also} from the pixels to the last bits before the head ({parity.equal} inner "
        f"tensors); {maps}, allowed {parity.bound:.1e}){points}"
    )


def parse(program, what):
    """The arguments of `python -m export...`, as `write` takes them."""
    parser = argparse.ArgumentParser(prog=program, description=f"Write {what}, its .json and golden vectors.")
    parser.add_argument("--model", help="entry name; may be left out where --weights names a file")
    parser.add_argument("--weights", help="packed weights (.npz) of your own, instead of the released ones")
    parser.add_argument("--output", help="the .tflite to write; by default named after the network, here")
    parser.add_argument(
        "--input", dest="dtype", choices=INPUT_DTYPES, default="float32", help="float32 in [0, 1], or uint8"
    )
    parser.add_argument("--batch", type=int, default=1, help="images per call")
    arguments = parser.parse_args()
    if not (arguments.model or arguments.weights):
        parser.error("give --model NAME or --weights FILE")
    return vars(arguments)


def network(model, weights=None):
    """An entry, with released weights or those of a file, or the network of a file."""
    from bnn_landmarks import zoo
    from bnn_landmarks.network.weights import load

    return zoo.load(model, weights or "pretrained") if model else load(weights)


def target(model, weights=None, output=None, suffix=""):
    """The path to write to: `output`, else one named after the network; errors as `check_target`."""
    path = pathlib.Path(output or f"{model or pathlib.Path(weights).stem}{suffix}.tflite")
    check_target(path)
    return path


def run(write, program, what):
    """Parse and `write`."""
    arguments = parse(program, what)
    logging.set_verbosity(logging.ERROR)
    started = time.monotonic()
    with terminal.errors_in_a_line("export"):
        write(**arguments)
    print(f"  {time.monotonic() - started:.0f} s")
