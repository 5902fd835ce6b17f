"""The npm package in Firefox, which has no part in the other tests: it finds what Python finds, on every build."""

import json
import queue
import shutil
import subprocess

import numpy as np
import pytest
from browsing import running

import bnn_landmarks
from bnn_landmarks.geometry import images
from bnn_landmarks.web import server

FIREFOX = shutil.which("firefox") or shutil.which("firefox-esr")
BUILDS = [(kernels, threads) for kernels in ("plain", "relaxed") for threads in (1, 2)]
PAGE = b'<!doctype html><title>test</title><script type="module" src="/test/script.js"></script>'
SCRIPT = """
  const found = {};
  try {
    const { Localizer } = await import("/lib/index.js");
    const picture = await (await fetch("/test/person.jpg")).blob();
    for (const [kernels, threads] of %s) {
      const pose = await Localizer.load("pose_128", { kernels, threads });
      let people;
      for (let tries = 0; tries < 300 && pose.times?.threads !== threads; ++tries) people = await pose(picture, %s);
      found[`${kernels} ${threads}`] = [people[0].points, pose.times.threads];
      pose.close();
    }
    found.chosen = (await Localizer.load("pose_128")).kernels;
  } catch (error) {
    found.error = String(error);
  }
  await fetch("/answer", { method: "POST", body: JSON.stringify(found) });
"""


@pytest.mark.skipif(FIREFOX is None, reason="there is no Firefox here (Debian: apt-get install firefox-esr)")
def test_points_are_the_native_engines(tmp_path):
    box, photograph = images.SAMPLE_BOXES["person"], images.read(images.sample("person"))
    images.write(tmp_path / "person.png", photograph)
    answers = queue.Queue()

    class Answering(server.Handler):
        def do_POST(self):
            answers.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self._head(200, "text/plain", 0)

    with running() as served:
        served.RequestHandlerClass = Answering
        served.site["test/page.html"] = PAGE
        served.site["test/script.js"] = (SCRIPT % (json.dumps(BUILDS), json.dumps(list(box)))).encode()
        served.site["test/person.jpg"] = tmp_path / "person.png"  # browsers look at the bytes
        command = [FIREFOX, "--headless", "--no-remote", "--profile", tmp_path, served.url + "test/page.html"]
        browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            found = answers.get(timeout=120)
        finally:
            browser.terminate()
            browser.wait()
    assert "error" not in found, found["error"]
    expected = bnn_landmarks.Localizer("pose_128", engine="runtime")(photograph, box)[0].points
    for kernels, threads in BUILDS:
        points, took_part = found[f"{kernels} {threads}"]
        assert took_part == threads
        np.testing.assert_allclose(points, expected, rtol=0, atol=0.01 * max(box[2:]) / 128)
    assert found["chosen"] == "relaxed"
