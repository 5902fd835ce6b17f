"""The joints of everybody in a photograph, printed and drawn.

python examples/photograph.py photo.jpg --output joints.jpg
"""

import argparse

import bnn_landmarks
from bnn_landmarks.geometry import images

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("photo", nargs="?", default=images.sample("person"))
parser.add_argument("--model", default="pose", help="an entry's name, a .tflite or a .npz file")
parser.add_argument("--output", default="joints.jpg")
arguments = parser.parse_args()

localizer = bnn_landmarks.Localizer(arguments.model)
picture = images.read(arguments.photo)
for person in localizer(picture):
    print(f"box {person.box.round()} ({person.found})", person.detector or "", person.box_score or "")
    for name, (x, y), score in zip(person.scheme.names, person.points, person.scores, strict=True):
        print(f"  {name:12s} {x:7.1f} {y:7.1f}   {score:.2f}")
    picture = person.draw(picture)
images.write(arguments.output, picture)
