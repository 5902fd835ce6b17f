"""Whole files or none, wherever an exception comes: a signal's may come between any two instructions."""

import os
import subprocess
import sys

import numpy as np
import pytest

from bnn_landmarks.files import atomic_write
from bnn_landmarks.inference.video_writer import writer


class Interrupted(BaseException):
    """What a signal raises."""


def interrupted(work, folder, place):
    """Do `work` with an exception raised `place` instructions after there is a file in `folder`; whether it came."""
    left = place

    def trace(frame, event, argument):
        nonlocal left
        frame.f_trace_opcodes = True
        if event == "opcode" and os.listdir(folder):
            left -= 1
            if left < 0:
                sys.settrace(None)
                raise Interrupted
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    except Interrupted:
        return True
    finally:
        sys.settrace(before)
    return False


def text(path):
    with atomic_write(path, "w") as file:
        file.write("whole")


def test_text_is_utf8_whatever_the_locale(tmp_path):
    code = """
from bnn_landmarks.files import atomic_write, name_as_text
with atomic_write("a.txt", "w") as file:
    file.write("\\u00fc \\udcff " + name_as_text("\\udcc3\\udcbc \\udcff"))
"""
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "a.txt").read_bytes().decode("utf-8") == "ü \\udcff ü \\xff"


@pytest.mark.parametrize("write", [text, lambda path: film(path.with_suffix(".mp4"))])
def test_what_is_in_the_way_is_told_and_stays(tmp_path, write):
    for suffix in (".txt", ".mp4"):
        (tmp_path / f"a{suffix}").mkdir()
    with pytest.raises(FileExistsError, match=r"can't write .*a\..*: a folder of that name is in the way"):
        write(tmp_path / "a.txt")
    assert sorted(os.listdir(tmp_path)) == ["a.mp4", "a.txt"]
    with pytest.raises(FileExistsError, match="a device of that name"):
        text("/dev/full")


def test_a_full_disk_is_told_with_the_name(tmp_path):
    with (
        pytest.raises(OSError, match=r"^can't write .*a\.txt: No space left on device$"),
        atomic_write(tmp_path / "a.txt", "w"),
        open("/dev/full", "w") as full,
    ):
        full.write("x")
    assert os.listdir(tmp_path) == []


def film(path):
    with writer(path, 25) as add:
        add(np.zeros((32, 32, 3), np.uint8))


@pytest.mark.parametrize(("name", "work", "step"), [("a.txt", text, 1), ("a.mp4", film, 29)])
def test_a_signal_leaves_a_whole_file_or_none(tmp_path, name, work, step):
    place, came = 0, True
    while came:
        came = interrupted(lambda: work(tmp_path / name), tmp_path, place)
        assert os.listdir(tmp_path) in ([], [name]), f"interrupted after {place} instructions"
        assert came or os.listdir(tmp_path) == [name]
        if os.listdir(tmp_path):
            if name == "a.txt":
                assert (tmp_path / name).read_text() == "whole"
            os.unlink(tmp_path / name)
        place += step
    assert place > 8 * step, "it came at many places"


def test_a_written_file_has_the_usual_permissions(tmp_path):
    text(tmp_path / "a.txt")
    (tmp_path / "b.txt").write_text("whole")
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "b.txt").stat().st_mode
    with pytest.raises(FileNotFoundError, match="there is no directory"):
        text(tmp_path / "not" / "a.txt")
