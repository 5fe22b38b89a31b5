"""What the tests of the reasoner share: assessments, which take seconds to make, made once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import holdfast.assess
import holdfast.timeline
from holdfast.assess import Assessment
from holdfast.shipped import shipped_folder


@pytest.fixture(scope="session")
def case_a() -> str:
    """The register of the paper's first case."""
    return str(shipped_folder("graphs") / "physical-activity.trig")


@pytest.fixture(scope="session")
def case_b() -> str:
    """The register of the paper's second case."""
    return str(shipped_folder("graphs") / "easington.trig")


@pytest.fixture(scope="session")
def assess_once() -> Callable[..., Assessment]:
    """`assess`, which answers the same question a second time from memory."""
    known: dict[tuple[Any, ...], Assessment] = {}
    afresh = holdfast.assess.assess

    def assess(sources: Sequence[str], **options: Any) -> Assessment:
        if "-" in sources:
            return afresh(sources, **options)
        told = options.pop("progress", None)
        del told
        options["evidence"] = True
        key = (
            tuple(sources),
            *(Path(source).stat().st_mtime_ns for source in sources if Path(source).exists()),
            *sorted((name, str(value)) for name, value in options.items() if value),
        )
        if key not in known:
            known[key] = afresh(sources, **options)
        return known[key]

    return assess


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, assess_once: Callable[..., Assessment]) -> None:
    """Let the commands assess through `assess_once`."""
    monkeypatch.setattr(holdfast.assess, "assess", assess_once)
    monkeypatch.setattr(holdfast.timeline, "assess", assess_once)
