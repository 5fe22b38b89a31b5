"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def remembered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Plans are kept for this run alone, so that no run depends on what an earlier one kept."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HOLDFAST_CACHE", str(tmp_path_factory.mktemp("remembered")))
        yield
