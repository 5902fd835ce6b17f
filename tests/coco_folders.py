"""COCO folders for tests: images of one grey each, and annotation files of what a test says."""

import json

import cv2
import numpy as np

BIRD = {"id": 1, "name": "bird", "keypoints": ["beak", "left_wing", "right_wing", "tail"]}
POINTS = [25, 25, 2, 50, 30, 2, 60, 50, 1, 75, 58, 2]
SIZE = 120, 90


def annotation(number=1, **changes):
    """One bird of image `number`."""
    record = {
        "id": number,
        "image_id": number,
        "category_id": 1,
        "bbox": [20, 20, 60, 40],
        "keypoints": POINTS,
    }
    return {k: v for k, v in (record | changes).items() if v is not ...}


def image(number=1, **changes):
    """The record of image `number`."""
    record = {"id": number, "file_name": f"b{number}.png", "width": SIZE[0], "height": SIZE[1]}
    return {k: v for k, v in (record | changes).items() if v is not ...}


def write_image(path, size=SIZE, value=40):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((size[1], size[0], 3), value, np.uint8))


def write_record(path, images=None, annotations=None, categories=None, **more):
    """An annotation file, of two birds in two images where nothing else is said."""
    record = {
        "images": [image(1), image(2)] if images is None else images,
        "annotations": [annotation(1), annotation(2)] if annotations is None else annotations,
        "categories": [BIRD] if categories is None else categories,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record | more))
    return path


def write(folder, split="train", count=2, **record):
    """A folder with images b1.png, b2.png ... of grey 40, 41 ... and one annotation file."""
    for number in range(1, count + 1):
        write_image(folder / "images" / f"b{number}.png", value=39 + number)
    write_record(folder / "annotations" / f"{split}.json", **record)
    return folder


def write_turned(path, size=SIZE):
    """A JPEG of that size whose EXIF tag says: turn by 90 degrees."""
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    data = cv2.imencode(".jpg", np.full((size[1], size[0], 3), 90, np.uint8))[1].tobytes()
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    path.write_bytes(data[:2] + segment + data[2:])
