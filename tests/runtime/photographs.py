"""The zoo's files and the shipped photographs as their networks read them."""

from bnn_landmarks import zoo
from bnn_landmarks.geometry import crops, images


def on_photographs(name):
    """An entry's exported file, and {photograph: float32 [1, S, S, 3]}."""
    spec, batches = zoo.entry(name).spec, {}
    for kind in ("person", "face"):
        image = images.read(images.sample(kind))
        height, width = image.shape[:2]
        matrix = crops.affine((width / 2, height / 2), max(width, height), spec.input_size)
        batches[kind] = crops.to_input(crops.crop(image, matrix, spec.input_size))[None]
    return (zoo.WEIGHTS / f"{name}.tflite").read_bytes(), batches
