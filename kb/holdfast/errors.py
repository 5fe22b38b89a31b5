"""What can go wrong for a user, said so that they can mend it."""

from __future__ import annotations

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


class HoldfastError(Exception):
    """Input that cannot be used: what is wrong, where, and what to do next.

    `where` is a place that the reader can open: a file, `file: line 9`, a rule or a term.
    """

    def __init__(self, what: str, *, where: str = "", mend: str = "") -> None:
        self.what = what
        self.where = where
        self.mend = mend
        super().__init__(str(self))

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        mend = f" {self.mend}" if self.mend else ""
        return f"{place}{self.what}{mend}"


def clean(text: str) -> str:
    """Text from a register in one line, without signs that would steer a terminal."""
    return _CONTROL.sub(" ", text).strip()


def printable(text: str) -> str:
    """A text on one line, fit for a terminal: control characters are shown by their codes."""
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text
    )


class SourceError(HoldfastError):
    """A source of facts that cannot be read."""


class RuleError(HoldfastError):
    """A rule or ontology file that cannot be read, compiled or put in order."""


class UnknownNameError(HoldfastError):
    """A venture, rule, basis or phase that is not there."""


class ShapeError(HoldfastError):
    """A shapes graph that is ill-formed or asks for what cannot be compiled."""


class StoreError(HoldfastError):
    """A store that cannot be opened, read or written."""


class BusyError(StoreError):
    """A write that had to wait too long for those before it; it may be tried again."""


class TooLargeError(StoreError):
    """An update that would change more than it may."""


class ConflictError(HoldfastError):
    """A write that does not fit what the store holds by now."""


class OutdatedError(ConflictError):
    """A write that was made for another version than the one that is there."""
