"""Where text is shown, a terminal or a pipe: paragraphs, tables, and a bar while one waits."""

from __future__ import annotations

import io
import os
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Timer

from rich.console import Console
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from holdfast.errors import clean
from holdfast.limits import Progress

_NUMBER = re.compile(r"-|-?[\d.,]+(E-?\d+)?")


def page() -> Console:
    """Where text is shown: in colour on a terminal, plain elsewhere.

    Elsewhere lines are as wide as COLUMNS says, and are not broken at all if it says nothing.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    if isinstance(sys.stdout, io.TextIOWrapper) and "utf" not in encoding.lower():
        sys.stdout.reconfigure(errors="replace")
    endless = not sys.stdout.isatty() and not os.environ.get("COLUMNS", "").isdigit()
    return Console(highlight=False, width=100_000 if endless else None)


@contextmanager
def waiting(text: str) -> Iterator[Progress]:
    """What to tell progress to: a bar on a terminal once a second has gone by, else nobody."""
    if not (sys.stderr.isatty() and sys.stdout.isatty()):
        yield lambda text, done, total: None
        return
    bar = Bar(console=Console(stderr=True), transient=True)
    task = bar.add_task(text, total=None)
    begin = Timer(1.0, bar.start)
    begin.start()
    try:
        yield lambda text, done, total: bar.update(
            task, description=text, completed=done, total=total
        )
    finally:
        begin.cancel()
        begin.join()
        if bar.live.is_started:
            bar.stop()


def say(
    console: Console, text: str, *, lead: str = "", hang: str | None = None, style: str = ""
) -> None:
    """One paragraph behind `lead`, its further lines behind `hang` (by default as many spaces)."""
    rest = " " * len(lead) if hang is None else hang
    width = max(console.width - len(lead), 24)
    lines = textwrap.wrap(clean(text), width, break_long_words=False, break_on_hyphens=False)
    for place, line in enumerate(lines or [""]):
        console.print(Text((rest if place else lead) + line, style), soft_wrap=True)


def show_heading(console: Console, text: str) -> None:
    """A heading, with an empty line before it."""
    console.print()
    say(console, text, style="bold")


def empty_table(*columns: str, right: Iterable[str] = ()) -> Table:
    """An empty table without lines; what a command takes, rules and names, is never broken."""
    empty = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for name in columns:
        empty.add_column(
            name,
            justify="right" if name in right else "left",
            no_wrap=name in ("Rule", "Name"),
            overflow="ignore" if name in ("Rule", "Name") else "fold",
        )
    return empty


def show_table(console: Console, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Rows under the names of their columns; numbers stand to the right."""
    listed = [list(row) for row in rows]
    numbers = {
        name
        for place, name in enumerate(columns)
        if listed and all(_NUMBER.fullmatch(row[place]) for row in listed)
    }
    shown = empty_table(*columns, right=numbers)
    for row in listed:
        shown.add_row(*(Text(cell) for cell in row))
    console.print(shown)
