"""What a training run is: a `Recipe`, one short Python file each under `bnn_landmarks/recipes`."""

import ast
import dataclasses
from collections.abc import Mapping
from typing import Any

from bnn_landmarks import records
from bnn_landmarks.spec import Spec
from bnn_landmarks.training.augment import Augmentation

PARTS = ("parts", "parts_balanced")
BOXES = ("boxes",)
LOSSES = ("softmax", "sigmoid", "l2", *PARTS, *BOXES)
# The `Spec.score` that reads what a loss of landmarks makes.
SCORED = {"softmax": "softmax", "sigmoid": "sigmoid", "l2": "sigmoid"}
OPTIMIZERS = ("adam", "rmsprop")
SCHEDULES = ("cosine", "hold", "decay")
PRECISIONS = ("float32", "bfloat16", "float16")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One training run.

    spec: the network. train, validate: (data set, split) pairs; a data set is a folder below `--data`.
    category: of COCO folders that have several categories of landmarks, the one that is learned.
    loss: one of `LOSSES`. optimizer: "adam" or "rmsprop". learning_rate: its peak.
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
    agreement: None, or the weight of a term that asks for the same maps of two views of each crop, which differ by
        noise of one grey level (`model.VIEW_NOISE`) and of which a step learns both: it takes twice the time. 0: the
        two views without the term.
    window: how many times as wide the straight-through gradient's window is at the start, which then is so many
        standard deviations to each side (`model.widen`; gains and shifts before it are trained like all others). Not
        with stages.
    stages: a tuple of {path: value} as `override` takes them, trained one after another, each from the one before:
        progressive image size ({"samples": 20000, "spec.input_size": 128}, {"samples": 8000}), or progressive
        binarization ({"spec.options.binary": False}, {"spec.options.weights": "real"}, {}).
    """

    spec: Spec
    train: tuple[tuple[str, str], ...]
    validate: tuple[tuple[str, str], ...]
    samples: int
    batch_size: int = 16
    loss: str = "softmax"
    optimizer: str = "adam"
    learning_rate: float = 1.5e-3
    schedule: str | tuple[tuple[float, float], ...] = "cosine"
    warmup: float = 0.02
    augmentation: Augmentation = Augmentation()
    seed: int = 0
    precision: str = "float32"
    jit_compile: bool = False
    average: float = 0.0
    teacher: str | None = None
    teacher_weight: float = 1.0
    agreement: float | None = None
    window: float = 1.0
    stages: tuple[dict, ...] = ()
    trunk: int = 0
    category: str | None = None

    def __post_init__(self):
        records.check(self)
        records.check_choices(self, {"loss": LOSSES, "optimizer": OPTIMIZERS, "precision": PRECISIONS})
        self.spec.check_stride()
        records.check_range(self, "learning_rate window", low=0, above=True)
        records.check_range(self, "warmup average", low=0, high=1)
        if self.average == 1:
            raise ValueError("Recipe.average is the momentum of a moving average, below 1: 0.999, say")
        records.check_range(self, "seed teacher_weight trunk", low=0)
        if self.agreement is not None:
            records.check_range(self, "agreement", low=0)
            if self.loss in BOXES:
                raise ValueError("agreement is of landmarks or parts, not of boxes: set it to None")
        if isinstance(self.schedule, str) and self.schedule not in SCHEDULES:
            raise ValueError(
                f"schedule must be one of {', '.join(SCHEDULES)}, or ((share, rate), ...), not {self.schedule!r}"
            )
        if not isinstance(self.schedule, str):
            _check_steps(self.schedule)
        task = "parts" if self.loss in PARTS else "boxes" if self.loss in BOXES else "landmarks"
        if task != self.spec.task:
            raise ValueError(f"the loss {self.loss!r} does not fit the task {self.spec.task!r}")
        if task == "landmarks" and self.spec.score != SCORED[self.loss]:
            raise ValueError(
                f"the maps that the loss {self.loss!r} makes are read by spec.score={SCORED[self.loss]}, not "
                f"{self.spec.score}: set that, too"
            )
        if task != "landmarks" and (self.augmentation.loose or self.augmentation.absent):
            raise ValueError(f"augmentation.loose and absent are of landmarks, not of {task}: set them to 0")
        records.check_range(self, "batch_size", low=1)
        if self.samples < self.batch_size:
            raise ValueError(f"a run of {self.samples} samples has no step of {self.batch_size}")
        if self.stages and self.window != 1:
            raise ValueError(
                "a window is of the start of a run without stages: set it to 1, or train them by hand"
            )
        for stage in self.stages:
            if not all(isinstance(path, str) for path in stage):
                raise ValueError(f"a stage is {{setting: value}}, as {{'samples': 8000}}, not {stage!r}")
            override(dataclasses.replace(self, stages=()), stage)

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


def _check_steps(schedule):
    """Raise where steps of the learning rate are none."""
    shares = [share for share, _ in schedule]
    rising = bool(shares) and shares[0] >= 0 and shares[-1] <= 1 and sorted(set(shares)) == shares
    if not rising or min(rate for _, rate in schedule) <= 0:
        raise ValueError(
            "the steps of a schedule are ((share, rate), ...), shares of the run that rise from 0 to 1, rates above 0, "
            f"not {schedule!r}"
        )


def override(record: Recipe, values: Mapping[str, Any]) -> Recipe:
    """A recipe with some of its values replaced, all at once.

    Args:
        values: {path: value}, as {"spec.input_size": 128, "spec.options.activation": "prelu", "batch_size": 8}.

    Raises:
        ValueError: there is no such field (the nearest one is named), or it does not take that value.
    """
    return _overridden(record, values, "")


def _overridden(record, values, prefix):
    """`override` of a dataclass or dict whose own path is `prefix`."""
    known = record if isinstance(record, dict) else [field.name for field in dataclasses.fields(record)]
    new, inner = {}, {}
    for path, value in values.items():
        field, _, rest = path.partition(".")
        if not isinstance(record, dict) and field not in known:
            raise ValueError(f"there is no setting {prefix}{field}; {records.nearest(field, known, prefix)}")
        if rest:
            inner.setdefault(field, {})[rest] = value
        else:
            new[field] = value
    for field, changes in inner.items():
        old = new[field] if field in new else _value(record, field)
        if not (dataclasses.is_dataclass(old) or isinstance(old, dict)):
            raise ValueError(
                f"{prefix}{field} is one value: there is no setting {prefix}{field}.{next(iter(changes))}"
            )
        new[field] = _overridden(old, changes, f"{prefix}{field}.")
    return {**record, **new} if isinstance(record, dict) else dataclasses.replace(record, **new)


def _value(record, field):
    return record.get(field) if isinstance(record, dict) else getattr(record, field)


def parse(setting: str) -> tuple[str, Any]:
    """ "key=value" -> (key, value), the value as a Python literal ("true" and "false" too), or as the text it is.

    Raises:
        ValueError: there is no "=".
    """
    key, equals, text = setting.partition("=")
    if not (key.strip() and equals):
        raise ValueError(f"a setting is key=value, as spec.input_size=128, not {setting!r}")
    key, text = key.strip(), text.strip()
    if text.lower() in ("true", "false"):
        return key, text.lower() == "true"
    try:
        return key, ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return key, text
