"""Where the shipped folders are: in the wheel beside the code, in a checkout above it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def shipped_folder(name: Literal["ontology", "rules", "graphs"]) -> Path:
    """The folder of that name as shipped with this installation."""
    packaged = Path(__file__).parent / "shipped" / name
    if packaged.is_dir():
        return packaged
    checkout = Path(__file__).parents[2]
    return checkout / "kb" / "graphs" if name == "graphs" else checkout / name
