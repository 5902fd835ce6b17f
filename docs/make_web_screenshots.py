"""Takes the pictures of docs/web/ of the page that `bnn-landmarks demo` serves: python docs/make_web_screenshots.py

Needs Chromium. The photographs are the package's samples; the times that the page shows are this machine's.
"""

import importlib
import pathlib
import sys
import threading

import cv2
import numpy as np

from bnn_landmarks.files import atomic_write
from bnn_landmarks.web.server import Server

DOCS = pathlib.Path(__file__).resolve().parent
sys.path.append(str(DOCS.parent / "benchmarks"))
Chromium = importlib.import_module("chromium").Chromium

FOUND = r"/^\d+ (person|people|faces?),/.test(document.querySelector('#status').textContent)"
# name: network, colours, size of the view in CSS pixels, pixels for each
VIEWS = {
    "desktop": ("pose", "light", (1280, 900), 1.5),
    "faces": ("face_300wlp", "dark", (1280, 900), 1.5),
    "phone": ("face_parts", "light", (390, 844), 2),
}


def take(browser, url, network, colours, size, dense):
    """A view of the page with a result on it, as an image in OpenCV's order."""
    page = browser.open(None, size=size, dense=dense)
    page.send("Emulation.setScrollbarsHidden", hidden=True)
    page.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": colours}])
    page.go(f"{url}?network={network}")
    page.wait(FOUND)
    page.wait("performance.getEntriesByName('warm').length")
    page.wait("document.querySelector('#offline').textContent")
    data = page.screenshot()
    page.close()
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def main():
    target = DOCS / "web"
    target.mkdir(exist_ok=True)
    with Server() as server, Chromium() as browser:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for name, view in VIEWS.items():
            image = take(browser, server.url, *view)
            with atomic_write(target / f"{name}.jpg") as file:
                file.write(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes())
            print(target / f"{name}.jpg")
        server.shutdown()


if __name__ == "__main__":
    main()
