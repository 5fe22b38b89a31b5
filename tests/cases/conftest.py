"""The two cases of the paper, each assessed once for each phase that a test asks for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from holdfast.assess import VentureAssessment, assess

GRAPHS = Path(__file__).parents[2] / "kb" / "graphs"
CASES = {
    "A": (GRAPHS / "physical-activity.trig", "physical-activity"),
    "B": (GRAPHS / "easington.trig", "easington"),
}


@pytest.fixture(scope="session")
def assessed() -> Callable[[str], VentureAssessment]:
    """The venture of a case as of a phase, by the notation of the phase: `assessed("A5")`."""

    @cache
    def as_of(phase: str) -> VentureAssessment:
        source, venture = CASES[phase[0]]
        return assess([str(source)], as_of=phase, evidence=False).venture(venture)

    return as_of
