"""What a command leaves on the terminal: its own lines, whatever C libraries print and files are called."""

import io
import subprocess
import sys
import textwrap

from bnn_landmarks import terminal


def test_libraries_are_quiet_and_our_lines_are_not():
    code = """
        import logging, os, sys
        from bnn_landmarks import terminal
        logging.basicConfig(format="logged: %(message)s")
        os.write(2, b"before\\n")
        with terminal.quiet_libraries():
            os.write(2, b"libjpeg grumbles\\n")
            print("ours \\udcff", file=sys.stderr)
            logging.warning("here")
        os.write(2, b"after\\n")
        print("end", file=sys.stderr)
        """
    told = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    assert told.returncode == 0
    assert told.stderr.splitlines() == ["before", "ours \\udcff", "logged: here", "after", "end"]


def test_where_stderr_is_no_descriptor_nothing_changes(monkeypatch):
    ours = io.StringIO()
    monkeypatch.setattr(sys, "stderr", ours)
    with terminal.quiet_libraries():
        assert sys.stderr is ours


def test_any_name_can_be_printed(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="utf-8"))
    terminal.print_any_name()
    print("a\udcff.png", flush=True)
    assert written.getvalue() == b"a\\udcff.png\n"
