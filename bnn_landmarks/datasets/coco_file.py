"""Reading and checking a file of COCO keypoints: the one reader behind training, evaluation and `bnn-landmarks data`.

    file = read("birds/annotations/train.json")
    file.scheme, file.subjects[0].landmarks, file.problems, file.notes

An annotation that can't be used is one line of `problems`, that names it, and is left out of `subjects`; what the
reader took otherwise than the file says, or left out, is one line of `notes`. A file that no annotation can be read of
is a ValueError.
"""

import collections
import dataclasses
import pathlib

import numpy as np

from bnn_landmarks.datasets.coco_categories import choose, point_names, scheme_of, shown
from bnn_landmarks.datasets.sample import check_labels, tight_box
from bnn_landmarks.files import read_json as load
from bnn_landmarks.schemes import Scheme

LIMIT = 1e6  # No image that OpenCV reads is larger.
OTHER_FORMATS = {
    "shapes": "labelme's own file: convert the folder to COCO keypoints",
    "_via_img_metadata": "the VGG Image Annotator's own file: export it as COCO",
    "_via_settings": "the VGG Image Annotator's own file: export it as COCO",
}


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """One annotation that can be used. name: what messages call it. file_name: its image, as in the file.
    size: width, height of the image as the file says, None where it does not. The rest as in `sample.Sample`."""

    name: str
    file_name: str
    size: tuple | None
    landmarks: np.ndarray
    visible: np.ndarray
    box: np.ndarray
    center: np.ndarray | None
    scale: float | None
    yaw: float | None
    head_size: float | None
    index: int


@dataclasses.dataclass(frozen=True, eq=False)
class AnnotationFile:
    """categories: the names of those read. file_names: of all its images, annotated or not. subjects: `Subject`s.
    shared: the file names of images with several annotations of these categories, usable or not."""

    path: pathlib.Path
    scheme: Scheme
    categories: tuple
    file_names: tuple
    subjects: list
    problems: list
    notes: list
    shared: frozenset


def read(path, category=None) -> AnnotationFile:
    """A file of COCO keypoints.

    Args:
        category: the name of the category to read, where several have landmarks.

    Raises:
        FileNotFoundError: there is no file. ValueError: no annotation can be read of it; one line that says why.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no annotations at {path}")
    record = _json(path)
    try:
        images, categories, annotations = (
            _records(record, key) for key in ("images", "categories", "annotations")
        )
        _check_ids(categories)
        labelled = collections.Counter(
            key_of(a.get("category_id")) for a in annotations if _has_labelled(a.get("keypoints"))
        )
        keyed = [{**c, "id": key_of(c.get("id"))} for c in categories]
        chosen = choose(keyed, labelled, category)
        scheme, notes = scheme_of(chosen[0])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    reader = _Reader(images, keyed, chosen, scheme)
    for index, annotation in enumerate(annotations):
        reader.take(index, annotation)
    names = tuple(str(c.get("name")) for c in chosen)
    notes = [*notes, *reader.notes()]
    if reader.subjects and not any((subject.visible == 2).any() for subject in reader.subjects):
        notes.append("every labelled point is annotated as hidden (1): does your tool write 1 for visible?")
    return AnnotationFile(
        path, scheme, names, reader.file_names(), reader.subjects, reader.problems, notes, reader.shared()
    )


def _json(path):
    record = load(path)
    if isinstance(record, list):
        raise ValueError(
            f"{path} is a list, as COCO's results are: wanted are images, categories, annotations"
        )
    if not isinstance(record, dict):
        raise ValueError(f"{path} is not a file of COCO keypoints: it holds {shown(record)}")
    for key, what in OTHER_FORMATS.items():
        if key in record and "annotations" not in record:
            raise ValueError(f"{path} is not a file of COCO keypoints but {what}")
    return record


def _records(record, key):
    found = record.get(key)
    if not isinstance(found, list):
        raise ValueError(f"not a file of COCO keypoints: it has no list '{key}'")
    wrong = next((i for i, each in enumerate(found) if not isinstance(each, dict)), None)
    if wrong is not None:
        raise ValueError(f"'{key}' holds {shown(found[wrong])} at place {wrong}, not a record")
    return found


def key_of(value):
    """An id as it is compared: 7, 7.0 and "7" are the same; None where it is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return str(value).strip()


def _check_ids(categories):
    seen = collections.Counter(key_of(c.get("id")) for c in categories if c.get("id") is not None)
    twice = [key for key, count in seen.items() if count > 1]
    if twice:
        raise ValueError(f"two categories have the id {shown(twice[0])}")


def _has_labelled(keypoints):
    return isinstance(keypoints, list) and any(keypoints[2::3])


def _size(image):
    """Width and height, None where they are not both positive numbers."""
    size = tuple(image.get(key) for key in ("width", "height"))
    good = all(type(n) in (int, float) and 0 < n < 2**31 for n in size)
    return tuple(int(n) for n in size) if good else None


class _Reader:
    """What reading an annotation needs of the rest of the file, and what is found."""

    def __init__(self, images, categories, chosen, scheme):
        self.scheme, self.subjects, self.problems, self.left_out = scheme, [], [], collections.Counter()
        self.chosen = {c["id"] for c in chosen}
        self.categories = {c["id"] for c in categories}
        self.only = len(chosen) == len([c for c in categories if point_names(c)])
        self.images, self.unclear, self.annotated = {}, set(), collections.Counter()
        for place, image in enumerate(images):
            self._take_image(place, image)

    def _take_image(self, place, image):
        key, name = key_of(image.get("id")), image.get("file_name")
        what = f"image {shown(name if isinstance(name, str) else image.get('id', place))}"
        if key is None:
            self.problems.append(f"{what} has no id that is a number or a text")
        elif not (isinstance(name, str) and name.strip()):
            self.problems.append(f"{what} has no file_name")
            self.unclear.add(key)
        elif key in self.images and self.images[key]["file_name"] != name:
            other = shown(self.images[key]["file_name"])
            self.problems.append(f"two images have the id {shown(key)}: {other} and {shown(name)}")
            self.unclear.add(key)
        elif key in self.images:
            self.left_out[f"images listed twice, as {shown(name)}"] += 1
        else:
            self.images[key] = image
            if _size(image) is None:
                self.left_out["images without width and height, whose files' sizes can't be compared"] += 1

    def file_names(self):
        return tuple(image["file_name"] for image in self.images.values())

    def shared(self):
        counts = collections.Counter()
        for key, image in self.images.items():
            counts[image["file_name"]] += self.annotated[key]
        return frozenset(name for name, count in counts.items() if count > 1)

    def notes(self):
        return [f"{what}: {count}" for what, count in self.left_out.items()]

    def take(self, index, annotation):
        category = key_of(annotation.get("category_id"))
        if annotation.get("category_id") is None and self.only:
            category = next(iter(self.chosen))
        name = f"annotation {shown(annotation.get('id', index))}"
        if category not in self.categories:
            self.problems.append(
                f"{name} has the category_id {shown(annotation.get('category_id'))}, which is none"
            )
            return
        if category not in self.chosen:
            self.left_out["annotations of other categories, left out"] += 1
            return
        image = key_of(annotation.get("image_id"))
        self.annotated[image] += 1
        if not annotation.get("keypoints"):
            self.left_out["annotations without keypoints (boxes or masks alone), left out"] += 1
            return
        if image in self.unclear:
            return
        if image not in self.images:
            self.problems.append(
                f"{name} has the image_id {shown(annotation.get('image_id'))}, which is none"
            )
            return
        image = self.images[image]
        name = f"{name} of {shown(image['file_name'])}"
        try:
            subject = _subject(name, image, annotation, len(self.scheme), index)
        except ValueError as error:
            self.problems.append(f"{name}: {error}")
            return
        if subject is None:
            self.left_out["annotations without a labelled point, left out"] += 1
        else:
            self.subjects.append(subject)


def _subject(name, image, annotation, count, index):
    """The `Subject`, None where no point is labelled."""
    landmarks, visible = _points(annotation["keypoints"], count)
    if not visible.any():
        return None
    size, box = _size(image), annotation.get("bbox")
    box = None if box in (None, [], [0, 0, 0, 0]) else np.array(_numbers(box, 4, "bbox"), np.float32)
    check_labels(landmarks, visible, box, size)
    center, scale = annotation.get("center"), _number(annotation, "scale", positive=True)
    if center is not None:
        center = np.array(_numbers(center, 2, "center"), np.float32)
    if (center is None) != (scale is None):
        raise ValueError("center and scale belong together, and one of them is missing")
    if scale is not None and 200 * scale < 1:
        raise ValueError(f"scale is {shown(scale)}: a person smaller than a pixel")
    if box is None:
        box = tight_box(landmarks, visible)
        if scale is None and not (box[2:].all() and max(box[2:]) >= 1):
            raise ValueError(
                "it has no bbox, and its labelled points make none: they lie on one line or spot"
            )
    yaw, head = _number(annotation, "yaw"), _number(annotation, "head_size", positive=True)
    yaw = None if yaw is None else abs(yaw)  # To the left or to the right, in files of others.
    return Subject(name, image["file_name"], size, landmarks, visible, box, center, scale, yaw, head, index)


def _points(values, count):
    if not isinstance(values, list) or len(values) != 3 * count:
        there = f"{len(values)} values" if isinstance(values, list) else shown(values)
        raise ValueError(f"keypoints holds {there}, not 3 x {count} as its category's names ask")
    flags = values[2::3]
    if not {type(v) for v in flags} <= {int, float} or not all(v in (0, 1, 2) for v in flags):
        wrong = next(v for v in flags if type(v) not in (int, float) or v not in (0, 1, 2))
        raise ValueError(f"a keypoint's third value is {shown(wrong)}, not 0, 1 or 2")
    visible = np.array(flags, np.int32)
    if not visible.all():
        values = [v if visible[i // 3] or i % 3 == 2 else 0 for i, v in enumerate(values)]
    landmarks = np.array(_numbers(values, 3 * count, "keypoints"), np.float32).reshape(-1, 3)[:, :2]
    return landmarks, visible


def _numbers(values, count, what):
    """A list of `count` finite numbers."""
    if not isinstance(values, list) or len(values) != count:
        raise ValueError(f"{what} is {shown(values)}, not {count} numbers")
    if not {type(v) for v in values} <= {int, float}:
        wrong = next(v for v in values if type(v) not in (int, float))
        raise ValueError(f"{what} holds {shown(wrong)}, which is not a number")
    # NaN makes the comparison false.
    wrong = [v for v in values if not abs(v) < LIMIT]
    if wrong:
        raise ValueError(f"{what} holds {shown(wrong[0])}: no coordinate of an image")
    return values


def _number(annotation, key, positive=False):
    value = annotation.get(key)
    if value is None:
        return None
    (value,) = _numbers([value], 1, key)
    if positive and value <= 0:
        raise ValueError(f"{key} is {shown(value)}, not a positive number")
    return float(value)
