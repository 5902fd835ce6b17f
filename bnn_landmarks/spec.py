"""What a network is and how its input is made and its output read: the record that travels with the weights.

A `Spec` is all that `Localizer`, the exporter and an app need: it is `model.spec`, the head of a weights file and the
`.json` beside an exported file.
"""

import dataclasses
import json

from bnn_landmarks.schemes import SCHEMES, Scheme

TASKS = ("landmarks", "parts", "boxes")
# Maps per kind of subject: its centres, and at each the centre's offset in x and y and the box's width and height.
CHANNELS = 5
SCORES = ("softmax", "sigmoid")
BOX_SIDES = ("max", "mean")


@dataclasses.dataclass(frozen=True)
class Spec:
    """One network's description.

    name: entry name. task: "landmarks", "parts", or "boxes" (where subjects are in a whole image, `geometry.boxes`).
    scheme: name of the landmark scheme (`schemes.SCHEMES`), of the parts or of the kinds of subjects.
    input_size: side S of the square input, pixels; float32 RGB in [0, 1], NHWC.
    stride: input pixels per map pixel: maps are [S / stride, S / stride, K] logits.
    box_side, padding: the crop's side is padding x the box's longer side ("max") or its mean side ("mean").
    score: how a map's peak becomes a score in [0, 1]: "softmax" over positions or "sigmoid" (the loss it learned with).
    sigma: standard deviation of the Gaussian it learned from, in map pixels.
    block, channels, stacks, early_pool: arguments of `hourglass.hourglass_network`.
    options: fields of `layers.Options` that differ from the defaults.
    """

    name: str
    task: str = "landmarks"
    scheme: str = "mpii16"
    input_size: int = 256
    stride: int = 4
    box_side: str = "max"
    padding: float = 1.3
    score: str = "softmax"
    sigma: float = 1.75
    block: str = "hierarchical"
    channels: int = 256
    stacks: int = 1
    early_pool: bool = False
    options: dict = dataclasses.field(default_factory=dict)
    landmarks: dict | None = None

    def __post_init__(self):
        for field, allowed in (("task", TASKS), ("score", SCORES), ("box_side", BOX_SIDES)):
            if getattr(self, field) not in allowed:
                raise ValueError(f"{field} must be one of {', '.join(allowed)}, not {getattr(self, field)!r}")
        self.landmark_scheme()

    def landmark_scheme(self) -> Scheme:
        """The scheme's names, mirror pairs and edges. A scheme of the user's own travels in `landmarks`."""
        if self.landmarks is not None:
            return Scheme.from_dict(self.landmarks)
        if self.scheme not in SCHEMES:
            raise ValueError(f"unknown landmark scheme {self.scheme!r}; known: {', '.join(SCHEMES)}")
        return SCHEMES[self.scheme]

    @property
    def outputs(self) -> int:
        """Number of maps K: one per landmark or part, `CHANNELS` per kind of subject."""
        return len(self.landmark_scheme().names) * (CHANNELS if self.task == "boxes" else 1)

    @property
    def binary(self) -> bool:
        """Whether weights and activations are binary: neither the real-valued twin nor the step between
        (`layers.Options`)."""
        return self.options.get("binary", True) and self.options.get("weights", "binary") == "binary"

    @property
    def map_size(self) -> int:
        return self.input_size // self.stride

    def to_dict(self) -> dict:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, record: dict) -> "Spec":
        """Raises ValueError naming the fields that are unknown or wrong."""
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(record) - known)
        if unknown:
            raise ValueError(
                f"spec has unknown fields {', '.join(unknown)}: written by a newer bnn-landmarks?"
            )
        return cls(**record)

    @classmethod
    def from_json(cls, text: str) -> "Spec":
        return cls.from_dict(json.loads(text))
