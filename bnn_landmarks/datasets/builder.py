"""The features every prepared data set has, the base of the builders, and how one is built.

    class Lsp(LandmarkBuilder): ...                      # describes a release and yields `example(...)`s
    prepare(Lsp, "downloads/lsp_dataset", "data")        # -> data/lsp/1.0.0, read by `datasets.open`

Coordinates leave a builder as 0-based pixel centres, whatever its files hold. A value a set does not know is NaN, a
mask it does not have is empty.
"""

import pathlib
import tempfile

import numpy as np
import tensorflow_datasets as tfds

from bnn_landmarks.datasets.sample import check_labels, tight_box
from bnn_landmarks.datasets.terms import TERMS
from bnn_landmarks.geometry import images
from bnn_landmarks.schemes import SCHEMES

NAN = float("nan")
SUFFIXES = (".jpg", ".png", ".jpeg", ".JPG", ".PNG")


def features():
    """The features of every set; shapes, dtypes and units as in `sample.Sample`, K the set's scheme."""
    tensor, scalar = tfds.features.Tensor, tfds.features.Scalar
    return tfds.features.FeaturesDict(
        {
            "name": tfds.features.Text(),
            "image": tfds.features.Image(),
            "landmarks": tensor(shape=(None, 2), dtype=np.float32),
            "visible": tensor(shape=(None,), dtype=np.int32),
            "box": tensor(shape=(4,), dtype=np.float32),
            "center": tensor(shape=(2,), dtype=np.float32),
            "scale": scalar(np.float32),
            "yaw": scalar(np.float32),
            "head_size": scalar(np.float32),
            "mask": tfds.features.Text(doc="PNG of classes, uint8 [H, W]; empty where there is none"),
        }
    )


def example(
    name, image, landmarks, visible, box=None, center=None, scale=None, yaw=None, head_size=None, mask=b""
):
    """What `_generate_examples` yields: (key, features). image: path of an encoded image. box: None for the tight one.

    Raises:
        FileNotFoundError: the image is not there. ValueError: it can't be read, or the labels are none that it can have
            (`check_labels`).
    """
    image = pathlib.Path(image)
    if not image.is_file():
        raise FileNotFoundError(f"{name} is annotated, but its image {image} is missing")
    landmarks, visible = np.asarray(landmarks, np.float64), np.asarray(visible, np.int32)
    size = images.size(image.read_bytes(), str(image))
    try:
        check_labels(landmarks, visible, box, size)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return name, {
        "name": name,
        "image": str(image),
        "landmarks": np.where(visible[:, None] > 0, landmarks, 0).astype(np.float32),
        "visible": visible,
        "box": tight_box(landmarks, visible) if box is None else np.asarray(box, np.float32),
        "center": np.asarray((NAN, NAN) if center is None else center, np.float32),
        "scale": NAN if scale is None else scale,
        "yaw": NAN if yaw is None else yaw,
        "head_size": NAN if head_size is None else head_size,
        "mask": mask,
    }


def image_named(path):
    """The image file of that path without suffix, whichever suffix it has; the first of `SUFFIXES` if there is none."""
    path = pathlib.Path(path)
    candidates = [path.with_name(path.name + suffix) for suffix in SUFFIXES]
    return next((candidate for candidate in candidates if candidate.is_file()), candidates[0])


class LandmarkBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """A published data set that a person downloads by hand.

    A subclass has the set's title as docstring, `_generate_examples(directory, split)`, and
    SCHEME: name of its landmark scheme. SPLITS: its splits. ALIASES: further names of splits: (name, expression) pairs.
    HOMEPAGE: where it is from. FOLDER: what the folder given to --from must look like.
    NEEDS: paths in it without which it is the wrong folder.
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = "bnn-landmarks data list"
    ALIASES: tuple[tuple[str, str], ...] = ()
    url_infos = None  # checksums of downloads: there are none

    def scheme(self):
        return SCHEMES[self.SCHEME]

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            description=type(self).__doc__,
            features=features(),
            homepage=self.HOMEPAGE,
            license=TERMS[self.name].terms,
            disable_shuffling=True,
            metadata=tfds.core.MetadataDict(scheme=self.scheme().to_dict(), aliases=dict(self.ALIASES)),
        )

    @classmethod
    def splits(cls, directory):
        """The splits this folder has."""
        return cls.SPLITS

    def _split_generators(self, dl_manager):
        directory = pathlib.Path(dl_manager.manual_dir)
        return {split: self._examples(directory, split) for split in self.splits(directory)}

    def _examples(self, directory, split):
        empty = True
        try:
            for each in self._generate_examples(directory, split):
                empty = False
                yield each
        except (AttributeError, LookupError, TypeError, ArithmeticError) as error:
            raise ValueError(
                f"the annotations in {directory} are not as {self.name}'s are: {type(error).__name__}: {error}"
            ) from error
        if empty:
            raise ValueError(f"the split {split} of {directory} has no annotated image")

    @classmethod
    def instructions(cls):
        """Where the set is from, under which terms, and what its folder must look like."""
        title = cls.__doc__.splitlines()[0].rstrip(".")
        folder = "\n".join(f"    {line.strip()}" for line in cls.FOLDER.strip().splitlines())
        return f"{title}\n  from:  {cls.HOMEPAGE}\n  terms: {TERMS[cls.name].terms}\n  folder:\n{folder}"

    @classmethod
    def check(cls, directory):
        """Raises FileNotFoundError, naming the command that prints `instructions`, where the folder is another."""
        directory = pathlib.Path(directory)
        missing = [name for name in cls.NEEDS if not (directory / name).exists()]
        if not directory.is_dir() or missing or not cls.splits(directory):
            what = (
                f"has no {' and no '.join(missing)}"
                if directory.is_dir() and missing
                else "is not a folder of it"
            )
            raise FileNotFoundError(
                f"{directory} {what}: bnn-landmarks data list {cls.name} says what it must hold"
            )


def prepare(builder_class, directory, data_dir, category=None):
    """Build a data set from a downloaded folder; returns the directory of the build. category: of a COCO folder where
    several have landmarks, the one to build.

    A set that is there already is left as it is. Nothing half-built stays after an error.

    Raises:
        FileNotFoundError: wrong folder, or an annotated image is missing. ValueError: an annotation is malformed.
    """
    directory = pathlib.Path(directory).resolve()
    builder_class.check(directory)
    arguments = {"data_dir": str(data_dir), "file_format": "array_record"}
    if hasattr(builder_class, "config_for"):
        arguments["config"] = builder_class.config_for(directory, category)
    builder = builder_class(**arguments)
    with tempfile.TemporaryDirectory() as downloads:
        config = tfds.download.DownloadConfig(manual_dir=str(directory))
        builder.download_and_prepare(download_dir=downloads, download_config=config)
    return pathlib.Path(builder.data_dir)
