"""Text in and out: files, standard input and standard output."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from holdfast.errors import SourceError


def write(text: str) -> None:
    """Put text on standard output as UTF-8, whatever the terminal speaks."""
    click.echo(text.encode("utf-8"), nl=False)


def text_of(file: Path) -> str:
    try:
        if str(file) == "-":
            return sys.stdin.buffer.read().decode("utf-8")
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SourceError(f"the file cannot be read: {reason}.", where=str(file)) from None


def deliver(text: str, out: str | None) -> None:
    """Put text into a file, or on standard output."""
    if out is None or out == "-":
        write(text)
        return
    try:
        Path(out).write_text(text, encoding="utf-8")
    except OSError as error:
        raise SourceError(
            f"the report cannot be written: {error.strerror or error}.", where=out
        ) from None
