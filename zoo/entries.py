"""What the zoo holds: one record an entry.

A plain name is the network at the paper's 256x256; NAME_128 is the same task at 128x128, four times less work, for slow
devices.

`python -m bnn_landmarks.network.weights RUN zoo/weights/NAME.npz` packs a training run's weights and prints the
SHA-256 that belongs here.
"""

import dataclasses
from typing import Any

from bnn_landmarks.spec import Spec

FACE: dict[str, Any] = {"box_side": "mean", "padding": 1.6}
LARGE: dict[str, Any] = {"input_size": 256, "sigma": 1.5, "options": {"stem": "integer"}}
SMALL: dict[str, Any] = {"input_size": 128, "sigma": 1.25}

POSE = (("lspet", "train"), ("mpii", "train"))  # also what face_300wlp started from
CLEANED = (("lspet", "train_clean"), ("mpii", "train_clean"), ("people", "train"))  # `data clean`
FACES = (("helen_afw", "train"), ("youtube_faces", "train"), ("aflw2000", "train_68"), *POSE)
FINDER = (
    *POSE,
    ("people", "train"),
    *FACES[:3],
    ("celebamask", "train"),
)


@dataclasses.dataclass(frozen=True)
class Entry:
    """One pretrained network, or one that waits for its data.

    spec: the network, its input and output; equal to the weights file's. title: what it finds. purpose: what for.
    paper: the paper's figure for the task, with the data it was measured on.
    trained_on: (data set, split) pairs the weights learned from; their terms are in `datasets.terms`.
    weights: file under zoo/weights, None where there are none yet; then untrained says why. sha256: its hash.
    """

    spec: Spec
    title: str
    purpose: str
    paper: str
    trained_on: tuple = ()
    weights: str | None = None
    sha256: str | None = None
    untrained: str | None = None

    @property
    def name(self) -> str:
        """Also of the recipe that trains it."""
        return self.spec.name


def _both_sizes(large, sha256, small_sha256):
    """The entry of a task at 256x256, and at 128x128."""
    small = f"{large.name}_128"
    yield dataclasses.replace(large, weights=f"{large.name}.npz", sha256=sha256)
    yield dataclasses.replace(
        large,
        spec=dataclasses.replace(large.spec, name=small, **SMALL),
        weights=f"{small}.npz",
        sha256=small_sha256,
    )


ENTRIES = {
    entry.name: entry
    for entry in (
        *_both_sizes(
            Entry(
                spec=Spec("pose", scheme="mpii16", **LARGE),
                title="16 body joints of a person",
                purpose="sports, dance and fitness; sorting and cropping photographs of people",
                paper="PCKh@0.5 78.1 on MPII validation, at 256x256, trained on MPII",
                trained_on=CLEANED,
            ),
            sha256="f7db719b5b0acc16262c0be79375853b5d7b0025b2e6a7867900845511019e31",
            small_sha256="8a9dba06162fcb202f3ecdad1865481ff026732e55bcf17785303bd601a7974d",
        ),
        *_both_sizes(
            Entry(
                spec=Spec("face_aflw", scheme="aflw21", **FACE, **LARGE),
                title="21 points of a face, up to profile",
                purpose="aligning and tracking faces",
                paper="NME 2.85 % on AFLW, mean of three yaw bins, visible points",
                trained_on=(("aflw2000", "train_21"), *FACES),
            ),
            sha256="0ca5dba0291bd95096b3cb879da5c36dab3cfc2b82b9cc6e0a5ac4284b8dd56b",
            small_sha256="03870e0b4e8f21352fac88ae6c84e0f552ab4bd247b43cceb3802b82c5dd0629",
        ),
        *_both_sizes(
            Entry(
                spec=Spec("face_300wlp", scheme="ibug68", **FACE, **LARGE),
                title="68 points of a face",
                purpose="aligning and tracking faces, make-up and masks",
                paper="NME 3.26 % on AFLW2000-3D, mean of three yaw bins, trained on 300W-LP",
                trained_on=FACES,
            ),
            sha256="3caf82e8f845985244c7337c5aabc5e164865387d0a3fac0bd826c02262e0baa",
            small_sha256="a927cf3808b6635e641c07f37e53e2022a0d4a0a20823bc87cdb317b924631c8",
        ),
        Entry(
            spec=Spec("face_pifa", scheme="pifa34", box_side="mean", padding=2.05),
            title="34 points of a face, up to profile",
            purpose="aligning faces, up to profile",
            paper="NME 3.02 % on AFLW-PIFA, visible points; 4.47 % on all",
            untrained="AFLW-PIFA's images were not at hand where the others were trained",
        ),
        *_both_sizes(
            Entry(
                spec=Spec("face_parts", task="parts", scheme="parts7", **FACE, **LARGE),
                title="7 facial parts",
                purpose="make-up, masks, colour correction",
                paper="mean IU 68.05 on the 300-W competition set, trained on 300-W",
                trained_on=FACES,
            ),
            sha256="a5e00f233641168f881569d1516c831bc7f85d96846a2f19028370954b0f1b98",
            small_sha256="c5e3fe994fb796372090f93c0f3d479a43f6636b68d69d9ae9707f3340a8496a",
        ),
        Entry(
            spec=Spec(
                "finder",
                task="boxes",
                scheme="subjects",
                input_size=128,
                padding=1.0,
                score="sigmoid",
                channels=128,
                early_pool=True,
            ),
            title="where people and faces are",
            purpose="the boxes that the others look into, of a whole photograph or a video's frames",
            paper="none: the paper is given the boxes",
            trained_on=FINDER,
            weights="finder.npz",
            sha256="c6cd863ac223330abf6794b2a1500b884bb3ce6ccb64d5aa2a3a06309d0dbed7",
        ),
    )
}
