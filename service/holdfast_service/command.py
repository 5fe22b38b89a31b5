"""`holdfast serve`, found by the command line in the entry-point group `holdfast.commands`."""

from __future__ import annotations

import click

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Unusable(click.ClickException):
    """An error that click prints without a traceback, leaving exit status 2."""

    exit_code = 2


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--as-of", metavar="DATE|PHASE", help="Judge as things stood then.")
@click.option("--host", default=LOOPBACK[0], show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes any that is free.",
)
def serve(sources: tuple[str, ...], as_of: str | None, host: str, port: int) -> None:
    """Show the ventures of SOURCE... and their findings in a browser.

    The sources are read and assessed once, at the start. Only this machine can see the pages
    unless --host says otherwise; there is no login, so think before you open them to a network.
    """
    # Imported here because every holdfast command loads this module, and only this one needs them.
    import waitress

    from holdfast.assess import assess
    from holdfast.errors import HoldfastError
    from holdfast_service.pages import create_app

    try:
        assessment = assess(list(sources), as_of=as_of)
    except HoldfastError as error:
        raise Unusable(str(error)) from None
    app = create_app(assessment, trusted_hosts=LOOPBACK if host in LOOPBACK else None)
    try:
        server = waitress.create_server(app, host=host, port=port, ident="holdfast")
    except OSError as error:
        raise Unusable(
            f"{host}, port {port}: cannot listen there: {error.strerror or error}. "
            "Choose another with --host or --port."
        ) from None
    shown = f"[{host}]" if ":" in host else host
    port = server.effective_port
    click.echo(f"Holdfast is at http://{shown}:{port}/ (press Ctrl-C to stop).")
    if host not in LOOPBACK:
        click.echo("Anyone who can reach this address can read the pages.", err=True)
    server.run()
