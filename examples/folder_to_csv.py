"""The landmarks of a folder of photographs as one table: a row per subject and landmark.

python examples/folder_to_csv.py photos/ landmarks.csv --model face_300wlp
"""

import argparse
import csv
import pathlib

from tqdm import tqdm

import bnn_landmarks
from bnn_landmarks.geometry import images

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("folder", type=pathlib.Path)
parser.add_argument("table")
parser.add_argument("--model", default="pose", help="an entry's name, a .tflite or a .npz file")
arguments = parser.parse_args()

if not arguments.folder.is_dir():
    raise SystemExit(f"folder_to_csv.py: there is no folder {arguments.folder}")
localizer = bnn_landmarks.Localizer(arguments.model)
photos = sorted(p for p in arguments.folder.iterdir() if p.suffix.lower() in images.SUFFIXES)
with open(arguments.table, "w", newline="") as file:
    table = csv.writer(file)
    table.writerow(["photo", "subject", "landmark", "x", "y", "score"])
    for photo in tqdm(photos):
        for number, subject in enumerate(localizer(photo)):
            for name, (x, y), score in zip(subject.scheme.names, subject.points, subject.scores, strict=True):
                table.writerow([photo.name, number, name, f"{x:.2f}", f"{y:.2f}", f"{score:.3f}"])
