"""What people use now, measured on our validation images by benchmarks/peers.py: the file it is kept in.

figures("mpii", "val", "PCKh@0.5", 132)     # [Figure("BlazePose Full", "PCKh@0.5", {"limbs": 73.2}, "6.44 MB"), ...]
"""

import json
import pathlib

from bnn_landmarks import files, zoo
from bnn_landmarks.paper import Figure

FILE = zoo.CARDS.parent / "peers.json"
GIVEN = "box"


def read(path=FILE):
    """{"records": a list of dicts, as benchmarks/peer_measure.py makes them; "times": its `time_all`'s, or None}."""
    path = pathlib.Path(path)
    return json.loads(path.read_bytes()) if path.is_file() else {"records": [], "times": None}


def write(found, path=FILE):
    with files.atomic_write(pathlib.Path(path), "w") as file:
        json.dump(found, file, indent=1)
        file.write("\n")


def keep(record, path=FILE):
    """Put a record into the file, in place of an older one of the same network, split and way."""
    found = read(path)
    others = [each for each in found["records"] if key(each) != key(record)]
    write(found | {"records": sorted([*others, record], key=key)}, path)


def key(record):
    return record["data"], record["split"], record["name"], record["way"]


def figures(data, split, metric, images, path=FILE):
    """`paper.Figure`s of the peers' networks on a split of so many images, the box given, best first."""
    found = []
    for each in read(path)["records"]:
        groups = each["metrics"].get(metric)
        if (each["data"], each["split"], each["way"]) == (data, split, GIVEN) and groups:
            values = {group: score["value"] for group, score in groups.items()}
            where = "" if each["images"] == images else f"{each['images']} images of {data} {split}"
            found.append(Figure(each["name"], metric, values, f"{each['bytes'] / 1e6:.2f} MB", where))
    return sorted(found, key=lambda figure: next(iter(figure.values.values())), reverse=metric != "NME")
