"""How much the page of `bnn-landmarks demo` loads, and how soon it shows a result: python benchmarks/web_page.py

Opens it in Chromium `--rounds` times, each time as if for the first time, and prints a table in Markdown: the bytes
that the local server sent until the first result on the sample photograph, and all of them, which the finder and what
is kept for when there is no connection add to; the time from the navigation to the result; and what the page's meter
then shows, on each of `--threads`.
"""

import argparse
import collections
import itertools
import re
import statistics
import sys
import threading
import time

from chromium import Chromium

from bnn_landmarks.web import server, site

NETWORKS = [entry["name"] for entry in site.entries() if entry["task"] != "boxes"]
RESULT = "performance.getEntriesByName('result')[0]"
SETTLED = 1.5  # seconds in which nothing is asked for


class Counting(server.Handler):
    """Notes (seconds since 1970, name, bytes) of all that it sends."""

    def _head(self, status, kind, length, more=()):
        self.server.sent.append((time.time(), self.path, length or 0))
        super()._head(status, kind, length, more)


def visit(browser, serving, network, threads):
    """One first visit -> bytes until the result, bytes in all, milliseconds to it, the meter's two."""
    serving.sent.clear()
    page = browser.open(f"{serving.url}?network={network}&threads={threads}")
    page.wait(RESULT)
    milliseconds = page.evaluate(f"{RESULT}.startTime")
    shown = page.evaluate("performance.timeOrigin") / 1000 + milliseconds / 1000
    page.wait("performance.getEntriesByName('warm').length")
    if threads > 1 and f"{threads} threads" not in page.text("#threads"):
        sys.exit(f"web_page.py: {network} did not run on {threads} threads")
    while time.time() - serving.sent[-1][0] < SETTLED:
        time.sleep(0.1)
    meter = [float(re.match(r"[\d.]+", page.text(f"#{name}"))[0]) for name in ("network-time", "whole-time")]
    page.close()
    until = sum(length for when, _, length in serving.sent if when <= shown)
    return until, sum(length for _, _, length in serving.sent), milliseconds, *meter


def main():
    parser = argparse.ArgumentParser(description="Bytes and time to the page's first result.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=NETWORKS)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args()
    found = collections.defaultdict(list)
    with server.Server() as serving, Chromium() as browser:
        serving.sent, serving.RequestHandlerClass = [], Counting
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        visit(browser, serving, NETWORKS[0], 1)  # the browser's own start, which is not counted
        for _ in range(arguments.rounds):
            for run in itertools.product(arguments.networks, arguments.threads):
                found[run].append(visit(browser, serving, *run))
        serving.shutdown()
    titles = ["network", "threads", "bytes until the result", "in all", "ms to the result, median", "longest"]
    print(f"| {' | '.join([*titles, 'network, ms', 'picture, ms'])} |")
    print("|---|---|---|---|---|---|---|---|")
    for (network, threads), visits in found.items():
        until, total, times, once, whole = zip(*visits, strict=True)
        cells = [f"{max(until):,}", f"{max(total):,}", f"{statistics.median(times):.0f}", f"{max(times):.0f}"]
        cells += [f"{statistics.median(values):.1f}" for values in (once, whole)]
        print(f"| `{network}` | {threads} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
