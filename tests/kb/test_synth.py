"""The made-up register: what was planted is found, and nothing else."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pyoxigraph as ox
import pytest

from holdfast.assess import Assessment, assess
from holdfast.errors import HoldfastError, SourceError
from holdfast.synth import DRAWN_UP, PLANTABLE, write_register

VENTURES = 150


@pytest.fixture(scope="module")
def register(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("synth") / "made-up.nq"
    write_register(VENTURES, 7, file)
    return file


@pytest.fixture(scope="module")
def assessed(register: Path) -> Assessment:
    return assess([str(register)], as_of=DRAWN_UP.isoformat(), evidence=False)


@pytest.fixture(scope="module")
def planted(register: Path) -> set[tuple[str, str]]:
    key = register.with_name(f"{register.name}.planted.csv")
    with key.open(encoding="utf-8", newline="") as lines:
        return {(row["rule"], row["venture"]) for row in csv.DictReader(lines)}


def test_every_planted_risk_is_found_and_no_other(
    assessed: Assessment, planted: set[tuple[str, str]]
) -> None:
    found = {
        (finding.rule, venture.iri)
        for venture in assessed.ventures
        for finding in venture.findings
        if finding.rule in PLANTABLE
    }
    assert (planted - found, found - planted) == (set(), set())


def test_at_least_twenty_rules_are_planted(planted: set[tuple[str, str]]) -> None:
    rules = {rule for rule, _ in planted}
    assert rules <= set(PLANTABLE)
    assert 20 <= len(rules)


def test_ventures_are_of_all_ages(assessed: Assessment) -> None:
    stages = Counter(venture.stage for venture in assessed.ventures)
    assert {"early", "soon-after-inception", "long-term"} <= set(stages)
    assert VENTURES == sum(stages.values())


def test_some_ventures_show_no_planted_risk(planted: set[tuple[str, str]]) -> None:
    assert len({venture for _, venture in planted}) < VENTURES


def test_the_register_is_one_named_graph_that_says_nothing_of_what_was_planted(
    register: Path,
) -> None:
    quads = list(ox.parse(path=str(register), format=ox.RdfFormat.N_QUADS))
    assert 1 == len({quad.graph_name for quad in quads})
    words = register.read_text(encoding="utf-8")
    assert "rules/" not in words
    assert "Finding" not in words
    assert "planted" not in words


def test_the_counts_returned_are_those_of_the_files(tmp_path: Path) -> None:
    file = tmp_path / "small.nq"
    counts = write_register(40, 3, file)
    key = (tmp_path / "small.nq.planted.csv").read_text(encoding="utf-8").splitlines()
    assert counts["triples"] == len(set(file.read_text(encoding="utf-8").splitlines()))
    assert counts["planted"] == len(key) - 1
    assert counts["ventures"] == 40


@pytest.mark.parametrize("suffix", [".nq", ".ttl.gz"])
def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    one, other, third = (tmp_path / f"{name}{suffix}" for name in ("one", "other", "third"))
    for file, seed in ((one, 11), (other, 11), (third, 12)):
        write_register(30, seed, file)
    assert one.read_bytes() == other.read_bytes()
    assert one.read_bytes() != third.read_bytes()


@pytest.mark.parametrize("suffix", [".ttl", ".trig", ".nt"])
def test_every_format_holds_the_same_triples(tmp_path: Path, suffix: str) -> None:
    plain, other = tmp_path / "made-up.nq", tmp_path / f"made-up{suffix}"
    write_register(30, 5, plain)
    write_register(30, 5, other)
    assert _triples(plain) == _triples(other)


def test_no_risk_means_no_key(tmp_path: Path) -> None:
    assert 0 == write_register(30, 5, tmp_path / "calm.nq", risk=0)["planted"]


def test_no_ventures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(HoldfastError, match="0 ventures make no register"):
        write_register(0, 1, tmp_path / "none.nq")
    assert [] == list(tmp_path.iterdir())


def test_an_unknown_format_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"End the name in \.nq"):
        write_register(3, 1, tmp_path / "made-up.docx")
    assert [] == list(tmp_path.iterdir())


def _triples(file: Path) -> set[tuple[str, str, str]]:
    quads = ox.parse(path=str(file), format=ox.RdfFormat.from_extension(file.suffix[1:]))
    return {(str(quad.subject), str(quad.predicate), str(quad.object)) for quad in quads}


def test_findings_that_are_worded_in_parts_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_register(12, 2001, tmp_path / "made-up.nq")
    whole = assess([str(tmp_path / "made-up.nq")], today=DRAWN_UP).ventures

    monkeypatch.setattr("holdfast.assess._WORDED", 7)

    assert whole == assess([str(tmp_path / "made-up.nq")], today=DRAWN_UP).ventures
    assert 20 < sum(len(venture.findings) for venture in whole)
