"""`bnn-landmarks demo`."""

import webbrowser

import click


@click.command()
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Where to serve it; 8420, or a free one, by default."
)
@click.option("--no-browser", is_flag=True, help="Only say where the page is.")
@click.option("--output", help="Write the page as a folder for any static host, and serve nothing.")
def command(port, no_browser, output):
    """The networks on a page in your browser: photographs, videos, the camera. Nothing leaves this machine."""
    from bnn_landmarks.web import server, site

    if output is not None:
        if port is not None or no_browser:
            raise click.UsageError("--output serves nothing: leave --port and --no-browser out")
        site.write(output)
        click.echo(f"{output}: any host of static files can serve it; cameras want https")
        return
    with server.Server(port) as serving:
        click.echo(f"{serving.url} shows the page, to this machine alone; Ctrl-C ends it")
        if not no_browser:
            webbrowser.open(serving.url)
        try:
            serving.serve_forever()
        except KeyboardInterrupt:
            click.echo()
