"""Groups of commands: errors told in sentences, and commands that other packages offer."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint
from typing import Any

import click

from holdfast.errors import HoldfastError, clean


class Unusable(click.ClickException):
    """Input that cannot be used, printed without a traceback; leaves exit status 2."""

    exit_code = 2


class Commands(click.Group):
    """Commands that tell every HoldfastError in a sentence or two."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command asked for."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except Exception as error:
            told = _told(error)
            if told is None:
                raise
            raise Unusable(told) from None


def _told(error: Exception) -> str | None:
    """What went wrong in words, or None where that is not known."""
    import duckdb

    from holdfast.tables.problems import TableError

    if isinstance(error, HoldfastError):
        lines = str(error).split("\n") if isinstance(error, TableError) else [str(error)]
        return "\n".join(map(clean, lines))
    if isinstance(error, duckdb.OutOfMemoryException):
        return (
            f"the memory allowed does not suffice: {str(error).splitlines()[0].rstrip('.')}."
            " Allow more with --memory-limit, or free disk space for temporary files."
        )
    if isinstance(error, duckdb.Error):
        return (
            f"the columns could not answer: {str(error).splitlines()[0].rstrip('.')}."
            " This is a fault in Holdfast; please report it with the sources."
        )
    return None


def add_commands(group: click.Group, found: Iterable[EntryPoint]) -> None:
    """Add to a group the commands that other packages offer.

    One that cannot be loaded becomes a command that says so, and the others work. A name that is
    taken stays with whom it belongs to.
    """
    for point in sorted(found, key=lambda point: (point.name, point.value)):
        if point.name in group.commands:
            continue
        try:
            command = point.load()
        except (Exception, SystemExit) as error:
            command = _broken(point, f"{type(error).__name__}: {error}")
        if not isinstance(command, click.Command):
            command = _broken(point, "it is not a command")
        group.add_command(command, point.name)


def _broken(point: EntryPoint, why: str) -> click.Command:
    package = point.dist.name if point.dist else point.value.partition(":")[0]
    sentence = (
        f"holdfast {point.name}: {point.value} of {package} cannot be loaded ({why})."
        f" Install {package} again, or remove it; the other commands work."
    )

    def refuse(words: tuple[str, ...]) -> None:
        raise Unusable(sentence)

    return click.Command(
        point.name,
        callback=refuse,
        params=[click.Argument(["words"], nargs=-1, type=click.UNPROCESSED)],
        context_settings={"ignore_unknown_options": True},
        help=f"Cannot be loaded. {sentence}",
        short_help="Cannot be loaded.",
    )
