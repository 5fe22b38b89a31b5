"""Options that several commands take, each with one name and one meaning."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, cast

import click

from holdfast.errors import HoldfastError
from holdfast.limits import Limits

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


_WORDS = "holdfast.sources"

takes_stores = click.option(
    "--kb",
    metavar="DIR|URL",
    multiple=True,
    help="A store, or a SPARQL endpoint: all registers in it are read; may be given again.",
)


@contextmanager
def registers_of(kb: Sequence[str]) -> Iterator[list[str]]:
    """The registers in stores as files, while they are used; errors in them name the store."""
    if not kb:
        yield []
        return
    from holdfast.store import registers_as_files

    with TemporaryDirectory(prefix="holdfast-") as folder:
        try:
            yield [
                str(file)
                for place, store in enumerate(kb)
                for file in registers_as_files(store, Path(folder) / str(place))
            ]
        except HoldfastError as error:
            for place, store in enumerate(kb):
                error.where = error.where.replace(f"{folder}/{place}", store)
            error.args = (str(error),)
            raise


def takes_sources(command: Decorated) -> Decorated:
    """Let a command take sources: files, folders, and stores named with --kb; one at least."""

    @wraps(command)
    def with_sources(
        *words: Any, sources: tuple[str, ...], kb: tuple[str, ...], **options: Any
    ) -> Any:
        if not sources and not kb:
            after = " ".join(
                argument.metavar or str(argument.name).upper()
                for argument in click.get_current_context().command.params
                if isinstance(argument, click.Argument) and argument.name != "sources"
            )
            raise click.UsageError(
                f"Say what to read before {after}: SOURCE..., or --kb."
                if after
                else "Missing argument 'SOURCE...', or --kb."
            )
        named = [word for store in kb for word in ("--kb", store)]
        click.get_current_context().meta[_WORDS] = [*named, *sources]
        with registers_of(kb) as kept:
            return command(*words, sources=(*kept, *sources), **options)

    argument = click.argument("sources", nargs=-1, metavar="SOURCE...")
    return cast(Decorated, argument(takes_stores(with_sources)))


def words_for_sources() -> list[str]:
    """The words by which the command at work was given its sources."""
    return list(click.get_current_context().meta[_WORDS])


def takes_as_of(command: Decorated) -> Decorated:
    """Let a command look at an earlier or later time."""
    return click.option(
        "--as-of",
        metavar="DATE|PHASE",
        help="Judge as things stood then: YYYY, YYYY-MM, YYYY-MM-DD or a phase.",
    )(command)


def takes_rules(command: Decorated) -> Decorated:
    """Let a command read rules from another folder."""
    return click.option(
        "--rules",
        "folder",
        metavar="DIR",
        type=click.Path(path_type=Path),
        help="Use the rules of this folder instead of the shipped ones.",
    )(command)


def takes_limits(command: Decorated) -> Decorated:
    """Let a command be told how much of the machine it may use."""

    @wraps(command)
    def limited(
        *words: Any,
        memory_limit: str | None,
        threads: int | None,
        temp_dir: Path | None,
        max_rows: int,
        max_seconds: float,
        **options: Any,
    ) -> Any:
        from holdfast.columns.deadline import end_where_deaf

        end_where_deaf(_end)
        limits = Limits(memory_limit, threads, temp_dir, max_rows, max_seconds)
        return command(*words, limits=limits, **options)

    for option in (
        click.option(
            "--max-seconds",
            type=click.FloatRange(0, min_open=True),
            default=Limits.seconds,
            show_default=True,
            help="How long one rule may take before it is taken for endless.",
        ),
        click.option(
            "--max-rows",
            type=click.IntRange(1),
            default=Limits.rows,
            show_default=True,
            help="How many answers one rule may have at once before it is taken for endless.",
        ),
        click.option(
            "--temp-dir",
            metavar="DIR",
            type=click.Path(path_type=Path),
            help="Where to put what does not fit in memory. [default: the system's own]",
        ),
        click.option(
            "--threads",
            type=click.IntRange(1),
            envvar="HOLDFAST_THREADS",
            help="How many threads may work at once. [default: one for each core]",
        ),
        click.option(
            "--memory-limit",
            metavar="SIZE",
            envvar="HOLDFAST_MEMORY",
            help="Memory for the columns, as 2GB; beyond it they go to disk. [default: 80%]",
        ),
    ):
        limited = option(limited)
    return cast(Decorated, limited)


def _end(error: HoldfastError) -> None:
    """Tell an error and leave at once: the thread that is to be left hears nothing."""
    with suppress(OSError):
        click.echo(f"Error: {error}", err=True)
    os._exit(2)


def takes_venture(words: str) -> Callable[[Decorated], Decorated]:
    """Let a command take the one venture that it speaks of."""
    return click.option(
        "--venture",
        required=True,
        metavar="IRI",
        help=f"{words} The last part of its IRI will do.",
    )


def takes_format(*forms: str) -> Callable[[Decorated], Decorated]:
    """Let a command write its answer in one of these formats; the first is the usual one."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(forms),
        default=forms[0],
        show_default=True,
        help="How to write the answer.",
    )
