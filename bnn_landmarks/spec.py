"""What a network is and how its input is made and its output read: the record that travels with the weights.

A `Spec` is all that `Localizer`, the exporter and an app need: it is `model.spec`, the head of a weights file and the
`.json` beside an exported file.
"""

import dataclasses

from bnn_landmarks import records
from bnn_landmarks.schemes import SCHEMES, Scheme

TASKS = ("landmarks", "parts", "boxes")
# Maps per kind of subject: its centres, and at each the centre's offset in x and y and the box's width and height.
CHANNELS = 5
# Of every network that `network.build` makes.
STRIDE = 4
SCORES = ("softmax", "sigmoid")
BOX_SIDES = ("max", "mean")
ACTIVATIONS = ("relu", "prelu", "none")
WEIGHTS = ("binary", "real")
SCALES = ("learned", "mean", "fixed", "none")
SHORTCUTS = ("binary", "real")
STEMS = ("integer", "real")
FIRSTS = ("binary", "real")
POOLINGS = ("max", "average")


@dataclasses.dataclass(frozen=True)
class Options:
    """The switches of the paper's ablations and of ours, and the released networks' settings as defaults.

    binary: binary convolutions, or their real-valued twins (tables 1, 5 and 8), which no other switch but `pooling`
        concerns.
    weights: "binary", or "real" weights on binary activations: the middle step from a real network to a binary one,
        whose kernels go on to the next by their names (`training.initial`). It has no scale, since its weights have
        their own, and goes to a device as float TFLite only.
    activation: after each binary convolution but the projections a "relu" (table 11), "none", or "prelu" (He et al.
        2015): one learned slope per channel below zero, 0.25 at the start, after the scale. In an LCE file it is a
        float PRELU behind a convolution that stays binary.
    scale: what follows a binary convolution: "mean" is XNOR-Net's mean|W| per output channel (the paper's),
        "learned" a trained factor per output channel that starts at the He initialisation's mean|W|, "fixed" a factor
        that is not trained (what a packed "mean" network comes back as: `weights`), "none" nothing.
    pooling: "max" or "average" wherever the network pools (table 10).
    shortcut: the 1x1 convolution of a shortcut that changes channels and the 1x1 before the head: "binary", or "real".
    stem: the kernel of a binary network's first convolution: "integer", whole numbers of 8 bits
        (`layers.IntegerConv2D`), with which every engine computes the same bits; or "real", which is the default
        because files packed before there was a choice do not name it.
    first: the first block behind the stem: "binary", or its "real" twin, which reads the stem's values as they are.
    """

    binary: bool = True
    weights: str = "binary"
    activation: str = "relu"
    scale: str = "learned"
    pooling: str = "max"
    shortcut: str = "binary"
    stem: str = "real"
    first: str = "binary"

    def __post_init__(self):
        records.check(self)
        records.check_choices(self, {"weights": WEIGHTS, "activation": ACTIVATIONS, "scale": SCALES})
        records.check_choices(
            self, {"pooling": POOLINGS, "shortcut": SHORTCUTS, "stem": STEMS, "first": FIRSTS}
        )


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
    options: fields of `Options` that differ from the defaults.
    landmarks: a scheme of the user's own, `Scheme.to_dict()`.
    loosest: how many times the side of the usual crop the crops that it learned from had, where these went up to whole
        images and where there was nobody in some; None where it knows boxes of the usual tightness only.
    """

    name: str
    task: str = "landmarks"
    scheme: str = "mpii16"
    input_size: int = 256
    stride: int = STRIDE
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
    loosest: float | None = None

    def __post_init__(self):
        records.check(self)
        records.check_choices(self, {"task": TASKS, "score": SCORES, "box_side": BOX_SIDES})
        records.check_range(self, "input_size stride channels stacks", low=1)
        records.check_range(self, "padding sigma", low=0, above=True)
        if self.loosest is not None:
            records.check_range(self, "loosest", low=1)
        self.layer_options()
        scheme = self.landmark_scheme()
        if self.landmarks is not None:
            object.__setattr__(self, "landmarks", scheme.to_dict())

    def landmark_scheme(self) -> Scheme:
        """The scheme's names, mirror pairs and edges. A scheme of the user's own travels in `landmarks`."""
        if self.landmarks is not None:
            return Scheme.from_dict(self.landmarks)
        if self.scheme not in SCHEMES:
            raise ValueError(f"unknown landmark scheme {self.scheme!r}; known: {', '.join(SCHEMES)}")
        return SCHEMES[self.scheme]

    def layer_options(self) -> Options:
        """`options` with the defaults for the rest."""
        return records.make(Options, self.options)

    @property
    def outputs(self) -> int:
        """Number of maps K: one per landmark or part, `CHANNELS` per kind of subject."""
        return len(self.landmark_scheme().names) * (CHANNELS if self.task == "boxes" else 1)

    @property
    def binary(self) -> bool:
        """Whether weights and activations are binary: neither the real-valued twin nor the step between
        (`Options`)."""
        return self.options.get("binary", True) and self.options.get("weights", "binary") == "binary"

    def check_stride(self) -> None:
        """Raise where the stride is not that of the networks here.

        Raises:
            ValueError.
        """
        if self.stride != STRIDE:
            raise ValueError(
                f"the maps are a quarter of the input: Spec.stride is {STRIDE}, not {self.stride}"
            )

    @property
    def map_size(self) -> int:
        return self.input_size // self.stride

    def to_dict(self) -> dict:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, record: dict) -> "Spec":
        """Raises ValueError naming the fields that are unknown, missing or wrong."""
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(record) - known) if isinstance(record, dict) else []
        if unknown:
            raise ValueError(
                f"spec has unknown fields {', '.join(unknown)}: written by a newer bnn-landmarks?"
            )
        return records.make(cls, record)
