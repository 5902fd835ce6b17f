#!/bin/sh
# WebKitGTK tells a page that it is cross-origin isolated, makes it shared memory, and refuses to hand that to a worker.
#
# Tried: WebKitGTK 2.50.6 of Debian 12 (webkit2gtk-driver's MiniBrowser), a page sent with COOP same-origin and COEP
# require-corp. `crossOriginIsolated` is true in the page and in its worker, `new WebAssembly.Memory({shared: true})`
# succeeds, a compiled module is handed over, and `worker.postMessage(memory)` throws a DataCloneError, from the page
# and from a worker alike. Threads have to be tried, not asked for.
# Exits 0 as long as that is so. Needs python3 and Debian's packages webkit2gtk-driver and xvfb.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat > worker.js <<'EOP'
onmessage = () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true });
  const nested = new Worker("nothing.js");
  let told = "handed over";
  try {
    nested.postMessage(memory);
  } catch (error) {
    told = error.name;
  }
  postMessage({ isolated: crossOriginIsolated, memory: told });
};
EOP
echo > nothing.js
cat > index.html <<'EOP'
<!doctype html><script>
const attempt = (worker, what) => {
  try { worker.postMessage(what); return "handed over"; } catch (error) { return error.name; }
};
const page = new Worker("nothing.js");
const found = {
  isolated: crossOriginIsolated,
  module: attempt(page, new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0))),
  memory: attempt(page, new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true })),
};
const worker = new Worker("worker.js");
worker.onmessage = ({ data }) => fetch("/answer?" + encodeURIComponent(JSON.stringify({ page: found, worker: data })));
worker.postMessage("go");
</script>
EOP
cat > run.py <<'EOP'
import glob, http.server, json, os, signal, subprocess, sys, threading, urllib.parse

told, done = [], threading.Event()


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/answer?"):
            told.append(json.loads(urllib.parse.unquote(self.path.partition("?")[2])))
            done.set()
        super().do_GET()

    def end_headers(self):
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("localhost", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
browser = glob.glob("/usr/lib/*/webkit2gtk-4.*/MiniBrowser")[0]
command = ["xvfb-run", "-a", browser, "--private", f"http://localhost:{server.server_port}/index.html"]
with open(os.devnull, "w") as nowhere:
    run = subprocess.Popen(command, stdout=nowhere, stderr=nowhere, start_new_session=True)
    done.wait(60)
    os.killpg(run.pid, signal.SIGKILL)
if not told:
    sys.exit("the browser did not answer")
print(told[0])
wanted = {"isolated": True, "memory": "DataCloneError"}
sys.exit(told[0] != {"page": {**wanted, "module": "handed over"}, "worker": wanted})
EOP
WEBKIT_DISABLE_COMPOSITING_MODE=1 python3 run.py
echo "as described"
