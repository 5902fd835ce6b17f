"""Every step from image and box to points, with nothing hidden: what a port to another language has to do.

python examples/by_hand.py pose.tflite photo.jpg 120 40 200 420

Needs the exported file and its .json, NumPy and OpenCV; no TensorFlow.
"""

import sys

from bnn_landmarks.geometry import crops, heatmaps, images
from bnn_landmarks.inference.engines import open_engine

path, photo, *box = sys.argv[1:]
engine = open_engine(path)
spec = engine.spec
image = images.read(photo)

# The square the network sees, and the matrix that takes image pixels to pixels of the crop.
center, side = crops.square([float(number) for number in box], spec.box_side, spec.padding)
matrix = crops.affine(center, side, spec.input_size)
patch = crops.crop(image, matrix, spec.input_size)

# uint8 -> float32 in [0, 1] -> one map per landmark, a quarter of the size.
maps = engine.run(crops.to_input(patch)[None])

# The peak of each map, its distribution's mean around it, and back to image pixels.
points, peaks = heatmaps.decode(maps[0], spec.stride, spec.score)
scores = heatmaps.scores(maps[0], spec.score, spec.sigma)
for name, (x, y), score in zip(
    spec.landmark_scheme().names, crops.restore(points, matrix), scores, strict=True
):
    print(f"{name:12s} {x:7.1f} {y:7.1f}   {score:.2f}")
