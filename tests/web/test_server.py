"""What `bnn-landmarks demo` serves and writes."""

import gzip
import http.client
import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

import pytest
from browsing import running
from click.testing import CliRunner

from bnn_landmarks import zoo
from bnn_landmarks.commands import demo
from bnn_landmarks.web import server as serving
from bnn_landmarks.web import site

PAGE = (site.HERE / "page" / "index.html").read_text()


def ask(served, path, method="GET", **headers):
    connection = http.client.HTTPConnection("localhost", served.server_address[1], timeout=20)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


@pytest.mark.parametrize("path", sorted(site.files()))
def test_every_file_comes_as_what_it_is(served, path):
    answer, body = ask(served, f"/{path}")
    content = served.site[path]
    assert answer.status == 200
    assert body == (content if isinstance(content, bytes) else content.read_bytes())
    assert answer.headers["Content-Type"] == serving.TYPES[pathlib.PurePosixPath(path).suffix]


def test_headers(served):
    answer, body = ask(served, "/?network=pose_128#top")
    assert body.decode() == PAGE
    for name, value in {
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": serving.POLICY,
    }.items():
        assert answer.headers[name] == value
    assert f'content="{serving.POLICY}"' in PAGE, "the page says the same of itself"


def test_code_is_compressed_and_asked_for_once(served):
    plain, body = ask(served, "/lib/engine.wasm")
    packed, small = ask(served, "/lib/engine.wasm", **{"Accept-Encoding": "br, gzip"})
    assert packed.headers["Content-Encoding"] == "gzip" and gzip.decompress(small) == body
    for answer, encoding in ((plain, ""), (packed, "gzip")):
        same = {"If-None-Match": answer.headers["ETag"], "Accept-Encoding": encoding}
        again, nothing = ask(served, "/lib/engine.wasm", **same)
        assert again.status == 304 and nothing == b""
    head, nothing = ask(served, "/lib/engine.wasm", method="HEAD")
    assert head.headers["Content-Length"] == str(len(body)) and nothing == b""
    assert (
        ask(served, "/samples/person.jpg", **{"Accept-Encoding": "gzip"})[0].headers["Content-Encoding"]
        is None
    )


@pytest.mark.parametrize("entry", [entry["name"] for entry in site.entries() if entry["task"] != "boxes"])
def test_a_page_with_one_network_is_small(served, entry):
    """All that comes until the first result on the sample photograph."""
    others = re.compile(r"samples/|lib/networks/|lib/engine(_relaxed|_threads)?.wasm|sw.js|icon|manifest")
    names = [name for name in site.files() if not others.match(name)]
    names += ["samples/person.jpg", "lib/networks/index.json", f"lib/networks/{entry}.json"]
    names += [f"lib/networks/{entry}.tflite"]
    bodies = [ask(served, f"/{name}", **{"Accept-Encoding": "gzip"})[1] for name in names]
    assert sum(map(len, bodies)) < 1_100_000


@pytest.mark.parametrize(
    "path", ["/none", "/../setup.cfg", "/lib/../../site.py", "//etc/passwd", "/lib", "/%2e%2e/x"]
)
def test_nothing_else_is_served(served, path):
    answer, body = ask(served, path)
    assert answer.status == 404 and body.startswith(b"there is no ") and body.count(b"\n") == 1


def test_only_this_machine_can_ask(served):
    assert served.server_address[0] == "127.0.0.1"


def test_the_page_finds_all_it_names(served):
    named = set(re.findall(r'(?:href|src)="([^"#:]+)"', PAGE))
    worker = served.site["sw.js"].read_text()
    kept = set(re.findall(r'^  "([^"]+)",$', worker, re.M)) - {"./"}
    assert len(named) >= 5 and named | kept <= set(served.site)
    scripts = {name for name in served.site if name.endswith(".js")} - {"sw.js", "lib/messages.js"}
    assert scripts <= kept, "the service worker keeps every script"


def test_the_networks_that_have_weights_are_listed(served):
    listed = json.loads(served.site["lib/networks/index.json"])
    assert [entry["name"] for entry in listed] == [name for name in zoo.names() if zoo.entry(name).weights]
    for entry in listed:
        network = served.site[f"lib/networks/{entry['name']}.tflite"]
        assert entry["bytes"] == network.stat().st_size


def test_a_taken_port_is_said_and_the_usual_one_gives_way(served):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=rf"can't serve at port {port}: .*--port"):
            serving.Server(port)
    with running() as other:
        assert other.server_address[1] != served.server_address[1]


def test_a_folder_for_any_host(tmp_path):
    done = CliRunner().invoke(demo.command, ["--output", str(tmp_path / "page")])
    assert done.exit_code == 0 and "page" in done.output
    written = {path.relative_to(tmp_path / "page").as_posix() for path in (tmp_path / "page").rglob("*.*")}
    assert written == set(site.files())
    assert [path.name for path in tmp_path.iterdir()] == ["page"]
    with pytest.raises(ValueError, match="a new or an empty folder"):
        site.write(tmp_path / "page")
    with pytest.raises(FileNotFoundError, match="there is no directory"):
        site.write(tmp_path / "none" / "page")


def test_a_failure_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(site, "files", lambda: {"a.html": b"a", "b.html": tmp_path / "none"})
    with pytest.raises(FileNotFoundError):
        site.write(tmp_path / "page")
    assert not list(tmp_path.iterdir())


def test_the_command_serves_until_it_is_interrupted():
    code = "import sys; from bnn_landmarks.cli import main; sys.argv[0] = 'bnn-landmarks'; main()"
    command = [sys.executable, "-u", "-c", code, "demo", "--no-browser"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.default_int_handler
        ),  # tests in the background ignore it
    )
    try:
        port = int(re.search(r"http://localhost:(\d+)/", process.stdout.readline())[1])
        connection = http.client.HTTPConnection("localhost", port, timeout=20)
        connection.request("GET", "/")
        assert connection.getresponse().status == 200
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 0 and errors == ""
    finally:
        process.kill()
        process.communicate()


def test_the_browser_is_opened(monkeypatch):
    asked = []
    monkeypatch.setattr(demo.webbrowser, "open", asked.append)
    monkeypatch.setattr(serving.Server, "serve_forever", lambda self: None)
    done = CliRunner().invoke(demo.command, [])
    assert done.exit_code == 0 and asked[0] in done.output
    done = CliRunner().invoke(demo.command, ["--output", "x", "--port", "9000"])
    assert done.exit_code == 2 and "--output serves nothing" in done.output
