"""What went wrong, told to a program and to its user: `application/problem+json` (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

MEDIA = "application/problem+json"
TYPES = "https://w3id.org/holdfast/problems#"

KINDS: Mapping[str, tuple[int, str]] = {
    "bad-request": (400, "The request is not understood"),
    "query-syntax": (400, "This is not SPARQL 1.1"),
    "update-syntax": (400, "This is not SPARQL 1.1 Update"),
    "not-allowed-in-query": (400, "The query asks for what is not done here"),
    "unknown-function": (400, "The query uses a function that is not known here"),
    "too-complex": (400, "It is too complex"),
    "rdf-syntax": (400, "The data cannot be read"),
    "refused": (422, "The data or the change is refused"),
    "token-missing": (401, "A token is needed"),
    "token-wrong": (401, "The token is wrong"),
    "read-only": (403, "Nothing can be written here"),
    "not-found": (404, "There is no such thing here"),
    "method-not-allowed": (405, "The method is not known here"),
    "not-acceptable": (406, "None of the forms asked for is to be had"),
    "conflict": (409, "Something else was written meanwhile"),
    "precondition": (412, "The condition of the request does not hold"),
    "too-large": (413, "The request is too large"),
    "media-type": (415, "The media type of the request is not known here"),
    "internal": (500, "Something went wrong here"),
    "busy": (503, "The service is busy"),
    "stopping": (503, "The service is stopping"),
    "deadline": (504, "It took too long"),
    "memory": (507, "It needed too much memory"),
}
"""Each kind of problem with its status and its title; docs/service.md tells more."""


COME_AGAIN = {"busy": "5", "stopping": "5"}
"""After how many seconds who met such a problem may come again, where nothing else is said."""


class Problem(Exception):
    """A request that is not answered: its kind, what is wrong in a sentence, and what to do.

    `extra` are further members of the answer, such as `line` and `column`.
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        self.kind = kind
        self.detail = detail
        self.status = KINDS[kind][0] if status is None else status
        self.headers = dict(headers or {})
        if kind in COME_AGAIN:
            self.headers.setdefault("Retry-After", COME_AGAIN[kind])
        self.extra = extra
        super().__init__(detail)

    def members(self) -> dict[str, Any]:
        """What the answer says."""
        return {
            "type": TYPES + self.kind,
            "title": KINDS[self.kind][1],
            "status": self.status,
            "detail": self.detail,
            **self.extra,
        }

    def body(self, **more: Any) -> bytes:
        """The answer as it is sent, with more members where given."""
        return json.dumps({**self.members(), **more}, ensure_ascii=False).encode() + b"\n"
