"""What an installation holds: every package of the project, the networks, and nothing that only a port's tests read."""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[1]


def test_an_installation_holds_every_module_and_the_weights_but_no_golden_vectors_or_trunks(tmp_path):
    command = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    installed = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    for package, to in (
        ("bnn_landmarks", "bnn_landmarks"),
        ("zoo", "bnn_landmarks/zoo"),
        ("export", "export"),
    ):
        for suffix in ("*.py", "*.npz", "*.tflite", "*.md", "*.json"):
            for path in (ROOT / package).rglob(suffix):
                name = pathlib.Path(to) / path.relative_to(ROOT / package)
                wanted = (
                    ".golden." not in path.name
                    and path.name != "training-log.md"
                    and "trunks" not in path.parts
                )
                assert (name in installed) == wanted, name
