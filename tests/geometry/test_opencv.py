"""An OpenCV that is not here or can't be loaded is one line that helps."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (
            "raise ImportError('libGL.so.1: no such file')",
            "(libGL.so.1: no such file)",
        ),
        ("raise ModuleNotFoundError('no cv2', name='cv2')", "OpenCV is not installed"),
    ],
)
def test_what_is_said(tmp_path, module, said):
    (tmp_path / "cv2.py").write_text(f"{module}\n")
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    program = "from bnn_landmarks import cli; import sys; sys.argv = ['x', 'predict', '--sample']; cli.main()"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("bnn-landmarks: ") and said in line and "headless" in line
