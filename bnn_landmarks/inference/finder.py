"""Where people or faces are, by the zoo's own network: a whole image -> boxes and scores.

find = Finder("person")                      # or "face"
boxes, scores = find(image)                  # float64 [N, 4] x, y, width, height, and float32 [N], the best first
"""

import numpy as np

from bnn_landmarks.geometry import boxes, crops, images
from bnn_landmarks.inference.engines import Engine, open_engine

ENTRY = "finder"


class Finder:
    """A network of task "boxes", ready to be called on images; from several threads where its engine may.

    Args:
        kind: "person" or "face". source: as `engines.open_engine` takes it, or an `Engine`.
        engine, num_threads: as there. threshold: score a box needs.

    Raises:
        ValueError: the network finds no such kind, or is not one that finds boxes; and as `engines.open_engine`.
    """

    def __init__(self, kind, source=ENTRY, engine="auto", num_threads=1, threshold=boxes.THRESHOLD):
        self.engine = source if isinstance(source, Engine) else open_engine(source, engine, num_threads)
        self.spec, self.threshold = self.engine.spec, threshold
        kinds = self.spec.landmark_scheme().names
        if self.spec.task != "boxes" or kind not in kinds:
            found = " and ".join(kinds) if self.spec.task == "boxes" else self.spec.task
            raise ValueError(f"{self.spec.name} finds {found}, not boxes of {kind!r}")
        self.kind, self.name = kinds.index(kind), self.spec.name

    def __call__(self, image):
        """Boxes float64 [N, 4] in the image's pixels, tight around the joints or the face's points that are seen and
        cut at the border, and their scores float32 [N] in [0, 1], the best first.

        image: as `images.load` takes it.
        """
        image = images.load(image)
        matrix = boxes.letterbox(image.shape, self.spec.input_size)
        square = images.as_rgb(crops.crop(image, matrix, self.spec.input_size))
        maps = self.engine.run(crops.to_input(square[None]))[0]
        found, scores = boxes.decode(maps, self.spec.stride, self.threshold)[self.kind]
        found = boxes.restore(found, matrix, image.shape)
        inside = (found[:, 2:] >= crops.BOX_LIMITS[0]).all(axis=1)
        return found[inside], np.asarray(scores, np.float32)[inside]
