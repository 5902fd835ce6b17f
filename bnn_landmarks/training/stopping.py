"""Ctrl-C or SIGTERM in a training: the step under way ends, a checkpoint is written, and a line says how to go on.

An exception in the middle of a step, or while TensorFlow traces the first one, would leave variables half updated.
"""

import contextlib
import signal
import sys
import threading

from tqdm import tqdm


class Stopped(KeyboardInterrupt):
    """A run was asked to stop, and did after a step whose checkpoint is written. number: the signal's."""

    def __init__(self, reason, number=signal.SIGINT):
        super().__init__(reason)
        self.number = number


@contextlib.contextmanager
def stop_requests():
    """A function that tells which signal asked to stop: its number, or None. The second one ends the process at once.

    Only Python's main thread hears of signals; in another nothing changes.
    """
    came = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return

    def remember(number, frame):
        came.append(number)
        tqdm.write("stopping after this step; once more, and it stops at once", file=sys.stderr)
        for each, handler in before.items():
            signal.signal(each, handler)

    before = {each: signal.getsignal(each) or signal.SIG_DFL for each in (signal.SIGINT, signal.SIGTERM)}
    # What is ignored (Ctrl-C by a job in the background) stays so.
    before = {each: handler for each, handler in before.items() if handler != signal.SIG_IGN}
    for each in before:
        signal.signal(each, remember)
    try:
        yield lambda: came[0] if came else None
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
