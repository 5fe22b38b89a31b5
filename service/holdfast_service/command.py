"""`holdfast serve`, found by the command line in the entry-point group `holdfast.commands`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import flask

    from holdfast_service.context import Service
    from holdfast_service.settings import Settings

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Unusable(click.ClickException):
    """An error that click prints without a traceback, leaving exit status 2."""

    exit_code = 2


@click.command()
@click.argument("sources", nargs=-1, metavar="[SOURCE...]")
@click.option(
    "--kb",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Serve the registers kept in this folder; it is made if it is not there.",
)
@click.option("--as-of", metavar="DATE|PHASE", help="Judge as things stood then.")
@click.option("--host", help="Address to listen on; 127.0.0.1 unless given.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port to listen on, 8000 unless given; 0 takes any that is free.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Read settings from this TOML file (docs/service.md lists them).",
)
def serve(
    sources: tuple[str, ...],
    kb: Path | None,
    as_of: str | None,
    host: str | None,
    port: int | None,
    config: Path | None,
) -> None:
    """Serve registers: SPARQL, graphs, questions, and pages in a browser.

    With --kb, what is in the folder is served as it changes, and can be written with the token in
    HOLDFAST_TOKEN. SOURCE... are read and assessed once, at the start, and stay as they are.

    Only this machine can reach the service unless --host says otherwise.
    """
    # Imported here because every holdfast command loads this module, and only this one needs them.
    from holdfast.errors import HoldfastError
    from holdfast_service import logs, server
    from holdfast_service.settings import read_settings

    if (kb is None) == (not sources):
        raise Unusable("Name what to serve: either SOURCE... or --kb DIR.")
    try:
        settings = read_settings(config, environment=os.environ, given={"host": host, "port": port})
        app, service = made(settings, kb, list(sources), as_of)
    except HoldfastError as error:
        raise Unusable(str(error)) from None
    logs.set_up(settings.log)

    def ready(address: str) -> None:
        click.echo(f"Holdfast is at {address} (press Ctrl-C to stop).")
        if settings.host not in LOOPBACK:
            click.echo("Anyone who can reach this address can read what is served.", err=True)

    try:
        server.serve(app, service, ready)
    except OSError as error:
        raise Unusable(
            f"{settings.host}, port {settings.port}: cannot listen there: "
            f"{error.strerror or error}. Choose another with --host or --port."
        ) from None


def made(
    settings: Settings, kb: Path | None, sources: list[str], as_of: str | None
) -> tuple[flask.Flask, Service]:
    """The application over a folder or over sources, and what it works with.

    Raises HoldfastError for what cannot be served.
    """
    from holdfast.errors import HoldfastError
    from holdfast.publication import publishable
    from holdfast_service.app import create_app
    from holdfast_service.context import Service
    from holdfast_service.holdings import Kept
    from holdfast_service.keeper import Keeper, check_as_of
    from holdfast_service.publishing import publish
    from holdfast_service.workers import Workers

    kept = Kept(kb) if kb is not None else Kept.of_sources(sources)
    for line in kept.said:
        click.echo(line, err=True)
    as_of = as_of or settings.as_of or None
    try:
        check_as_of(kept.store, as_of)
    except HoldfastError:
        kept.close()
        raise
    kept.store.wait_seconds = settings.write_seconds or settings.timeout
    service = Service(settings, kept, Workers(settings, kept.snapshot))
    keeper = Keeper(
        kept.store,
        as_of=as_of,
        seconds=settings.timeout,
        workers=service.answer,
        publishable=publishable,
    )
    kept.write = keeper.follow
    service.at_end.append(keeper.close)
    hosts = settings.trusted_hosts or (LOOPBACK if settings.host in LOOPBACK else None)
    app = create_app(
        service,
        trusted_hosts=hosts,
        # what was read for one's own eyes is not for pages from elsewhere
        cors=settings.cors if kb is not None or settings.host not in LOOPBACK else "",
    )
    publish(app, service, kept, keeper)
    app.extensions["keeper"] = keeper
    keeper.start()
    return app, service
