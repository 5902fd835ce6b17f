"""The npm package as a folder: python deploy/web/pack.py DIRECTORY, then `npm publish DIRECTORY`.

It holds what the page has under lib/, the types, and docs/web.md as its README. Needs TypeScript (`npm install` here).
"""

import argparse
import pathlib
import shutil
import subprocess
import sys

from bnn_landmarks.web import site

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
COMPILER = HERE / "node_modules" / ".bin" / "tsc"


def pack(directory):
    """Writes the package into a folder that is not there yet.

    Raises:
        FileNotFoundError: TypeScript is not installed here. FileExistsError: the folder is there.
        ValueError: the sources do not compile.
    """
    if not COMPILER.exists():
        raise FileNotFoundError(f"there is no {COMPILER}: run `npm install` in {HERE}")
    directory = pathlib.Path(directory)
    directory.mkdir()
    try:
        command = [
            COMPILER,
            "-p",
            HERE,
            "--declaration",
            "--emitDeclarationOnly",
            "--outDir",
            directory / "types",
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise ValueError(f"the sources do not compile: {done.stdout.splitlines()[0]}")
        (directory / "types" / "lib").rename(directory / "dist")
        shutil.rmtree(directory / "types")
        for name, content in site.files().items():
            if name.startswith("lib/"):
                target = directory / "dist" / name.removeprefix("lib/")
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(content if isinstance(content, bytes) else content.read_bytes())
        for source, name in (
            (HERE / "package.json", "package.json"),
            (ROOT / "docs" / "web.md", "README.md"),
            (ROOT / "LICENSE", "LICENSE"),
        ):
            shutil.copyfile(source, directory / name)
    except BaseException:
        shutil.rmtree(directory)
        raise


def main():
    parser = argparse.ArgumentParser(description="Write the npm package as a folder.")
    parser.add_argument("directory", help="a folder that is not there yet")
    try:
        pack(parser.parse_args().directory)
    except (OSError, ValueError) as error:
        sys.exit(f"pack.py: {error}")


if __name__ == "__main__":
    main()
