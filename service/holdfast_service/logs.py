"""What the service writes to its log: a line for each request, as text or as JSON."""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
from datetime import UTC, datetime
from typing import Any

LOGGER = logging.getLogger("holdfast.service")

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id(given: str | None) -> str:
    """The id of a request: the one that the client gave, if it is a plain word, or a new one."""
    if given and _ID.fullmatch(given):
        return given
    return secrets.token_hex(8)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            said["error"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False, default=str)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields = getattr(record, "fields", {})
        told = " ".join(f"{name}={json.dumps(value)}" for name, value in fields.items())
        line = f"{when} {record.levelname.lower()} {record.getMessage()} {told}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def set_up(form: str) -> None:
    """Write the log to standard error in this form: `text`, `json`, or `off` for errors alone."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    LOGGER.handlers[:] = [handler]
    LOGGER.propagate = False
    LOGGER.setLevel(logging.ERROR if form == "off" else logging.INFO)
    # a client that leaves and a queue that fills are told by our own lines and figures
    for name in ("waitress", "waitress.queue"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("waitress").handlers[:] = [handler]
    logging.getLogger("waitress").propagate = False


def event(name: str, **fields: Any) -> None:
    """Write one line."""
    LOGGER.info(name, extra={"fields": fields})
