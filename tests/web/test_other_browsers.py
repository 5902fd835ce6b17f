"""The npm package in Firefox and in WebKit, Safari's engine: it finds what Python finds, by every build they run."""

import contextlib
import glob
import json
import os
import queue
import shutil
import signal
import subprocess

import numpy as np
import pytest
from browsing import running

import bnn_landmarks
from bnn_landmarks.geometry import images
from bnn_landmarks.web import server

FIREFOX = shutil.which("firefox") or shutil.which("firefox-esr")
WEBKIT = next(
    iter(sorted(glob.glob("/usr/lib/*/webkit*gtk-*/MiniBrowser"))), None
)  # of Debian's webkit2gtk-driver
PAGE = b'<!doctype html><title>test</title><script type="module" src="/test/script.js"></script>'
SCRIPT = """
  const found = {};
  try {
    const { Localizer } = await import("/lib/index.js");
    const picture = await (await fetch("/test/person.jpg")).blob();
    for (const [kernels, threads] of %s) {
      const pose = await Localizer.load("pose_128", { kernels, threads });
      let people;
      for (let tries = 0; tries < 100 && pose.times?.threads !== threads; ++tries) people = await pose(picture, %s);
      found[`${kernels} ${threads}`] = [people[0].points, pose.times.threads];
      pose.close();
    }
    const pose = await Localizer.load("pose_128");
    found.chosen = pose.kernels;
    found.people = (await pose(picture)).length;
  } catch (error) {
    found.error = String(error);
  }
  await fetch("/answer", { method: "POST", body: JSON.stringify(found) });
"""


@contextlib.contextmanager
def browsing_by(command):
    browser = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield
    finally:
        os.killpg(browser.pid, signal.SIGKILL)
        browser.wait()


def answer_of(command, builds, box, photograph):
    """What the page tells; command: of a browser, to which the page's address is added."""
    answers = queue.Queue()

    class Answering(server.Handler):
        def do_POST(self):
            answers.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self._head(200, "text/plain", 0)

    with running() as served:
        served.RequestHandlerClass = Answering
        served.site["test/page.html"] = PAGE
        served.site["test/script.js"] = (SCRIPT % (json.dumps(builds), json.dumps(list(box)))).encode()
        served.site["test/person.jpg"] = photograph  # a PNG: browsers look at the bytes
        with browsing_by([*command, served.url + "test/page.html"]):
            return answers.get(timeout=120)


def check(found, builds, chosen, box, photograph):
    assert "error" not in found, found["error"]
    expected = bnn_landmarks.Localizer("pose_128", engine="runtime")(photograph, box)[0].points
    for kernels, threads in builds:
        points, _ = found[f"{kernels} {threads}"]
        np.testing.assert_allclose(points, expected, rtol=0, atol=0.01 * max(box[2:]) / 128)
    assert found["chosen"] == chosen and found["people"] == 1


@pytest.fixture
def sample(tmp_path):
    photograph = images.read(images.sample("person"))
    images.write(tmp_path / "person.png", photograph)
    return images.SAMPLE_BOXES["person"], photograph, tmp_path / "person.png"


@pytest.mark.skipif(FIREFOX is None, reason="there is no Firefox here (Debian: apt-get install firefox-esr)")
def test_firefox(sample, tmp_path):
    box, photograph, path = sample
    builds = [(kernels, threads) for kernels in ("plain", "relaxed") for threads in (1, 2)]
    command = [FIREFOX, "--headless", "--no-remote", "--profile", str(tmp_path)]
    found = answer_of(command, builds, box, path)
    check(found, builds, "relaxed", box, photograph)
    assert all(found[f"{kernels} {threads}"][1] == threads for kernels, threads in builds)


@pytest.mark.skipif(
    WEBKIT is None or shutil.which("xvfb-run") is None,
    reason="there is no WebKit here (Debian: apt-get install webkit2gtk-driver xvfb)",
)
def test_webkit(sample, monkeypatch):
    """WebKitGTK hands no shared memory to workers, so that there a second thread does not come."""
    box, photograph, path = sample
    monkeypatch.setenv("WEBKIT_DISABLE_COMPOSITING_MODE", "1")  # there is no graphics processor
    builds = [("plain", 1), ("plain", 2)]
    found = answer_of(["xvfb-run", "-a", WEBKIT, "--private"], builds, box, path)
    check(found, builds, "plain", box, photograph)
