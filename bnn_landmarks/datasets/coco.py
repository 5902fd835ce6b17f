"""A folder in COCO's keypoints format, anybody's own data: DIR/images/* and DIR/annotations/SPLIT.json.

    samples = CocoKeypoints("data/lspet", "train")
    samples.scheme, len(samples), samples[0]          # Scheme, int, Sample

The landmark names are those of the category that has keypoints (`coco_categories`); names of a known scheme give that
scheme, others make one of their own. Beyond COCO, an annotation may hold `center` and `scale` (MPII's), `head_size` and
`yaw`, a category `mirror_pairs`; without a `bbox` the box is tight around the labelled keypoints. Roboflow's layout,
DIR/SPLIT/_annotations.coco.json among the images, is read as it is.
"""

import pathlib

from bnn_landmarks.datasets import coco_file
from bnn_landmarks.datasets.coco_images import Images
from bnn_landmarks.datasets.sample import Sample, check_labels, check_size
from bnn_landmarks.geometry import images

ROBOFLOW = "_annotations.coco.json"


def splits(directory) -> dict[str, pathlib.Path]:
    """{split: its annotation file} of a folder; empty where it is no COCO folder."""
    directory = pathlib.Path(directory)
    found = {path.stem: path for path in sorted(directory.glob("annotations/*.json"))}
    return found or {path.parent.name: path for path in sorted(directory.glob(f"*/{ROBOFLOW}"))}


class CocoKeypoints:
    """The samples of one split, read as they are asked for.

    Args:
        directory: the folder. split: the name of its annotation file.
        category: the name of the category to read, where several have landmarks.
        skip_bad: leave out annotations that can't be used, instead of refusing the file.

    Attributes:
        scheme: `Scheme`. file: `coco_file.AnnotationFile`.

    Raises:
        FileNotFoundError: the folder, the split or an image is missing.
        ValueError: the annotation file is not COCO keypoints, an annotation can't be used, or (when it is read) an
            image has another size than its annotation says.
    """

    def __init__(self, directory, split, category=None, skip_bad=False):
        self.directory = pathlib.Path(directory)
        there = splits(self.directory)
        if split not in there:
            hint = (
                f"its splits are {', '.join(there)}"
                if there
                else "expected DIR/images and DIR/annotations/SPLIT.json"
            )
            path = self.directory / "annotations" / f"{split}.json"
            raise FileNotFoundError(f"no annotations at {path}: {hint}")
        self.file = coco_file.read(there[split], category)
        problems = self.file.problems
        if problems and not skip_bad:
            more = f" (and {len(problems) - 1} more; data check DIR lists them)" if len(problems) > 1 else ""
            raise ValueError(f"{self.file.path}: {problems[0]}{more}")
        self.scheme, self.subjects = self.file.scheme, self.file.subjects
        self.images = Images(self.directory, self.file.path, self.file.file_names)
        self._sizes = {}

    def __len__(self):
        return len(self.subjects)

    def check(self, index):
        """What `self[index]` refuses of the image's file, found without decoding it.

        Raises:
            FileNotFoundError, ValueError, ImportError: as `self[index]`.
        """
        subject = self.subjects[index]
        if subject.file_name not in self._sizes:
            path = self.images.path(subject.file_name)
            self._sizes[subject.file_name] = images.size(path.read_bytes(), str(path))
        self._check(subject, self._sizes[subject.file_name])

    def _check(self, subject, size):
        try:
            check_size(subject.size, size)
            has_box = subject.box[2:].all()
            check_labels(subject.landmarks, subject.visible, subject.box if has_box else None, size)
        except ValueError as error:
            raise ValueError(f"{self.file.path}: {subject.name}: {error}") from None

    def __getitem__(self, index) -> Sample:
        subject = self.subjects[index]
        image = images.read(self.images.path(subject.file_name))
        self._check(subject, image.shape[1::-1])
        return Sample(
            name=subject.file_name,
            image=image,
            landmarks=subject.landmarks,
            visible=subject.visible,
            box=subject.box,
            center=subject.center,
            scale=subject.scale,
            yaw=subject.yaw,
            head_size=subject.head_size,
            alone=subject.file_name not in self.file.shared,
        )
