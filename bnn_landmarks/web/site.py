"""The page as a folder that any static host can serve: `files` says what is in it, `write` makes one.

index.html, page.css, ...        the page
page/*.js                        its scripts
lib/*.js, lib/engine*.wasm       the npm package: lib/index.js is what another page imports
lib/networks/                    the zoo's exported files, and index.json, which lists them
samples/                         two photographs
"""

import json
import os
import pathlib
import tempfile

from bnn_landmarks import zoo
from bnn_landmarks.files import check_directory

HERE = pathlib.Path(__file__).parent
ASSETS = HERE.parent / "assets"
SAMPLES = ("person", "face")


def files():
    """What the site holds: {path in it: the file's path, or its bytes}."""
    site = {path.name: path for path in (HERE / "page").iterdir() if path.is_file()}
    built = HERE / "built"
    site |= {
        path.relative_to(built).as_posix(): path
        for path in built.rglob("*")
        if path.suffix in (".js", ".wasm")
    }
    networks = entries()
    for entry in networks:
        for suffix in (".tflite", ".json"):
            site[f"lib/networks/{entry['name']}{suffix}"] = zoo.WEIGHTS / f"{entry['name']}{suffix}"
    site["lib/networks/index.json"] = json.dumps(networks, indent=1).encode()
    return site | {f"samples/{name}.jpg": ASSETS / f"{name}.jpg" for name in SAMPLES}


def entries():
    """The networks that have weights, as the page lists them: name, task, scheme, title, input_size, bytes."""
    return [
        {
            "name": name,
            "task": entry.spec.task,
            "scheme": entry.spec.scheme,
            "title": entry.title,
            "input_size": entry.spec.input_size,
            "bytes": (zoo.WEIGHTS / f"{name}.tflite").stat().st_size,
        }
        for name, entry in zoo.ENTRIES.items()
        if entry.weights is not None
    ]


def write(directory):
    """The site as a folder, which takes its name when it is whole.

    Raises:
        OSError: there is no directory to make it in, or that takes none.
        ValueError: it is there already, and holds something.
    """
    directory = pathlib.Path(directory)
    if not directory.parent.is_dir():
        raise FileNotFoundError(f"can't write {directory}: there is no directory {directory.parent}")
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ValueError(f"{directory} is there already: the page is written to a new or an empty folder")
    check_directory(directory.parent)
    with tempfile.TemporaryDirectory(prefix=f".{directory.name}.", dir=directory.parent) as scratch:
        made = pathlib.Path(scratch) / "site"
        for name, content in files().items():
            target = made / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content if isinstance(content, bytes) else content.read_bytes())
        os.replace(made, directory)
