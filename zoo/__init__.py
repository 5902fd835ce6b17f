"""The pretrained networks: load one by name, list them, read their cards.

    model = zoo.load("pose")                     # tf.keras.Model, model.spec says how to feed and read it
    zoo.names(task="landmarks")                  # ["pose", "pose_128", ...]
    zoo.card("pose")["records"]                  # its evaluations

The entries are data: `zoo.entries`.
"""

import difflib
import os
import pathlib
from typing import TYPE_CHECKING, Any

from bnn_landmarks import extras, files
from bnn_landmarks.spec import TASKS
from bnn_landmarks.zoo.entries import ENTRIES, Entry

if TYPE_CHECKING:
    import tensorflow as tf

WEIGHTS = pathlib.Path(__file__).parent / "weights"
CARDS = pathlib.Path(__file__).parent / "cards"


def entry(name: str) -> Entry:
    """The record of an entry, `entries.Entry`.

    Raises:
        ValueError: there is none of that name; the message lists the close ones.
    """
    if not isinstance(name, str) or name not in ENTRIES:
        close = difflib.get_close_matches(str(name), ENTRIES, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}?" if close else f"the entries are {', '.join(ENTRIES)}"
        raise ValueError(f"no entry {str(name)!r} in the zoo; {hint}")
    return ENTRIES[name]


def names(task: str | None = None) -> list[str]:
    """The entries' names, all or those of one task ("landmarks", "parts" or "boxes"), trained or not.

    Raises:
        ValueError: an unknown task.
    """
    if task is not None and task not in TASKS:
        raise ValueError(f"unknown task {task!r}; the tasks are {', '.join(TASKS)}")
    return [name for name, chosen in ENTRIES.items() if task in (None, chosen.spec.task)]


def load(name: str, weights: str | os.PathLike | None = "pretrained") -> "tf.keras.Model":
    """An entry's network.

    Args:
        name: the entry's. weights: "pretrained", None (untrained), or the path of a packed file of your own (`.npz`).

    Returns:
        tf.keras.Model, float32 [N, S, S, 3] in [0, 1] -> logits [N, S/4, S/4, K]; `model.spec` is its `spec.Spec`.

    Raises:
        ValueError: an unknown name; an entry that has no trained weights yet; a damaged file, or another network's.
        FileNotFoundError: no such weights file. ImportError: TensorFlow or larq is not installed.
    """
    chosen = entry(name)
    if weights is not None and not isinstance(weights, str | os.PathLike):
        raise ValueError(f"weights are 'pretrained', None or the path of a packed file, not {weights!r}")
    with extras.needed_for("building a network"):
        return _load(chosen, weights)


def _load(chosen, weights):
    if weights is None:
        from bnn_landmarks.network.build import build

        return build(chosen.spec)

    from bnn_landmarks.network.weights import load as load_packed

    name = chosen.name
    if weights != "pretrained":
        return load_packed(weights, name)
    if chosen.weights is None:
        raise ValueError(
            f"{name} has no trained weights yet ({chosen.untrained}): train it with `bnn-landmarks train "
            f"{name} --data DIR --output DIR`, or build it untrained with weights=None"
        )
    model = load_packed(WEIGHTS / chosen.weights, name, chosen.sha256)
    if model.spec != chosen.spec:
        raise ValueError(f"the spec in {chosen.weights} is not that of the entry {name} in zoo/entries.py")
    return model


def records(name: str, directory: str | os.PathLike = CARDS) -> dict[str, Any]:
    """The evaluation records NAME.*.json of a directory, by file name.

    Raises:
        ValueError: one is none.
    """
    found = {}
    for path in sorted(pathlib.Path(directory).glob(f"{name}.*.json")):
        record = files.read_json(path)
        if not isinstance(record, dict) or "metrics" not in record:
            raise ValueError(f"{path} is no evaluation record, as `evaluate` writes them")
        found[path.name] = record
    return found


def card(name: str) -> dict[str, Any]:
    """What there is to know of an entry, as data.

    Returns:
        dict: name, title, purpose, paper, task, scheme, landmarks (names), input_size, parameters of the crop
        (box_side, padding), trained (bool), untrained (why not), weights (file name), bytes, sha256,
        trained_on ({data set, split, terms}), train (the command), records (evaluation records by file name),
        text (the card in Markdown, or None).

    Raises:
        ValueError: an unknown name.
    """
    from bnn_landmarks.datasets import terms

    chosen = entry(name)
    spec, page = chosen.spec, CARDS / f"{name}.md"
    return {
        "name": name,
        "title": chosen.title,
        "purpose": chosen.purpose,
        "paper": chosen.paper,
        "task": spec.task,
        "scheme": spec.scheme,
        "landmarks": list(spec.landmark_scheme().names),
        "input_size": spec.input_size,
        "box_side": spec.box_side,
        "padding": spec.padding,
        "trained": chosen.weights is not None,
        "untrained": chosen.untrained,
        "weights": chosen.weights,
        "bytes": (WEIGHTS / chosen.weights).stat().st_size if chosen.weights else None,
        "sha256": chosen.sha256,
        "trained_on": [
            {"data": data, "split": split, "terms": terms.of(data, split)}
            for data, split in chosen.trained_on
        ],
        "train": f"bnn-landmarks train {name} --data DIR --output DIR",
        "records": records(name),
        "text": page.read_text(encoding="utf-8") if page.is_file() else None,
    }
