"""The samples of a set that `builder.prepare` built, read one by one from its array_record files."""

import math
import pathlib
from typing import Any

import cv2
import numpy as np
import tensorflow_datasets as tfds

from bnn_landmarks.datasets.sample import Sample
from bnn_landmarks.geometry import images
from bnn_landmarks.schemes import Scheme


class Prepared:
    """One split. `directory` is the build's: DATA_DIR/NAME/VERSION.

    Raises:
        FileNotFoundError: the build has no such split.
    """

    def __init__(self, directory, split):
        builder = tfds.builder_from_directory(str(directory))
        metadata = builder.info.metadata
        if "scheme" not in metadata:
            raise ValueError(
                f"{directory} was not built by bnn-landmarks: it does not say which landmarks it holds"
            )
        self.scheme = Scheme.from_dict(metadata["scheme"])
        aliases = metadata["aliases"]
        try:
            self._examples = builder.as_data_source(
                aliases.get(split, split), decoders={"image": tfds.decode.SkipDecoding()}
            )
        except (ValueError, KeyError) as error:
            there = ", ".join([*builder.info.splits, *aliases])
            name = pathlib.Path(directory).parent.name
            raise FileNotFoundError(f"{name} has no split {split!r}; its splits are {there}") from error

    def __len__(self):
        return len(self._examples)

    def __getitem__(self, index) -> Sample:
        record = self._examples[range(len(self))[index]]
        name, mask = record["name"].decode(), record["mask"]
        known: dict[str, Any] = {
            key: float(record[key]) for key in ("scale", "yaw", "head_size") if math.isfinite(record[key])
        }
        if np.isfinite(record["center"]).all():
            known["center"] = record["center"]
        if mask:
            known["mask"] = cv2.imdecode(np.frombuffer(mask, np.uint8), cv2.IMREAD_UNCHANGED)
        return Sample(
            name=name,
            image=images.decode(record["image"], name),
            landmarks=record["landmarks"],
            visible=record["visible"],
            box=record["box"],
            **known,
        )
