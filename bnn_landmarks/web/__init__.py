"""The page that runs the networks in a browser, and the local server of `bnn-landmarks demo`.

`page/` is written by hand; `built/` is what deploy/web and the engine build to, kept so that an installation needs
neither Node.js nor a compiler.
"""
