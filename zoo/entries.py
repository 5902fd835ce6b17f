"""What the zoo holds: one record an entry.

A plain name is the network at the paper's 256x256; NAME_128 is the same task at 128x128, four times less work, for slow
devices; NAME_small has half the channels at 128x128: two fifths of the bytes and of the operations.

`python -m bnn_landmarks.network.weights RUN zoo/weights/NAME.npz` packs a training run's weights and prints the
SHA-256 that belongs here.
"""

import dataclasses
from typing import Any

from bnn_landmarks.spec import Spec

FACE: dict[str, Any] = {"box_side": "mean", "padding": 1.6}
LARGE: dict[str, Any] = {"input_size": 256, "sigma": 1.5, "options": {"stem": "integer"}}
HALF: dict[str, Any] = {"input_size": 128, "sigma": 1.25}

POSE = (("lspet", "train"), ("mpii", "train"))  # also what face_300wlp started from
CLEANED = (("lspet", "train_clean"), ("mpii", "train_clean"), ("people", "train"))  # `data clean`
FACES = (("helen_afw", "train"), ("youtube_faces", "train"), ("aflw2000", "train_68"), *POSE)
FINDER = (*CLEANED, *FACES[:3], ("celebamask", "train"))


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


def _sizes(large, sha256, half, small=None):
    """The entry of a task at 256x256, at 128x128, and with half the channels there.

    Args:
        large: `Entry` of the first. sha256, half, small: the weights' hashes; there is no third without `small`.
    """
    yield dataclasses.replace(large, weights=f"{large.name}.npz", sha256=sha256)
    yield _smaller(large, "128", half)
    if small:
        yield _smaller(large, "small", small, channels=128)


def _smaller(large, suffix, sha256, **spec):
    name = f"{large.name}_{suffix}"
    spec = dataclasses.replace(large.spec, name=name, **HALF, **spec)
    return dataclasses.replace(large, spec=spec, weights=f"{name}.npz", sha256=sha256)


ENTRIES = {
    entry.name: entry
    for entry in (
        *_sizes(
            Entry(
                spec=Spec("pose", scheme="mpii16", **LARGE),
                title="16 body joints of a person",
                purpose="sports, dance and fitness; sorting and cropping photographs of people",
                paper="PCKh@0.5 78.1 on MPII validation, at 256x256, trained on MPII",
                trained_on=CLEANED,
            ),
            sha256="3ab8f9282920e42420308470b95030a316624575950d0c134160b2451680ab7f",
            half="744152520556fd6e48ab4ad95f220440d808b8977985db78f30e430367488e0a",
            small="9926315b3b2a0b0f64b978a9a57ad34a6c46f5bf01896a5c18355d60d9945877",
        ),
        *_sizes(
            Entry(
                spec=Spec("face_aflw", scheme="aflw21", **FACE, **LARGE),
                title="21 points of a face, up to profile",
                purpose="aligning and tracking faces",
                paper="NME 2.85 % on AFLW, mean of three yaw bins, visible points",
                trained_on=(("aflw2000", "train_21"), *FACES),
            ),
            sha256="036553a515304bd986d70670b5872c2586d2117ad40d48657e051e1fc3a4c1ea",
            half="be8a9975efb7d5fbcdc11cd05d952febd4508072b89ec6af3529c0844ce9a4a6",
        ),
        *_sizes(
            Entry(
                spec=Spec("face_300wlp", scheme="ibug68", **FACE, **LARGE),
                title="68 points of a face",
                purpose="aligning and tracking faces, make-up and masks",
                paper="NME 3.26 % on AFLW2000-3D, mean of three yaw bins, trained on 300W-LP",
                trained_on=FACES,
            ),
            sha256="022384b699bbbf5248914b6122e310574bfb74cfb0fba2428508236814d00366",
            half="eba21685602cbba32dfabac45b71d3abdbbb5f8cfe8a6797c85f5d587f92cf5d",
            small="c76190f4d7d435cf7d5d5819d1b696bccd02ee6de1b492cecbcf29fc05f5be16",
        ),
        Entry(
            spec=Spec("face_pifa", scheme="pifa34", box_side="mean", padding=2.05),
            title="34 points of a face, up to profile",
            purpose="aligning faces, up to profile",
            paper="NME 3.02 % on AFLW-PIFA, visible points; 4.47 % on all",
            untrained="AFLW-PIFA's images were not at hand where the others were trained",
        ),
        *_sizes(
            Entry(
                spec=Spec("face_parts", task="parts", scheme="parts7", **FACE, **LARGE),
                title="7 facial parts",
                purpose="make-up, masks, colour correction",
                paper="mean IU 68.05 on the 300-W competition set, trained on 300-W",
                trained_on=FACES,
            ),
            sha256="43c5e42e86d7fbd8d53717669aaffea73e62c3115e42b6a9ef0dad78cb39e215",
            half="aabb0281b9a1367eae8779dd67dcc184b2159042f6a04907740606916e27ad2b",
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
                options={"stem": "integer"},
            ),
            title="where people and faces are",
            purpose="the boxes that the others look into, of a whole photograph or a video's frames",
            paper="none: the paper is given the boxes",
            trained_on=FINDER,
            weights="finder.npz",
            sha256="2309e2683c21685914451ddcf567d95da05eba9fd87be28955cb5b256de8c2af",
        ),
    )
}
