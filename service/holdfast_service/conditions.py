"""What a write is conditional on: If-Match and If-None-Match (RFC 9110 §13.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import flask

from holdfast_service.problem import Problem

NEW = 0
"""The version that a write follows where there must be none."""


def followed(current: int, tags: Callable[[], Iterable[str]] = tuple) -> int | None:
    """The number of the version that this request wants to change, `NEW` for none, None for any.

    `current` is the one that is there, or `NEW`; `tags` are the entity tags of its forms.
    Raises Problem (412) for a condition that does not hold.
    """
    wanted, unwanted = flask.request.if_match, flask.request.if_none_match
    if unwanted.star_tag:
        if current:
            raise _fails("If-None-Match", "It is there already.")
        return NEW
    if unwanted and current and any(unwanted.contains_weak(tag) for tag in tags()):
        raise _fails("If-None-Match", "It is as you have it.")
    if not wanted:
        return None
    if not current:
        raise _fails("If-Match", "It is not there.")
    if wanted.star_tag:
        return None
    if not any(wanted.contains(tag) for tag in tags()):
        raise _fails("If-Match", "It has changed since. Get it anew, and make your change to that.")
    return current


def _fails(header: str, why: str) -> Problem:
    return Problem("precondition", f"{header} does not hold, and nothing has changed. {why}")
