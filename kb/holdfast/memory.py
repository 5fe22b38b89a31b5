"""What was worked out before from the same text: rules read and plans compiled, kept on disk.

Reading and compiling depend on nothing but the text of the rules, the ontology and this program,
so that a hash of these is the key. The file holds nothing that cannot be worked out again: delete
it, or set HOLDFAST_CACHE to an empty string, and all that changes is the time it takes.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

KEPT = 4000
"""How many entries the file keeps before those that the last run did not use are dropped."""

VERSIONS = 4
"""Of how many versions of this program what they remember is kept, the last to be written."""


class Memory:
    """Values by key; without a folder it remembers nothing.

    In a `with` statement what is new is kept at the end, also where it ends in an error.
    """

    def __init__(self, folder: Path | None) -> None:
        """Open the memory in `folder`, made when something is to be kept."""
        self._file: Path | None = None
        self._values: dict[str, Any] = {}
        self._used: set[str] = set()
        self._new = False
        if folder is not None:
            self._file = folder / f"plans-{_program()[:16]}.json"
            with suppress(OSError, ValueError):
                loaded = json.loads(self._file.read_text(encoding="utf-8"))
                self._values = loaded if isinstance(loaded, dict) else {}

    def __enter__(self) -> Memory:
        """This memory."""
        return self

    def __exit__(self, *error: object) -> None:
        """Keep what is new."""
        self.save()

    def remember(self, kind: str, parts: Sequence[str], compute: Callable[[], Any]) -> Any:
        """The JSON value that `compute` gives for these parts, worked out only if not known."""
        if self._file is None:
            return compute()
        key = sha256("\x1f".join([kind, *parts]).encode()).hexdigest()
        self._used.add(key)
        if key not in self._values:
            self._values[key] = compute()
            self._new = True
        return self._values[key]

    def save(self) -> None:
        """Keep what is new. A folder that cannot be written costs time, and is no error."""
        if self._file is None or not self._new:
            return
        values = self._values
        if len(values) > KEPT:
            values = {key: value for key, value in values.items() if key in self._used}
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._file.parent, suffix=".part")
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                json.dump(values, out)
            os.replace(name, self._file)
            self._new = False
            files = self._file.parent.glob("plans-*.json")
            for old in sorted(files, key=lambda file: file.stat().st_mtime)[:-VERSIONS]:
                old.unlink()


def usual_memory() -> Memory:
    """The memory in HOLDFAST_CACHE, or else in the user's folder for caches."""
    chosen = os.environ.get("HOLDFAST_CACHE")
    if chosen is not None:
        return Memory(Path(chosen) if chosen else None)
    caches = os.environ.get("XDG_CACHE_HOME") or str(Path("~").expanduser() / ".cache")
    return Memory(Path(caches) / "holdfast")


def _program() -> str:
    """A hash of this program and of the libraries whose work is remembered."""
    digest = sha256()
    for library in ("rdflib", "sqlglot"):
        digest.update(version(library).encode())
    for file in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()
