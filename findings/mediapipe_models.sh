#!/bin/sh
# MediaPipe 0.10.21 (PyPI): the wheel holds one of the three networks that `Pose` names by `model_complexity`.
#
# One would guess that what an installed package offers by an integer is in it. Complexity 1 (Full) is; 0 (Lite) and 2
# (Heavy) are fetched from a server of Google's when the object is made, and written into site-packages. So a program
# that ran in tests with the default fails on a machine without network, and in an installation that its user can't
# write. The same files are in npm's package @mediapipe/pose, whose copies can be put into modules/pose_landmark.
#
# Seen (Python 3.11, Linux x86-64):
#   in the wheel: pose_landmark_full.tflite
#   complexity 0: asks the network for pose_landmark_lite.tflite
#   complexity 1: opens
#   complexity 2: asks the network for pose_landmark_heavy.tflite
# Exits 0 as long as that is so. Needs python3 (3.9 to 3.12) with venv, and 1 GB of temporary space.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet mediapipe==0.10.21

cat > "$work/look.py" <<'PYTHON'
import os
import urllib.request

import mediapipe


def refuse(url, *_, **__):
    raise OSError(f"asks the network for {url.rsplit('/', 1)[1]}")


urllib.request.urlopen = refuse
folder = os.path.join(os.path.dirname(mediapipe.__file__), "modules", "pose_landmark")
print("in the wheel:", *sorted(name for name in os.listdir(folder) if name.endswith(".tflite")))
for complexity in (0, 1, 2):
    try:
        with mediapipe.solutions.pose.Pose(model_complexity=complexity):
            print(f"complexity {complexity}: opens")
    except OSError as error:
        print(f"complexity {complexity}: {error}")
PYTHON

cat > "$work/expected" <<'TEXT'
in the wheel: pose_landmark_full.tflite
complexity 0: asks the network for pose_landmark_lite.tflite
complexity 1: opens
complexity 2: asks the network for pose_landmark_heavy.tflite
TEXT
"$work/venv/bin/python" "$work/look.py" 2> /dev/null | grep -E '^(in the wheel|complexity)' | tee "$work/seen"
diff "$work/expected" "$work/seen"
