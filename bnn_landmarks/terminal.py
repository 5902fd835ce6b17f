"""How a command behaves in a terminal: only its own lines on it, and an end that leaves nothing half-written."""

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator

from bnn_landmarks import extras


@contextlib.contextmanager
def errors_in_a_line(program: str, module: str = "__main__") -> Iterator[None]:
    """An error that the user can mend ends a program in one line on stderr and exit status 1, not in a traceback.

    module: the `__name__` of what runs; where that is imported, its errors are raised as they are.
    """
    if module != "__main__":
        yield
        return
    try:
        with extras.needed_for("this command"):
            yield
    except (ValueError, OSError, ImportError) as error:
        print(f"{program}: {error}", file=sys.stderr)
        sys.exit(1)


def end_on_signals():
    """SIGTERM and SIGHUP end the process as an exception does, so that temporary files are removed; exit status 128 +
    the signal's number, as shells tell it. Ctrl-C stays a KeyboardInterrupt."""

    def end(number, frame):
        # Objects that the exception leaves half made may fail when they are deleted: nobody has to read that.
        sys.unraisablehook = lambda told: None
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        sys.exit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        return  # which Python tells no signals
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # One that is ignored (nohup) stays so.
        if number and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, end)


def print_any_name():
    """Names of files that are not UTF-8 are printed with backslashes instead of ending the command."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def quiet_libraries():
    """What C libraries print on file descriptor 2 about a damaged file (libjpeg, libpng, FFmpeg) goes nowhere, while
    `sys.stderr` and logging still reach the terminal. Nothing changes where `sys.stderr` is no descriptor 2."""
    before = sys.stderr
    try:
        redirected = before.fileno() == 2
    except (AttributeError, OSError, ValueError):
        redirected = False
    if not redirected:
        yield
        return
    before.flush()
    terminal = os.dup(2)
    handlers = [h for h in logging.getLogger().handlers if getattr(h, "stream", None) is before]
    with (
        open(os.devnull, "w") as nowhere,
        open(terminal, "w", buffering=1, encoding=before.encoding, errors=before.errors) as ours,
    ):
        try:
            os.dup2(nowhere.fileno(), 2)
            sys.stderr = ours
            for handler in handlers:
                handler.setStream(ours)
            yield
        finally:
            sys.stderr = before
            for handler in handlers:
                handler.setStream(before)
            os.dup2(terminal, 2)
