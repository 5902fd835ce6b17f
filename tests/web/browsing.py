"""A server of the page in a thread, and Chromium, or a skip where there is none."""

import contextlib
import pathlib
import sys
import threading

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "benchmarks"))

import chromium

from bnn_landmarks.web.server import Server

# The page says how many it found.
FOUND = r"/^\d+ (person|people|faces?),/.test(document.querySelector('#status').textContent)"


@contextlib.contextmanager
def running(port=None):
    """A server in a thread."""
    with Server(port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def start(*flags):
    """A `chromium.Chromium` to be entered."""
    if not chromium.find():
        pytest.skip("there is no Chromium here (Debian: apt-get install chromium)")
    return chromium.Chromium(flags)
