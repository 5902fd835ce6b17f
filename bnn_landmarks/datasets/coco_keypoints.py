"""Anybody's COCO-keypoints folder as a tensorflow-datasets build: one file instead of thousands, the same samples."""

import dataclasses
import pathlib
import re

import tensorflow_datasets as tfds

from bnn_landmarks.datasets.builder import LandmarkBuilder, example
from bnn_landmarks.datasets.coco import CocoKeypoints, splits
from bnn_landmarks.schemes import convert


@dataclasses.dataclass
class Folder(tfds.core.BuilderConfig):
    """name: the folder's. directory: where it is. category: the one to build, where several have landmarks."""

    directory: str = ""
    category: str | None = None


class CocoKeypointsBuilder(LandmarkBuilder):
    """A folder in COCO's keypoints format, anybody's own.

    Built as coco_keypoints/NAME, NAME the folder's, with a split for each of its annotation files.
    `datasets.open` and `train` read such a folder without building it, too.
    """

    name = "coco_keypoints"
    HOMEPAGE = "your own images; the format is https://cocodataset.org/#format-data"
    NEEDS = ()
    FOLDER = """
        images/...
        annotations/SPLIT.json ...     (images, annotations, categories with keypoints; x, y count from 0)
    """

    @classmethod
    def config_for(cls, directory, category=None):
        name = f"{directory.name}-{re.sub(r'[^A-Za-z0-9]+', '_', category)}" if category else directory.name
        return Folder(name=name, version=cls.VERSION, directory=str(directory), category=category)

    @classmethod
    def splits(cls, directory):
        return sorted(splits(directory))

    def scheme(self):
        """The first split's; the others' landmarks are matched by their names."""
        directory = pathlib.Path(self.builder_config.directory)
        return self._samples(directory, self.splits(directory)[0]).scheme

    def _samples(self, directory, split):
        return CocoKeypoints(directory, split, self.builder_config.category)

    def _generate_examples(self, directory, split):
        samples, scheme = self._samples(directory, split), self.scheme()
        for index, subject in enumerate(samples.subjects):
            sample = samples[index]
            landmarks, visible = convert(sample.landmarks, sample.visible, samples.scheme, scheme)
            yield example(
                f"{sample.name}_{index}",
                samples.images.path(subject.file_name),
                landmarks,
                visible,
                box=sample.box,
                center=sample.center,
                scale=sample.scale,
                yaw=sample.yaw,
                head_size=sample.head_size,
            )
