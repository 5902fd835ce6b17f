"""The site on this machine's own address, for this machine alone: no file of it but `site.files` is ever served."""

import functools
import gzip
import hashlib
import http.server
import pathlib

from bnn_landmarks.web import site

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".jpg": "image/jpeg",
    ".wasm": "application/wasm",
    ".tflite": "application/octet-stream",
}
# Compressed on the way, as hosts do it: a network becomes a twelfth smaller, a photograph would gain nothing.
COMPRESSED = {".html", ".css", ".js", ".json", ".webmanifest", ".svg", ".wasm", ".tflite"}
# What the page says of itself too, for hosts that send no such header; workers obey the header alone.
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
ADDRESS = "127.0.0.1"
PORT = 8420


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with files of `server.site`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._answer(body=True)

    def do_HEAD(self):
        self._answer(body=False)

    def _answer(self, body):
        name = self.path.partition("?")[0].partition("#")[0].lstrip("/") or "index.html"
        content = self.server.site.get(name)
        if content is None:
            text = f"there is no {name} here\n".encode()
            self._head(404, "text/plain; charset=utf-8", len(text))
            if body:
                self.wfile.write(text)
            return
        suffix = pathlib.PurePosixPath(name).suffix
        compress = suffix in COMPRESSED and "gzip" in self.headers.get("Accept-Encoding", "")
        data, tag = _read(content, compress)
        if self.headers.get("If-None-Match") == tag:
            self._head(304, None, None, {"ETag": tag})
            return
        more = {"ETag": tag, "Vary": "Accept-Encoding"} | ({"Content-Encoding": "gzip"} if compress else {})
        self._head(200, TYPES[suffix], len(data), more)
        if body:
            self.wfile.write(data)

    def _head(self, status, kind, length, more=()):
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(length))
        for key, value in {**HEADERS, **dict(more)}.items():
            self.send_header(key, value)
        self.end_headers()

    def log_message(self, *told):
        """A line for each request would bury the one that says where the page is."""


@functools.lru_cache(maxsize=64)
def _read(content, compress):
    """Bytes of the site's file, or of `bytes` -> (what is sent, its tag)."""
    data = content if isinstance(content, bytes) else content.read_bytes()
    tag = f'"{hashlib.sha256(data).hexdigest()[:16]}{"-gzip" if compress else ""}"'
    return (gzip.compress(data, mtime=0) if compress else data), tag


class Server(http.server.ThreadingHTTPServer):
    """Serves the page while `serve_forever` runs; `url` is where.

    Args:
        port: None for `PORT`, or any free one where that is taken.

    Raises:
        OSError: the port is taken, or may not be used. OverflowError: there is no such port.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port=None):
        self.site = site.files()
        try:
            super().__init__((ADDRESS, PORT if port is None else port), Handler)
        except OSError as error:
            if port is not None:
                reason = error.strerror or error
                raise OSError(f"can't serve at port {port}: {reason}; take another one (--port)") from error
            super().__init__((ADDRESS, 0), Handler)

    @property
    def url(self):
        return f"http://localhost:{self.server_address[1]}/"
