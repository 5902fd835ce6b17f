"""A data set of crosses, a recipe that learns them with a network of two layers in no time."""

import csv

import cv2
import numpy as np
import tensorflow as tf
from coco_folders import write_record

from bnn_landmarks.network.layers import Options, conv_unit
from bnn_landmarks.schemes import Scheme
from bnn_landmarks.spec import Spec
from bnn_landmarks.training.augment import NONE
from bnn_landmarks.training.recipe import Recipe, override

CROSS = Scheme("cross", ("centre", "left_tip", "right_tip"), ((1, 2),))


def write_folder(folder, splits, size=64):
    """A COCO-keypoints folder of crosses on grey: centre and the two ends of the bar."""
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    for split, count in splits.items():
        images, annotations = [], []
        for i in range(count):
            name, (x, y) = f"{split}{i}.png", rng.uniform(24, size - 24, 2)
            image = np.full((size, size, 3), rng.integers(40, 200), np.uint8)
            cv2.line(image, (int(x) - 16, int(y)), (int(x) + 16, int(y)), (255, 255, 0), 3)
            cv2.circle(image, (int(x), int(y)), 5, (0, 0, 255), -1)
            cv2.imwrite(str(folder / "images" / name), image)
            images.append({"id": i, "file_name": name})
            keypoints = [x, y, 2, x - 16, y, 2, x + 16, y, 2]
            annotations.append({"image_id": i, "bbox": [x - 16, y - 16, 32, 32], "keypoints": keypoints})
        category = {"name": "cross", "keypoints": list(CROSS.names)}
        write_record(folder / "annotations" / f"{split}.json", images, annotations, [category])
    return folder


def tiny(changes=None, /, **more):
    spec = Spec("cross", scheme="cross", landmarks=CROSS.to_dict(), input_size=64, channels=32, sigma=1.0)
    recipe = Recipe(
        spec, (("crosses", "train"),), (("crosses", "val"),), samples=24, batch_size=4, augmentation=NONE
    )
    return override(recipe, {**(changes or {}), **more})


def small(spec):
    """A network of two layers, whose step takes no time to compile."""
    images = tf.keras.Input((spec.input_size, spec.input_size, 3))
    x = tf.keras.layers.AveragePooling2D(4)(images)
    x = conv_unit(conv_unit(x, 8, 3, Options(binary=False), "first"), 8, 3, Options(), "second")
    maps = [
        tf.keras.layers.Conv2D(spec.outputs, 1, name=name)(x) for name in ("head", "head2")[: spec.stacks]
    ]
    maps = [tf.keras.layers.Activation("linear", dtype="float32")(each) for each in maps]
    model = tf.keras.Model(images, maps if spec.stacks > 1 else maps[0])
    model.spec = spec
    return model


def build_instead(build, patch):
    """Make the trainer build other networks; patch: a pytest.MonkeyPatch."""
    for module in ("network.build", "training.trainer", "training.model", "training.initial"):
        patch.setattr(f"bnn_landmarks.{module}.build", build)


def log(run):
    with open(run / "log.csv", newline="") as file:
        return list(csv.DictReader(file))


def assert_same(a, b):
    for x, y in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(x, y)
