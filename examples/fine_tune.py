"""Fine-tune an entry on a folder of your own by plain Keras, and keep the result as a file that Localizer opens.

python examples/fine_tune.py birds/ birds.npz --model pose_128

The folder is in COCO's keypoints format (birds/images, birds/annotations/train.json) with landmarks of your own naming.
`bnn-landmarks train landmarks` does more: validation, checkpoints, resume, kernels that are faster on a CPU.
"""

import argparse
import dataclasses
import pathlib

import tensorflow as tf

from bnn_landmarks import datasets, zoo
from bnn_landmarks.network import weights
from bnn_landmarks.network.build import build
from bnn_landmarks.training.augment import Augmentation
from bnn_landmarks.training.initial import start_from
from bnn_landmarks.training.losses import landmark_loss
from bnn_landmarks.training.samples import batches, series

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("folder", type=pathlib.Path)
parser.add_argument("output", help="the packed network to write, a .npz")
parser.add_argument("--model", default="pose_128", help="the entry to start from")
parser.add_argument("--epochs", type=int, default=20)
parser.add_argument("--batch-size", type=int, default=8)
arguments = parser.parse_args()

# The entry's network, with a map for each landmark of the folder's.
samples = datasets.open(arguments.folder, "train")
entry = zoo.entry(arguments.model)
spec = dataclasses.replace(
    entry.spec, name="mine", scheme=samples.scheme.name, landmarks=samples.scheme.to_dict()
)
model = build(spec)
# All but the head starts from the entry. Signs alone are stored of its binary kernels: `start_from` gives their latent
# weights a size at which they can still turn.
start_from(model, zoo.WEIGHTS / entry.weights)

# With whole images, and without the subject, among the crops it needs no box later, and knows when nobody is there.
crops = series([samples], spec, Augmentation(rotation=20.0, scale=(0.8, 1.25), loose=0.3, absent=0.1))
model.spec = dataclasses.replace(spec, loosest=crops.loosest())
steps = -(-len(samples) // arguments.batch_size)
model.compile(
    tf.keras.optimizers.Adam(tf.keras.optimizers.schedules.CosineDecay(1e-3, steps * arguments.epochs)),
    landmark_loss("softmax", spec.stride, spec.sigma),
)
model.fit(batches(crops, arguments.batch_size), steps_per_epoch=steps, epochs=arguments.epochs, verbose=2)

weights.save(model, arguments.output)  # one bit per binary weight
print(f"{arguments.output}: bnn-landmarks predict photo.jpg --model {arguments.output}")
