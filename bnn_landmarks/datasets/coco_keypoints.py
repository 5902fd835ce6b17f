"""Anybody's COCO-keypoints folder as a tensorflow-datasets build: one file instead of thousands, the same samples."""

import dataclasses
import pathlib

import tensorflow_datasets as tfds

from bnn_landmarks.datasets.builder import LandmarkBuilder, example
from bnn_landmarks.datasets.coco import CocoKeypoints, read_annotations


@dataclasses.dataclass
class Folder(tfds.core.BuilderConfig):
    """name: the folder's. directory: where it is."""

    directory: str = ""


class CocoKeypointsBuilder(LandmarkBuilder):
    """A folder in COCO's keypoints format, anybody's own.

    Built as coco_keypoints/NAME, NAME the folder's, with a split for each of its annotation files.
    `datasets.open` and `train` read such a folder without building it, too.
    """

    name = "coco_keypoints"
    HOMEPAGE = "your own images; the format is https://cocodataset.org/#format-data"
    TERMS = "yours"
    NEEDS = ("images", "annotations")
    FOLDER = """
        images/...
        annotations/SPLIT.json ...     (images, annotations, categories[0].keypoints; x, y count from 0)
    """

    @classmethod
    def config_for(cls, directory):
        return Folder(name=directory.name, version=cls.VERSION, directory=str(directory))

    @classmethod
    def splits(cls, directory):
        return sorted(path.stem for path in (directory / "annotations").glob("*.json"))

    def scheme(self):
        directory = pathlib.Path(self.builder_config.directory)
        schemes = [
            read_annotations(directory / "annotations" / f"{split}.json")[0]
            for split in self.splits(directory)
        ]
        if any(scheme != schemes[0] for scheme in schemes):
            raise ValueError(
                f"the splits of {directory} name different landmarks: build them as folders of their own"
            )
        return schemes[0]

    def _generate_examples(self, directory, split):
        samples = CocoKeypoints(directory, split)
        for index in range(len(samples)):
            sample = samples[index]
            yield example(
                f"{sample.name}_{index}",
                directory / "images" / sample.name,
                sample.landmarks,
                sample.visible,
                box=sample.box,
                center=sample.center,
                scale=sample.scale,
                yaw=sample.yaw,
                head_size=sample.head_size,
            )
