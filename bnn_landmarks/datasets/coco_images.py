"""Where the images of a COCO folder are, whatever its annotation tool wrote for their names.

    images = Images("birds", "birds/annotations/train.json", ("images/a.jpg", "https://host/data/b.jpg?x=1"))
    images.path("https://host/data/b.jpg?x=1")                        # birds/images/b.jpg

Nothing is guessed where two images could be meant.
"""

import collections
import os
import pathlib
import re
import urllib.parse

from bnn_landmarks.datasets.coco_categories import shown

_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")


class Images:
    """The paths of a folder's images by the names its annotation file has for them.

    NAME is looked for in DIR/images, in DIR, and beside the annotation file, with / for each backslash. Where it is in
    none of them, the one file below DIR/images (or beside the annotations) whose path ends in NAME is taken; where
    there is none, as for an address, another machine's path or a prefix, the one of the same last name, if no other
    image of the annotation file has it, too.
    """

    def __init__(self, directory, annotations, file_names):
        directory, beside = pathlib.Path(directory), pathlib.Path(annotations).parent
        self.roots = [directory / "images", directory, beside]
        self.searched = directory / "images" if (directory / "images").is_dir() else beside
        self.ends = collections.Counter(_end(name) for name in file_names)
        self._below = None

    def path(self, file_name: str) -> pathlib.Path:
        """The image's path.

        Raises:
            FileNotFoundError: there is no such file. ValueError: there are several.
        """
        name = file_name.replace("\\", "/")
        try:
            for root in self.roots:
                if (root / name).is_file():
                    return root / name
        except (ValueError, OSError):
            pass  # a name no file can have
        end = _end(file_name)
        below = self._ending(end)
        found = [path for path in below if path.as_posix().endswith(f"/{name}")]
        if not found and self.ends[end] <= 1:
            found = below
        if len(found) > 1:
            raise ValueError(f"{len(found)} images end in {shown(end)}: {found[0]}, {found[1]} ...")
        if not found:
            raise FileNotFoundError(f"no image at {self.roots[0]}/{shown(name)}")
        return found[0]

    def _ending(self, end):
        if self._below is None:
            below = collections.defaultdict(list)
            for folder, _, names in os.walk(self.searched):
                for name in names:
                    below[name].append(pathlib.Path(folder, name))
            self._below = below
        return self._below.get(end, [])


def _end(file_name):
    name = file_name.replace("\\", "/")
    if _ADDRESS.match(name):
        name = urllib.parse.unquote(re.split(r"[?#]", name)[0])
    return name.rsplit("/", 1)[-1]
