"""What is kept from one run to the next changes the time a run takes and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from holdfast.memory import Memory, usual_memory
from holdfast.ontology import read_ontology
from holdfast.reason import compile_all
from holdfast.rules import read_rules


def test_a_second_run_takes_from_memory_what_the_first_worked_out(tmp_path: Path) -> None:
    first = Memory(tmp_path)
    assert [1, 2] == first.remember("sum", ["one", "two"], lambda: [1, 2])
    first.save()

    second = Memory(tmp_path)

    assert [1, 2] == second.remember("sum", ["one", "two"], lambda: pytest.fail("worked out again"))
    assert [3] == second.remember("sum", ["one", "three"], lambda: [3])


def test_what_cannot_be_worked_out_is_not_kept(tmp_path: Path) -> None:
    memory = Memory(tmp_path)

    def refuse() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        memory.remember("rule", ["text"], refuse)

    assert "yes" == memory.remember("rule", ["text"], lambda: "yes")


@pytest.mark.parametrize("damage", ["", "{", "[1]", "\x00"])
def test_a_damaged_memory_is_worked_out_anew(tmp_path: Path, damage: str) -> None:
    memory = Memory(tmp_path)
    memory.remember("sum", ["one"], lambda: 1)
    memory.save()
    (file,) = tmp_path.glob("plans-*.json")
    file.write_text(damage, encoding="utf-8")

    assert 1 == Memory(tmp_path).remember("sum", ["one"], lambda: 1)


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file where the folder would be", encoding="utf-8")
    memory = Memory(taken)

    assert 1 == memory.remember("sum", ["one"], lambda: 1)
    memory.save()


def test_versions_side_by_side_keep_what_they_remember_and_old_ones_go(tmp_path: Path) -> None:
    for version in range(6):
        file = tmp_path / f"plans-{version}.json"
        file.write_text("{}", encoding="utf-8")
        os.utime(file, (version, version))

    memory = Memory(tmp_path)
    memory.remember("sum", ["one"], lambda: 1)
    memory.save()

    kept = {file.name for file in tmp_path.iterdir()}
    assert {"plans-3.json", "plans-4.json", "plans-5.json"} < kept
    assert 4 == len(kept)


def test_an_empty_setting_keeps_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOLDFAST_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    memory = usual_memory()
    memory.remember("sum", ["one"], lambda: 1)
    memory.save()

    assert [] == list(tmp_path.iterdir())


def test_rules_and_plans_from_memory_equal_those_worked_out(tmp_path: Path) -> None:
    ontology = read_ontology()
    memory = Memory(tmp_path)
    rules = read_rules(ontology, None, memory)
    plans = compile_all(rules, ontology, [], memory)
    memory.save()

    again = Memory(tmp_path)
    remembered = read_rules(ontology, None, again)

    assert rules == remembered
    assert plans == compile_all(remembered, ontology, [], again)
