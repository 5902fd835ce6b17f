"""What the zoo holds: one record an entry.

`python -m bnn_landmarks.weights RUN zoo/weights/NAME.npz` packs a training run's weights and prints the SHA-256 that
belongs here.
"""

import dataclasses

from bnn_landmarks.spec import Spec

FACE = {"box_side": "mean", "padding": 1.6, "input_size": 128, "sigma": 1.25}

POSE = (("lspet", "train"), ("mpii", "train"))  # also what face_300wlp started from
FACES = (("helen_afw", "train"), ("youtube_faces", "train"), ("aflw2000", "train_68"), *POSE)


@dataclasses.dataclass(frozen=True)
class Entry:
    """One pretrained network, or one that waits for its data.

    spec: the network, its input and output; equal to the weights file's. title: what it finds. purpose: what for.
    paper: the paper's figure for the task, with the data it was measured on.
    recipe: name of the recipe that trains it. trained_on: (data set, split) pairs the weights learned from; their terms
    are `cards.terms(data set)`.
    weights: file under zoo/weights, None where there are none yet; then untrained says why. sha256: its hash.
    """

    spec: Spec
    title: str
    purpose: str
    paper: str
    recipe: str
    trained_on: tuple = ()
    weights: str | None = None
    sha256: str | None = None
    untrained: str | None = None

    @property
    def name(self) -> str:
        return self.spec.name


ENTRIES = {
    entry.name: entry
    for entry in (
        Entry(
            spec=Spec("pose", scheme="mpii16", input_size=192, sigma=1.25),
            title="16 body joints of a person",
            purpose="sports, dance and fitness; sorting and cropping photographs of people",
            paper="PCKh@0.5 78.1 on MPII validation, at 256x256, trained on MPII",
            recipe="pose",
            trained_on=POSE,
            weights="pose.npz",
            sha256="4d72c6f2b660ebf608a26ca90b908cd42a21f5a4f6116785fd4c1bd05021f503",
        ),
        Entry(
            spec=Spec("face_aflw", scheme="aflw21", **FACE),
            title="21 points of a face, up to profile",
            purpose="aligning and tracking faces",
            paper="NME 2.85 % on AFLW, mean of three yaw bins, visible points",
            recipe="face_aflw",
            trained_on=(("aflw2000", "train_21"), *FACES),
            weights="face_aflw.npz",
            sha256="442258be6567582bbb78958dd6bc3283f5a6fa043b8a3740c29136870f64af50",
        ),
        Entry(
            spec=Spec("face_300wlp", scheme="ibug68", **FACE),
            title="68 points of a face",
            purpose="aligning and tracking faces, make-up and masks",
            paper="NME 3.26 % on AFLW2000-3D, mean of three yaw bins, trained on 300W-LP",
            recipe="face_300wlp",
            trained_on=FACES,
            weights="face_300wlp.npz",
            sha256="93f7a21537642bc23b0f644777d169651eebe9b0d582e95d4677ce297c1ce50a",
        ),
        Entry(
            spec=Spec("face_pifa", scheme="pifa34", box_side="mean", padding=2.05),
            title="34 points of a face, up to profile",
            purpose="aligning faces, up to profile",
            paper="NME 3.02 % on AFLW-PIFA, visible points; 4.47 % on all",
            recipe="face_pifa",
            untrained="AFLW-PIFA's images were not at hand where the others were trained",
        ),
        Entry(
            spec=Spec("face_parts", task="parts", scheme="parts7", **FACE),
            title="7 facial parts",
            purpose="make-up, masks, colour correction",
            paper="mean IU 68.05 on the 300-W competition set, trained on 300-W",
            recipe="face_parts",
            trained_on=FACES,
            weights="face_parts.npz",
            sha256="d04fdb5746a0a598752156bfa6aae3d5195788d26c2f51c62b35bd96068880a5",
        ),
    )
}
