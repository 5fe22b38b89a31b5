"""What can be set, by command line, environment and file; docs/service.md lists it all."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from holdfast.errors import HoldfastError
from holdfast.vocabulary import nearest


class SettingsError(HoldfastError):
    """A setting that is not known or has no such value."""


def _cores() -> int:
    return max(2, os.cpu_count() or 2)


@dataclass(frozen=True)
class Settings:
    """All settings, with what holds where nothing is said."""

    host: str = "127.0.0.1"
    port: int = 8000
    token: str = ""
    public_url: str = ""
    trusted_hosts: tuple[str, ...] = ()
    trusted_proxy: str = ""
    cors: str = "*"
    workers: int = field(default_factory=_cores)
    slow_workers: int = field(default_factory=lambda: 2 * _cores())
    patience: float = 0.5
    timeout: float = 30.0
    timeout_most: float = 120.0
    memory: int = 1024
    answers: int = 64
    rows: int = 0
    queue: int = 256
    queue_seconds: float = 10.0
    write_seconds: float = 0.0
    connections: int = 4096
    query_size: int = 1024
    upload_size: int = 1024 * 1024
    update_quads: int = 200_000
    union: bool = True
    csv_guard: bool = True
    questions: str = ""
    title: str = "Partnership registers"
    description: str = ""
    publisher: str = "Not named"
    licence: str = "https://creativecommons.org/licenses/by/4.0/"
    as_of: str = ""
    log: str = "text"
    stop_seconds: float = 20.0

    def __post_init__(self) -> None:
        for name, (least, most) in _BOUNDS.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise SettingsError(
                    f"{name} is {value}.", mend=f"Give a number from {least:g} to {most:g}."
                )
        if self.timeout > self.timeout_most:
            raise SettingsError(
                f"timeout is {self.timeout:g}, and timeout_most {self.timeout_most:g}.",
                mend="Let timeout be the smaller.",
            )
        if self.log not in ("text", "json", "off"):
            raise SettingsError(f"log is {self.log!r}.", mend="It is text, json or off.")


_BOUNDS: Mapping[str, tuple[float, float]] = {
    "port": (0, 65535),
    "workers": (1, 256),
    "slow_workers": (1, 256),
    "patience": (0.05, 3600),
    "timeout": (0.1, 86400),
    "timeout_most": (0.1, 86400),
    "memory": (64, 1 << 20),
    "answers": (0, 1 << 20),
    "rows": (0, 1 << 40),
    "queue": (1, 4096),
    "queue_seconds": (0.1, 3600),
    "write_seconds": (0, 86400),
    "connections": (16, 65536),
    "query_size": (1, 1 << 20),
    "upload_size": (1, 1 << 30),
    "update_quads": (0, 1 << 40),
    "stop_seconds": (0, 3600),
}

PREFIX = "HOLDFAST_"
"""With what the name of a setting begins in the environment: HOLDFAST_TOKEN, HOLDFAST_TIMEOUT."""


def read_settings(
    file: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    given: Mapping[str, Any] | None = None,
) -> Settings:
    """The settings: `given` on the command line before the environment before a TOML file.

    Raises SettingsError for a file that cannot be read, an unknown name or a value of the wrong
    kind. Unknown names in the environment are passed over: other parts of Holdfast have theirs.
    """
    known = {one.name: one.type for one in fields(Settings)}
    found: dict[str, Any] = {}
    if file is not None:
        for name, value in _in_file(file).items():
            if name not in known:
                raise SettingsError(
                    f"there is no setting {name}.",
                    where=str(file),
                    mend=nearest(name, known) or f"There are {', '.join(known)}.",
                )
            found[name] = _read(name, value, str(file))
    for name in known:
        key = PREFIX + name.upper()
        if environment is not None and environment.get(key, "") != "":
            found[name] = _read(name, environment[key], key)
    for name, value in (given or {}).items():
        if value is not None:
            found[name] = value
    return Settings(**found)


def _in_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"the file cannot be read: {getattr(error, 'strerror', None) or error}.",
            where=str(file),
            mend="Check the path, and that the file is text in UTF-8.",
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            f"this is not TOML: {error}.", where=str(file), mend="Write name = value on each line."
        ) from None


def _read(name: str, value: Any, where: str) -> Any:
    """A value as its setting has it, from a text or a value of TOML."""
    usual = getattr(Settings(), name)
    try:
        if isinstance(usual, bool):
            if isinstance(value, bool):
                return value
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[
                str(value).strip().lower()
            ]
        if isinstance(usual, tuple):
            parts = value.split(",") if isinstance(value, str) else list(value)
            return tuple(str(part).strip() for part in parts if str(part).strip())
        if isinstance(usual, str):
            if not isinstance(value, str):
                raise TypeError
            return value
        if isinstance(value, bool):
            raise TypeError
        return type(usual)(value)
    except (KeyError, TypeError, ValueError):
        kind = {bool: "true or false", tuple: "a list", str: "a text"}.get(type(usual), "a number")
        raise SettingsError(f"{name} is {value!r}.", where=where, mend=f"Give {kind}.") from None
