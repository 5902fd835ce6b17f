"""What a training run is: a `Recipe`, one short Python file each under `bnn_landmarks/recipes`."""

import ast
import dataclasses

from bnn_landmarks.spec import Spec
from bnn_landmarks.training.augment import Augmentation
from bnn_landmarks.training.losses import BOXES, LOSSES, PARTS

OPTIMIZERS = ("adam", "rmsprop")
SCHEDULES = ("cosine", "hold", "decay")
PRECISIONS = ("float32", "bfloat16", "float16")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One training run.

    spec: the network. train, validate: (data set, split) pairs; a data set is a folder below `--data`.
    loss: `losses.LOSSES`. optimizer: "adam" or "rmsprop". learning_rate: its peak.
    schedule: how the rate goes on after its warming up: "cosine" to zero; "hold", for a trunk that may go on for days;
        "decay", straight to zero from the first step on, for a branch off such a trunk (Hägele et al. 2024);
        or steps: a tuple of (share of the run, learning rate).
    warmup: share of a "cosine" or "hold" run over which the rate rises from zero. samples: length of the run.
    batch_size, seed.
    trunk: samples that the run this one branched off had taken; `train(branch=...)` sets it. The run goes on with the
        sample after them, and its schedule begins there.
    precision: "float32", or "bfloat16" / "float16" for the network's arithmetic (weights stay float32). bfloat16 pays
        on GPUs and on CPUs with AMX; other CPUs emulate it, many times slower.
    jit_compile: compile the step with XLA.
    average: momentum of the moving average of the weights that is validated and saved (0.999, say); 0 for none.
    teacher: a packed weights file (or a run's directory) whose maps the network learns beside the labels
        (`losses.distillation`), teacher_weight: how much.
    stages: a tuple of {path: value} as `override` takes them, trained one after another, each from the one before:
        progressive image size ({"samples": 20000, "spec.input_size": 128}, {"samples": 8000}), or progressive
        binarization ({"spec.options.binary": False}, {"spec.options.weights": "real"}, {}).
    """

    spec: Spec
    train: tuple
    validate: tuple
    samples: int
    batch_size: int = 16
    loss: str = "softmax"
    optimizer: str = "adam"
    learning_rate: float = 1.5e-3
    schedule: str | tuple = "cosine"
    warmup: float = 0.02
    augmentation: Augmentation = Augmentation()
    seed: int = 0
    precision: str = "float32"
    jit_compile: bool = False
    average: float = 0.0
    teacher: str | None = None
    teacher_weight: float = 1.0
    stages: tuple = ()
    trunk: int = 0

    def __post_init__(self):
        for field, allowed in (("loss", LOSSES), ("optimizer", OPTIMIZERS), ("precision", PRECISIONS)):
            if getattr(self, field) not in allowed:
                raise ValueError(f"{field} must be one of {', '.join(allowed)}, not {getattr(self, field)!r}")
        if isinstance(self.schedule, str) and self.schedule not in SCHEDULES:
            raise ValueError(
                f"schedule must be one of {', '.join(SCHEDULES)}, or ((share, rate), ...), not {self.schedule!r}"
            )
        task = "parts" if self.loss in PARTS else "boxes" if self.loss in BOXES else "landmarks"
        if task != self.spec.task:
            raise ValueError(f"the loss {self.loss!r} does not fit the task {self.spec.task!r}")
        if self.samples < self.batch_size or self.batch_size < 1:
            raise ValueError(f"a run of {self.samples} samples has no step of {self.batch_size}")

    @property
    def first_step(self) -> int:
        """The optimizer's step at which the run begins."""
        return self.trunk // self.batch_size

    @property
    def steps(self) -> int:
        """The optimizer's step at which the run ends."""
        return self.first_step + self.samples // self.batch_size

    def to_dict(self) -> dict:
        return dataclasses.asdict(self)


def override(record, values):
    """A recipe with some of its values replaced.

    Args:
        record: a dataclass or dict, nested. values: {path: value}, as {"spec.input_size": 128, "batch_size": 8}.

    Raises:
        ValueError: there is no such field, or it does not take that value.
    """
    for path, value in values.items():
        field, _, rest = path.partition(".")
        if isinstance(record, dict):
            new = override(record.get(field, {}), {rest: value}) if rest else value
            record = {**record, field: new}
            continue
        known = [f.name for f in dataclasses.fields(record)]
        if field not in known:
            raise ValueError(f"{type(record).__name__} has no field {field!r}; it has {', '.join(known)}")
        new = override(getattr(record, field), {rest: value}) if rest else value
        record = dataclasses.replace(record, **{field: new})
    return record


def parse(setting):
    """ "key=value" -> (key, value), the value as a Python literal, or as the text it is.

    Raises:
        ValueError: there is no "=".
    """
    key, equals, text = setting.partition("=")
    if not equals:
        raise ValueError(f"a setting is key=value, as spec.input_size=128, not {setting!r}")
    try:
        return key, ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return key, text
