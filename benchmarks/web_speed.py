"""Measure the engine in a browser against its network's float twin on LiteRT.js, and BlazePose's networks, in turn.

    python benchmarks/web_speed.py WORK [--sizes 256,128] [--rounds 20] [--peers DIR] [--json out.json]

WORK is a folder for what is made once and kept: LiteRT.js from npm, the modules (extra `web`), the networks with random
weights, on which time does not depend. DIR is the folder of `peers.py setup`; without it BlazePose is left out. Needs
npm and Chromium (Debian's packages). One thread; each round runs every network for a moment, in turn, so that a
disturbance hits all of them: ratios of medians are what to read. Wall-clock time of each run, and the processor time of
the page's process, which other programs on the machine disturb less.
"""

import argparse
import contextlib
import functools
import http.server
import json
import os
import pathlib
import queue
import statistics
import subprocess
import sys
import threading

import chromium
from runtime_speed import make_files

from bnn_landmarks.runtime import build_web

RELAXED = "engine_relaxed.wasm"
MODULES = [name for name, module in build_web.MODULES.items() if not module.threads]
LITERT = "@litertjs/core@2.5.3"
PAGE = """<!doctype html><script type="importmap">{"imports": {
"@litertjs/core": "/npm/@litertjs/core/dist/index.js",
"@litertjs/wasm-utils": "/npm/@litertjs/wasm-utils/dist/index.js"}}</script>
<script type="module" src="/web_speed.mjs"></script>"""
BLAZEPOSE = {name: f"pose_landmark_{name.lower()}.tflite" for name in ("Lite", "Full")}


def prepare(work, sizes):
    """Put LiteRT.js, the modules and the networks where they are not yet."""
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "node_modules" / "@litertjs" / "core").is_dir():
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--prefix", work, LITERT], check=True)
    for name in MODULES:
        build_web.build_module(name, work)
    for size in sizes:
        if not (work / f"twin_{size}.tflite").is_file():
            binary, twin = make_files(size)
            (work / f"binary_{size}.tflite").write_bytes(binary)
            (work / f"twin_{size}.tflite").write_bytes(twin)


def networks(sizes, peers):
    """What the page runs: [{"name", "file", "size", "module" or None for LiteRT.js}]."""
    runs = []
    for size in sizes:
        for module in MODULES:
            runs.append((f"{module}, {size}", f"/work/binary_{size}.tflite", size, f"/work/{module}"))
        runs.append((f"float twin, LiteRT.js, {size}", f"/work/twin_{size}.tflite", size, None))
    if peers and 256 in sizes:  # theirs
        for name, file in BLAZEPOSE.items():
            runs.append((f"BlazePose {name}, LiteRT.js, 256", f"/peers/{file}", 256, None))
    return [dict(zip(("name", "file", "size", "module"), run, strict=True)) for run in runs]


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the page, the folders of `places` by their first names, the task, and takes the answer."""

    def __init__(self, *arguments, places, task, answer, **others):
        self.places, self.task, self.answer = places, task, answer
        super().__init__(*arguments, **others)

    def translate_path(self, path):
        first, _, rest = path.lstrip("/").partition("/")
        place = self.places.get(first, pathlib.Path(__file__).parent / first)
        return str(place / rest if rest else place)

    def guess_type(self, path):
        kinds = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm"}
        return kinds.get(pathlib.Path(path).suffix, "application/octet-stream")

    def do_GET(self):
        texts = {
            "/": lambda: ("text/html", PAGE),
            "/task": lambda: ("application/json", json.dumps(self.task)),
            "/processor": lambda: ("text/plain", str(processor_ms())),
        }
        if self.path not in texts:
            return super().do_GET()
        kind, text = texts[self.path]()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(text.encode())
        return None

    def end_headers(self):
        # Isolated, a page gets a finer clock.
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def do_POST(self):
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()
        self.answer(content)

    def log_message(self, *arguments):
        pass


def processor_ms():
    """Milliseconds that the page has had a processor, as Linux counts them: all threads of the process that has had
    most of Chromium's renderers below this program."""
    renderers, most = [], 0
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            if b"--type=renderer" in (process / "cmdline").read_bytes() and os.getpid() in ancestors(process):
                renderers.append(process)
    for process in renderers:
        threads = process.glob("task/*/schedstat")
        most = max(most, sum(int(thread.read_text().split()[0]) for thread in threads))
    return most / 1e6


def ancestors(process):
    while process.name != "0":
        # "pid (name) state parent ...", where the name may hold anything
        process = process.with_name((process / "stat").read_text().rpartition(")")[2].split()[1])
        yield int(process.name)


def in_chromium(places, task, patience):
    """What the page answers; None where it does not within `patience` seconds."""
    answers = queue.Queue()
    handler = functools.partial(Handler, places=places, task=task, answer=answers.put)
    flags = ["--disable-renderer-backgrounding"]  # with less priority
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with chromium.Chromium(flags) as browser:
            browser.open(f"http://127.0.0.1:{server.server_port}/")
            try:
                return answers.get(timeout=patience)
            except queue.Empty:
                return None
            finally:
                server.shutdown()


def report(times):
    """A line a network: milliseconds, and how many times the median is that of the relaxed module at its size."""
    ours = {name.split()[-1]: clocks for name, clocks in times.items() if name.startswith(RELAXED)}
    print(f"{'':34}{'wall ms':>18}{'processor ms':>18}{'times ' + RELAXED:>28}")
    print(f"{'':34}{'min   median':>18}{'min   median':>18}{'wall   processor':>28}")
    for name, clocks in times.items():
        cells, ratios = [], []
        for clock in ("wall", "processor"):
            median = statistics.median(clocks[clock])
            cells.append(f"{min(clocks[clock]):8.1f} {median:8.1f}")
            ratios.append(median / statistics.median(ours[name.split()[-1]][clock]))
        print(f"{name:34}{cells[0]:>18}{cells[1]:>18}{ratios[0]:>19.2f}{ratios[1]:>9.2f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--sizes", default="256,128")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--peers", type=pathlib.Path)
    parser.add_argument("--json")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    if chromium.find() is None:
        sys.exit("web_speed.py: there is no chromium (Debian: apt-get install chromium)")
    prepare(options.work, sizes)
    places = {"work": options.work, "npm": options.work / "node_modules"}
    if options.peers:
        places["peers"] = options.peers / "models"
    task = {"rounds": options.rounds, "networks": networks(sizes, options.peers)}
    answer = in_chromium(places, task, 60 + 30 * options.rounds)
    if answer is None or "error" in answer:
        sys.exit(f"web_speed.py: the page failed: {answer and answer['error']}")
    print(answer["agent"])
    report(answer["times"])
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(answer))


if __name__ == "__main__":
    main()
