"""Follow the people of a video and write it with their joints drawn in.

python examples/follow.py clip.mp4 joints.mp4
"""

import argparse

import bnn_landmarks
from bnn_landmarks.inference import video

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("clip")
parser.add_argument("output")
parser.add_argument("--model", default="pose", help="an entry's name, a .tflite or a .npz file")
arguments = parser.parse_args()

clip = video.Video(arguments.clip)
track = video.Tracker(bnn_landmarks.Localizer(arguments.model))
with video.writer(arguments.output, clip.rate) as add:
    for frame in clip:
        for person in track(frame, clip.seconds):
            frame = person.draw(frame)
        add(frame, clip.time)
