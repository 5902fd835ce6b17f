"""Chromium without a window, driven by its DevTools protocol over a pipe: the standard library is enough.

    with Chromium() as chromium:
        page = chromium.open("http://localhost:8420/")
        page.wait("document.querySelector('#status').textContent.includes('1 person')")
        page.evaluate("document.title")

The page's own errors are in `page.errors`.
"""

import base64
import fcntl
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-default-apps --no-proxy-server --remote-debugging-pipe "
    "--disable-features=Translate,OptimizationHints --force-color-profile=srgb"
).split()
CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
WAIT = 60.0


class Failed(Exception):
    """What JavaScript threw, or the browser refused."""


def find():
    """The browser's program, None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Chromium:
    """flags: beyond `FLAGS`."""

    def __init__(self, flags=()):
        self.flags = list(flags)

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="chromium.", ignore_cleanup_errors=True)
        ends = [
            fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for pair in (os.pipe(), os.pipe()) for end in pair
        ]
        from_us, self._to, self._from, to_us = ends

        def place():
            os.dup2(from_us, 3)
            os.dup2(to_us, 4)

        command = [find(), *FLAGS, f"--user-data-dir={self.folder.name}", *self.flags, "about:blank"]
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(
            command, stdin=quiet, stdout=quiet, stderr=quiet, preexec_fn=place, pass_fds=(3, 4)
        )
        os.close(from_us)
        os.close(to_us)
        self._count, self._answers, self._listeners = 0, {}, []
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *error):
        try:
            self.send("Browser.close")
            self.process.wait(10)
        except (Failed, OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self._reader.join(5)
        os.close(self._to)
        os.close(self._from)
        self.folder.cleanup()

    def _read(self):
        kept = b""
        while chunk := os.read(self._from, 1 << 20):
            *messages, kept = (kept + chunk).split(b"\0")
            for message in map(json.loads, messages):
                if "id" in message:
                    self._answers[message["id"]].put(message)
                else:
                    for listener in [*self._listeners]:
                        listener(message)
        for answers in self._answers.values():
            answers.put({"error": {"message": "the browser has ended"}})

    def post(self, method, session=None, **parameters):
        """Sends a command -> the queue that its answer comes in."""
        with self._lock:
            self._count += 1
            answers = self._answers[self._count] = queue.Queue()
            message = {"id": self._count, "method": method, "params": parameters}
            if session:
                message["sessionId"] = session
            data = json.dumps(message).encode() + b"\0"
            while data:
                data = data[os.write(self._to, data) :]
        return answers

    def send(self, method, session=None, **parameters):
        """Sends a command and waits for its result."""
        try:
            answer = self.post(method, session, **parameters).get(timeout=WAIT)
        except queue.Empty:
            raise Failed(f"{method}: no answer in {WAIT:.0f} seconds") from None
        if "error" in answer:
            raise Failed(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def listen(self, listener):
        self._listeners.append(listener)

    def open(self, url, **options):
        return Page(self, url, **options)


class Page:
    """A tab. script: JavaScript that runs before the page's own, workers: JavaScript that runs before a worker's.
    size: of the view, CSS pixels; dense: device pixels for each."""

    def __init__(self, chromium, url, script=None, workers=None, size=(1280, 900), dense=1):
        self.chromium, self.errors, self.workers = chromium, [], workers
        # A context of its own: nothing is kept from another page.
        self.context = chromium.send("Target.createBrowserContext")["browserContextId"]
        target = chromium.send("Target.createTarget", url="about:blank", browserContextId=self.context)[
            "targetId"
        ]
        self.target = target
        self.session = chromium.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        chromium.listen(self._hear)
        for domain in ("Page", "Runtime", "Log"):
            self.send(f"{domain}.enable")
        self.send("Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=True, flatten=True)
        self.resize(*size, dense=dense)
        if script:
            self.send("Page.addScriptToEvaluateOnNewDocument", source=script)
        if url:
            self.go(url)

    def _hear(self, message):
        method, parameters = message["method"], message.get("params", {})
        if method == "Target.attachedToTarget" and message.get("sessionId") == self.session:
            self._attached(parameters["sessionId"])
        elif message.get("sessionId") != self.session:
            return
        elif method == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.errors.append(f"{parameters['entry']['text']} {parameters['entry'].get('url', '')}")

    def _attached(self, session):
        # In the reader's own thread, which must not wait for answers.
        if self.workers:
            self.chromium.post("Runtime.evaluate", session, expression=self.workers)
        self.chromium.post("Runtime.runIfWaitingForDebugger", session)

    def send(self, method, **parameters):
        return self.chromium.send(method, self.session, **parameters)

    def go(self, url):
        told = self.send("Page.navigate", url=url)
        if told.get("errorText"):
            raise Failed(f"{url}: {told['errorText']}")
        self.wait("document.readyState === 'complete'")

    def resize(self, width, height, dense=1, mobile=False):
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=dense,
            mobile=mobile,
        )

    def evaluate(self, expression):
        """The value of a JavaScript expression; of a promise what it comes to. Raises Failed with what it throws."""
        told = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in told:
            thrown = told["exceptionDetails"]
            raise Failed(thrown.get("exception", {}).get("description") or thrown["text"])
        return told["result"].get("value")

    def wait(self, condition, seconds=WAIT):
        """Until a JavaScript expression is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if self.evaluate(f"Boolean({condition})"):
                    return
            except Failed as error:  # between two documents there is none
                if "context" not in str(error):
                    raise
            time.sleep(0.02)
        raise Failed(f"not true in {seconds:.0f} seconds: {condition}")

    def text(self, selector):
        return self.evaluate(f"document.querySelector({json.dumps(selector)}).textContent")

    def click(self, selector):
        self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    def give_file(self, selector, *paths):
        """Chooses files in an <input type=file>."""
        root = self.send("DOM.getDocument")["root"]["nodeId"]
        node = self.send("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.send("DOM.setFileInputFiles", nodeId=node, files=[str(path) for path in paths])

    def press(self, key, code=0):
        for kind in ("keyDown", "keyUp"):
            text = {"text": " "} if key == " " and kind == "keyDown" else {}
            self.send("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **text)

    def drag(self, start, end):
        """With the mouse, from a point of the view to another."""
        at = [("mousePressed", start), ("mouseMoved", end), ("mouseReleased", end)]
        for kind, (x, y) in at:
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def screenshot(self, whole=False):
        """The view, or the whole page, as the bytes of a PNG."""
        told = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(told["data"])

    def close(self):
        self.chromium.send("Target.disposeBrowserContext", browserContextId=self.context)
