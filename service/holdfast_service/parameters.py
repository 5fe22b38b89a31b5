"""The parameters of a request, read strictly: UTF-8, each once unless it may come more often."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

import flask
from werkzeug.http import parse_options_header

from holdfast_service.problem import Problem

FORM = "application/x-www-form-urlencoded"

_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|\\^`]*")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?|\.[0-9]+([eE][+-]?[0-9]+)?")
WHOLE = re.compile(r"-?[0-9]{1,18}")
"""A whole number as it is written in a parameter; Python takes `1_0` and other scripts as well."""


@dataclass(frozen=True)
class Parameters:
    """The parameters of the address, and those of a form where one was sent."""

    pairs: tuple[tuple[str, str], ...]

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a parameter, in order."""
        return tuple(value for key, value in self.pairs if key == name)

    def one(self, name: str) -> str | None:
        """The value of a parameter. Raises Problem (400) where there are several."""
        values = self.all(name)
        if len(values) > 1:
            raise Problem("bad-request", f"{name} is given {len(values)} times. Give it once.")
        return values[0] if values else None

    def iris(self, name: str) -> list[str]:
        """Every value of a parameter, each a whole IRI. Raises Problem (400) for any other."""
        return [whole_iri(value, name) for value in self.all(name)]

    def number(self, name: str, least: float, most: float, *, whole: bool = False) -> float | None:
        """The number that a parameter is. Raises Problem (400)."""
        text = self.one(name)
        if text is None:
            return None
        form = WHOLE if whole else _NUMBER
        value = float(text) if form.fullmatch(text) else float("nan")
        if not least <= value <= most:
            raise Problem(
                "bad-request",
                f"{name} is {text!r}. Give a {'whole ' * whole}number from {least:g} to {most:g}.",
            )
        return value


def whole_iri(value: str, name: str) -> str:
    """A value that is a whole IRI. Raises Problem (400) for any other."""
    if not _IRI.fullmatch(value):
        raise Problem("bad-request", f"{name} is {value!r}. Give a whole IRI.")
    return value


def in_address() -> Parameters:
    """The parameters of the address of this request. Raises Problem (400)."""
    return Parameters(tuple(_pairs(flask.request.query_string)))


def with_form(body: bytes) -> Parameters:
    """The parameters of the address and of a form. Raises Problem (400)."""
    return Parameters((*in_address().pairs, *_pairs(body)))


def _pairs(text: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            text.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=1000
        )
    except UnicodeDecodeError:
        raise Problem("bad-request", "The parameters are not UTF-8 in percent encoding.") from None
    except ValueError:
        raise Problem("bad-request", "There are more than 1,000 parameters.") from None


def media_type(known: Sequence[str]) -> str:
    """The media type of what was sent. Raises Problem (415) unless it is known, and in UTF-8."""
    media, options = parse_options_header(flask.request.headers.get("Content-Type", ""))
    shown = ", ".join(known)
    if media.lower() not in known:
        said = f"{media} is not known here" if media else "The Content-Type is missing"
        raise Problem("media-type", f"{said}. Send one of {shown}.")
    charset = options.get("charset", "utf-8").lower().replace("_", "-")
    if charset not in ("utf-8", "utf8", "us-ascii"):
        raise Problem("media-type", f"The text is {charset}. Send it as UTF-8.")
    return media.lower()


def body(limit: int) -> bytes:
    """The body of this request. Raises Problem (413, 415)."""
    encoding = flask.request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise Problem("media-type", f"The body is encoded as {encoding}. Send it as it is.")
    found = flask.request.stream.read(limit + 1)
    if len(found) > limit:
        raise Problem("too-large", f"The body has more than {limit} bytes.")
    return found


def text_of(found: bytes) -> str:
    """A body as text. Raises Problem (400) unless it is UTF-8."""
    try:
        return found.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Problem(
            "bad-request", f"The text is not UTF-8, at byte {error.start}. Send it as UTF-8."
        ) from None
