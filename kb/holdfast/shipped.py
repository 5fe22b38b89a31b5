"""Where the shipped folders are: in the wheel beside the code, in a checkout above it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def shipped_folder(name: Literal["ontology", "rules", "graphs", "mappings"]) -> Path:
    """The folder of that name as shipped with this installation."""
    packaged = Path(__file__).parent / "shipped" / name
    if packaged.is_dir():
        return packaged
    checkout = Path(__file__).parents[2]
    return checkout / "kb" / name if name in ("graphs", "mappings") else checkout / name


def shipped_file(name: Literal["findings.schema.json"]) -> Path:
    """The file of that name as shipped with this installation."""
    packaged = Path(__file__).parent / "shipped" / name
    return packaged if packaged.is_file() else Path(__file__).parents[2] / "docs" / name
